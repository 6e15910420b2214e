use super::*;
use crate::transform::convert::delimited::write_message;

fn other(start: &[u8]) -> &'static str {
    match recognize(start) {
        Form::Other(kind) => kind.name,
        form => panic!("{form:?}: {start:?}"),
    }
}

#[test]
fn every_known_beginning_is_named() {
    for (begin, kind) in BEGINNINGS {
        // What follows in a real file is neither text nor a message.
        let mut start = begin.to_vec();
        start.extend([0xff; 300]);
        assert_eq!(other(&start), kind.name, "{begin:?}");
        assert_eq!(other(begin), kind.name, "{begin:?}");
    }
}

#[test]
fn texts_are_told_apart() {
    for (text, name) in [
        (&b"{\"a\": 1}\n{\"a\": 2}\n"[..], "a file of JSON lines"),
        (
            b"{\n  \"rows\": [1, 2, 3], \"and\": \"so on and on and on and on and on and on\"\n}\n",
            "a JSON document",
        ),
        (b"[1, 2]", "a JSON document"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"<?xml version=\"1.0\"?>", "an XML document"),
        (b"\xef\xbb\xbftime,sensor\n1,2\n", "a text file"),
        (b"hi\n", "a text file"),
        ("ä, ö and ü\n".as_bytes(), "a text file"),
        (b"\xff\xfeh\0e\0l\0l\0o\0", "a text file in UTF-16"),
        (b"\xfe\xff\0h\0e\0l\0l\0o", "a text file in UTF-16"),
        (&[0; 64], "nothing but zeros"),
        (
            b"\0\0\0\0\x03\x0a\x01a\0\0\0\0\x02\x08\x01",
            "a file of messages behind gRPC's five-byte prefix",
        ),
    ] {
        assert_eq!(other(text), name, "{:?}", String::from_utf8_lossy(text));
    }
    let mut tar = vec![b'a'; 257];
    tar.extend(b"ustar\0");
    tar.resize(1024, 1);
    assert_eq!(other(&tar), "a tar archive");
}

#[test]
fn a_capture_is_known_and_other_zstd_parts_are_not_it() {
    let capture = std::fs::read("captures/nan.gcap").unwrap();
    assert_eq!(other(&capture), "a capture already");
    assert_eq!(recognize(&capture[..8]), Form::Frames);
}

/// A message of this length whose bytes are those of a text.
#[test]
fn messages_that_look_like_another_kind_are_messages() {
    // One string field in each message, so that every byte is printable: length, tag (a line feed), length, text.
    let mut file = Vec::new();
    for _ in 0..50 {
        let mut message = vec![b'\n', b' '];
        message.extend([b'x'; 32]);
        write_message(&mut file, &message).unwrap();
    }
    assert!(file.iter().all(|byte| byte.is_ascii_graphic() || b" \n".contains(byte)));
    assert_eq!(recognize(&file), Form::Frames);
    // A length of 66, and a message that begins with "Zh" would be bzip2's beginning.
    for begin in [&b"\x02\x0a\x00"[..], b"\x00\x00\x00", b"", b"\x03\xff\xff\xff\x01\x07"] {
        assert_eq!(recognize(begin), Form::Frames, "{begin:?}");
    }
    // The first message reaches beyond the look.
    let mut long = Vec::new();
    let mut message = vec![0x0a];
    crate::model::varint::put(&mut message, 200_000);
    message.resize(message.len() + 200_000, b'a');
    write_message(&mut long, &message).unwrap();
    assert_eq!(recognize(&long[..LOOK_BYTES]), Form::Frames);
}

#[test]
fn binary_logs_are_known_under_both_framings() {
    // An entry as Java writes it: a time, call 1, number 1, CLIENT_HEADER, client, and the header of /a.B/C.
    let entry =
        b"\x0a\x06\x08\x80\xe2\xcf\xaa\x06\x10\x01\x18\x01\x20\x01\x28\x01\x32\x0f\x0a\x00\x12\x06/a.B/C\x1a\x03h:1";
    let mut varint = vec![entry.len() as u8];
    varint.extend(entry);
    assert_eq!(recognize(&varint), Form::Binlog(Framing::Varint));
    let mut fixed = (entry.len() as u32).to_be_bytes().to_vec();
    fixed.extend(entry);
    assert_eq!(recognize(&fixed), Form::Binlog(Framing::Fixed));
    // A half-close has no payload; no call has the number 0.
    assert_eq!(
        recognize(b"\x06\x10\x01\x18\x02\x20\x05"),
        Form::Binlog(Framing::Varint)
    );
    assert_eq!(recognize(b"\x04\x18\x02\x20\x05"), Form::Frames);
}
