use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let head = Head {
        len: payload.len(),
        kind,
        flags,
        stream,
    };
    [&head.bytes()[..], payload].concat()
}

/// Everything that `bytes` hold, fed in pieces of `step`, with neighbouring pieces of one DATA frame joined.
fn items(mut reader: FrameReader, bytes: &[u8], step: usize) -> (Vec<Item>, Vec<u8>) {
    let (mut found, mut raw) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(step) {
        reader.push(Bytes::copy_from_slice(piece));
        while let Some(item) = reader.next() {
            match &item {
                Item::Pass(bytes) => {
                    raw.extend_from_slice(bytes);
                    continue;
                }
                Item::Frame(head, payload) => {
                    raw.extend_from_slice(&head.bytes());
                    raw.extend_from_slice(payload);
                }
                Item::Data { raw: bytes, .. } => raw.extend_from_slice(bytes),
            }
            found.push(item);
        }
    }
    assert_eq!(reader.missing(), 0);
    (found, raw)
}

fn data(items: &[Item]) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let mut ends = 0;
    for item in items {
        if let Item::Data { raw, data, end, .. } = item {
            bytes.extend_from_slice(&raw[..*data]);
            ends += usize::from(*end);
        }
    }
    (bytes, ends)
}

#[test]
fn frames_are_found_however_the_bytes_are_cut_and_none_is_lost_or_changed() {
    let mut bytes = vec![b'p'; PREFACE_BYTES];
    bytes.extend(frame(4, 0, 0, &[0, 1, 0, 0, 16, 0]));
    bytes.extend(frame(kind::HEADERS, 4, 1, b"block"));
    bytes.extend(frame(kind::DATA, 0, 1, b"one"));
    bytes.extend(frame(kind::DATA, PADDED, 1, b"\x02two\0\0"));
    bytes.extend(frame(kind::DATA, 0, 1, b""));
    bytes.extend(frame(0x7f, 0, 0, &vec![7; MAX_CONTROL_BYTES + 1]));
    bytes.extend(frame(kind::DATA, END_STREAM, 1, b""));
    for step in [1, 2, 3, 9, 10, 64, 1000, bytes.len()] {
        let (found, raw) = items(FrameReader::of_client(), &bytes, step);
        assert_eq!(raw, bytes, "step {step}");
        assert_eq!(data(&found), (b"onetwo".to_vec(), 1), "step {step}");
        let frames: Vec<_> = found
            .iter()
            .filter_map(|item| match item {
                Item::Frame(head, payload) => Some((head.kind, head.stream, payload.len())),
                _ => None,
            })
            .collect();
        assert_eq!(frames, [(4, 0, 6), (kind::HEADERS, 1, 5)], "step {step}");
    }
}

#[test]
fn padding_longer_than_its_frame_is_no_data_and_no_panic() {
    let mut bytes = frame(kind::DATA, PADDED | END_STREAM, 3, b"\xffab");
    bytes.extend(frame(kind::DATA, PADDED, 3, b""));
    bytes.extend(frame(kind::DATA, PADDED, 3, b"\x00"));
    let (found, raw) = items(FrameReader::of_server(), &bytes, bytes.len());
    assert_eq!((data(&found), raw), ((Vec::new(), 1), bytes));
}

#[test]
fn what_a_frame_lacks_is_known() {
    let mut reader = FrameReader::of_server();
    reader.push(Bytes::from(frame(kind::DATA, 0, 1, &[0; 100])).slice(..50));
    while reader.next().is_some() {}
    assert_eq!(reader.missing(), 59);
}

#[test]
fn the_fragment_of_a_block_stands_without_padding_and_priority() {
    let head = |flags, kind| Head {
        len: 0,
        kind,
        flags,
        stream: 1,
    };
    let of = |flags, kind, payload: &'static [u8]| fragment(head(flags, kind), Bytes::from_static(payload));
    assert_eq!(of(0, kind::HEADERS, b"x").as_deref(), Some(&b"x"[..]));
    assert_eq!(of(0x28, kind::HEADERS, b"\x01pppppx0").as_deref(), Some(&b"x"[..]));
    assert_eq!(of(0, kind::PUSH_PROMISE, b"\0\0\0\x02x").as_deref(), Some(&b"x"[..]));
    assert_eq!(of(0x8, kind::HEADERS, b"\x05x"), None);
    assert_eq!(of(0x8, kind::HEADERS, b""), None);
    assert_eq!(of(0x20, kind::HEADERS, b"pp"), None);
}
