use proptest::{collection::vec, prelude::*};

use super::*;

fn written(messages: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    for message in messages {
        write_message(&mut file, message).unwrap();
    }
    file
}

fn only_error(file: &[u8]) -> DelimitedError {
    DelimitedReader::new(file).find_map(Result::err).unwrap()
}

#[test]
fn an_empty_file_has_no_message() {
    assert!(DelimitedReader::new(&[][..]).next().is_none());
}

#[test]
fn a_cut_file_gives_its_whole_messages_and_then_one_placed_error() {
    let file = written(&[b"first", &[7; 300]]);
    for end in 7..file.len() {
        let mut reader = DelimitedReader::new(&file[..end]);
        assert_eq!(reader.next().unwrap().unwrap(), "first");
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!((error.number, error.byte), (2, 6), "cut at byte {end}");
        assert!(error.to_string().contains("cut off"), "{error}");
        assert!(reader.next().is_none());
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_it_is_read() {
    let mut file = Vec::new();
    varint::put(&mut file, MAX_MESSAGE_BYTES + 1);
    let error = only_error(&file);
    assert!(matches!(error.kind, DelimitedErrorKind::TooLong { length } if length == MAX_MESSAGE_BYTES + 1));
    file.clear();
    varint::put(&mut file, MAX_MESSAGE_BYTES);
    file.extend_from_slice(b"short");
    assert!(matches!(
        only_error(&file).kind,
        DelimitedErrorKind::CutMessage { there: 5, .. }
    ));
}

#[test]
fn bytes_that_are_no_length_are_refused() {
    let error = only_error(&[0xff; 20]);
    assert!(matches!(error.kind, DelimitedErrorKind::NoLength), "{error}");
    assert_eq!((error.number, error.byte), (1, 0));
}

#[test]
fn a_failing_reader_is_an_error_with_its_place() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let error = DelimitedReader::new((&[3, b'a'][..]).chain(Broken))
        .next()
        .unwrap()
        .unwrap_err();
    assert!(
        error.to_string().contains("message 1 at byte 0: the disk is gone"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(messages in vec(vec(any::<u8>(), 0..300), 0..8)) {
        let slices = messages.iter().map(Vec::as_slice).collect::<Vec<_>>();
        let read = DelimitedReader::new(written(&slices).as_slice()).collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(read, messages);
    }
}
