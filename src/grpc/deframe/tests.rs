use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn drain(deframer: &mut Deframer) -> Vec<PrefixedMessage> {
    std::iter::from_fn(|| deframer.next_frame().unwrap()).collect()
}

#[test]
fn a_message_within_one_chunk_is_a_slice_of_it() {
    let chunk = Bytes::from(encode_message(false, b"payload"));
    let inside = chunk.as_ptr().wrapping_add(PREFIX_BYTES);
    let mut deframer = Deframer::default();
    deframer.push(chunk);
    let frame = deframer.next_frame().unwrap().unwrap();
    assert_eq!(frame.data.as_ptr(), inside);
}

#[test]
fn an_empty_message_is_a_message() {
    let mut deframer = Deframer::default();
    deframer.push(Bytes::from_static(&[0, 0, 0, 0, 0]));
    assert_eq!(drain(&mut deframer).len(), 1);
    assert_eq!(deframer.finish(), Ok(()));
}

#[test]
fn a_hostile_length_allocates_next_to_nothing() {
    let mut deframer = Deframer::new(usize::MAX);
    deframer.push(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 1]));
    assert_eq!(deframer.next_frame(), Ok(None));
    assert!(deframer.partial.capacity() <= 2 * FIRST_RESERVE);
}

#[test]
fn a_message_over_the_limit_names_size_and_limit() {
    let mut deframer = Deframer::new(10);
    deframer.push(Bytes::from(encode_message(false, &[7; 11])));
    let text = deframer.next_frame().unwrap_err().to_string();
    assert!(
        text.contains("11 bytes") && text.contains("limit is 10") && text.contains("higher limit"),
        "{text}"
    );
    assert!(deframer.next_frame().is_err(), "an error stays");
    let mut exact = Deframer::new(10);
    exact.push(Bytes::from(encode_message(false, &[7; 10])));
    assert_eq!(drain(&mut exact).len(), 1);
}

#[test]
fn a_flag_byte_other_than_0_or_1_is_an_error() {
    let mut deframer = Deframer::default();
    deframer.push(Bytes::from(encode_message(false, b"x")));
    deframer.push(Bytes::from_static(&[2, 0, 0, 0, 0]));
    assert!(deframer.next_frame().unwrap().is_some());
    assert_eq!(
        deframer.next_frame(),
        Err(WireError::Flag {
            index: 2,
            offset: 6,
            flag: 2
        })
    );
}

#[test]
fn a_stream_that_ends_inside_a_message_or_a_prefix_is_an_error() {
    let whole = encode_message(false, b"abc");
    for cut in 1..whole.len() {
        let mut deframer = Deframer::default();
        deframer.push(Bytes::copy_from_slice(&whole[..cut]));
        assert_eq!(deframer.next_frame(), Ok(None), "cut at {cut}");
        let Err(WireError::Truncated { have, .. }) = deframer.finish() else {
            panic!("cut at {cut} must be an error")
        };
        assert_eq!(have, cut as u64);
    }
}

#[test]
fn prefix_and_message_agree() {
    assert_eq!(encode_message(true, b"ab")[..5], prefix(true, 2).unwrap());
    assert_eq!(prefix(false, u32::MAX as usize + 1), None);
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_messages(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
        cuts in prop::collection::vec(1usize..90, 1..40),
    ) {
        let wire: Vec<u8> = messages.iter().flat_map(|(flag, data)| encode_message(*flag, data)).collect();
        let mut deframer = Deframer::default();
        let mut frames = Vec::new();
        let mut rest = Bytes::from(wire);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            deframer.push(rest.split_to((*cut).min(rest.len())));
            frames.extend(drain(&mut deframer));
        }
        prop_assert_eq!(deframer.finish(), Ok(()));
        let got: Vec<_> = frames.into_iter().map(|f| (f.compressed, f.data.to_vec())).collect();
        prop_assert_eq!(got, messages);
    }
}

#[test]
fn what_follows_a_message_that_is_skipped_is_read_however_the_stream_is_cut() {
    let messages = [&b"a"[..], &[7; 300], b"", &[8; 999], &[9; 999], b"last"];
    let wire: Vec<u8> = messages.iter().flat_map(|data| encode_message(false, data)).collect();
    for step in [1, 3, 7, 299, 1000, wire.len()] {
        let (mut deframer, mut found, mut refused) = (Deframer::new(300), Vec::new(), Vec::new());
        for chunk in wire.chunks(step) {
            deframer.push(Bytes::copy_from_slice(chunk));
            loop {
                match deframer.next_frame() {
                    Ok(Some(frame)) => found.push(frame.data),
                    Ok(None) => break,
                    Err(WireError::TooLarge {
                        index, offset, size, ..
                    }) => {
                        refused.push((index, offset, size));
                        assert!(deframer.skip_refused());
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        assert_eq!(found, [&b"a"[..], &[7; 300], b"", b"last"], "step {step}");
        assert_eq!(refused, [(4, 316, 999), (5, 1320, 999)], "step {step}");
        assert!(deframer.finish().is_ok() && !deframer.inside_message());
        assert!(!deframer.skip_refused());
    }
}

#[test]
fn a_message_that_is_skipped_is_not_held_and_may_be_cut() {
    let mut deframer = Deframer::new(10);
    let wire = encode_message(false, &[1; 5000]);
    for chunk in wire[..4000].chunks(100) {
        deframer.push(Bytes::copy_from_slice(chunk));
        if deframer.next_frame().is_err() {
            assert!(deframer.skip_refused());
        }
        assert!(deframer.chunks.is_empty() && deframer.buffered == 0);
    }
    assert!(deframer.inside_message() && deframer.finish().is_ok());
}
