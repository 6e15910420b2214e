use super::*;

fn kinds(bytes: &[u8]) -> Result<usize, (usize, DecodeErrorKind)> {
    let mut fields = Fields::new("Test", bytes);
    let mut count = 0;
    loop {
        match fields.next_field() {
            Ok(None) => return Ok(count),
            Ok(Some(_)) => count += 1,
            Err(error) => return Err((error.byte, error.kind)),
        }
    }
}

#[test]
fn every_wire_type_is_walked() {
    let bytes = [
        0x08, 0x96, 0x01, // 1: varint 150
        0x11, 1, 2, 3, 4, 5, 6, 7, 8, // 2: 64 bits
        0x1a, 2, b'h', b'i', // 3: bytes
        0x23, 0x08, 1, 0x2b, 0x2c, 0x24, // 4: group with a varint and a group 5
        0x2d, 0, 0, 0x80, 0x3f, // 5: 32 bits
    ];
    let mut fields = Fields::new("Test", &bytes);
    let mut next = || fields.next_field().unwrap().unwrap();
    assert_eq!(next().int32(), Ok(150));
    assert_eq!(next().value, Value::Fixed64([1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(next().string(), Ok("hi"));
    assert_eq!(next().value.wire_type(), GROUP);
    assert_eq!(next().float(), Ok(1.0));
    assert_eq!(fields.next_field(), Ok(None));
}

#[test]
fn what_proto3_refuses_is_refused_with_its_byte_and_kind() {
    use DecodeErrorKind::{
        FieldNumberTooLarge, FieldNumberZero, GroupsTooDeep, LengthPastEnd, TruncatedVarint, UnknownWireType,
        UnmatchedGroup, VarintTooLong,
    };
    let too_long = [[0x08].as_slice(), &[0xff; 10], &[0]].concat();
    let too_large = [0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let deep = [0x0b; 200];
    let table: [(&[u8], usize, DecodeErrorKind); 13] = [
        (&[0x08, 1, 0x80], 2, TruncatedVarint),
        (&[0x08], 1, TruncatedVarint),
        (&[0x08, 0x80, 0x80], 1, TruncatedVarint),
        (&too_long, 1, VarintTooLong),
        (
            &[0x0a, 5, 1],
            1,
            LengthPastEnd {
                length: 5,
                remaining: 1,
            },
        ),
        (
            &[0x0d, 1, 2],
            1,
            LengthPastEnd {
                length: 4,
                remaining: 2,
            },
        ),
        (
            &[0x09, 1],
            1,
            LengthPastEnd {
                length: 8,
                remaining: 1,
            },
        ),
        (&[0x00, 1], 0, FieldNumberZero),
        (&too_large, 0, FieldNumberTooLarge),
        (
            &[0x0e],
            0,
            UnknownWireType {
                number: 1,
                wire_type: 6,
            },
        ),
        (&[0x0c], 0, UnmatchedGroup { number: 1 }),
        (&[0x0b, 0x14], 1, UnmatchedGroup { number: 2 }),
        (&deep, 100, GroupsTooDeep),
    ];
    for (bytes, byte, kind) in table {
        assert_eq!(kinds(bytes), Err((byte, kind)), "{bytes:x?}");
    }
    assert_eq!(kinds(&[0x0b, 0x08, 1]), Err((0, UnmatchedGroup { number: 1 })));
}

#[test]
fn a_length_of_all_ones_is_an_error_and_not_an_allocation() {
    let hostile = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let expected = DecodeErrorKind::LengthPastEnd {
        length: u64::MAX,
        remaining: 0,
    };
    assert_eq!(kinds(&hostile), Err((1, expected)));
}

#[test]
fn an_overlong_varint_of_ten_bytes_is_accepted() {
    let bytes = [0x08, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
    let field = Fields::new("Test", &bytes).next_field().unwrap().unwrap();
    assert_eq!(field.int64(), Ok(1));
}

#[test]
fn a_wrong_wire_type_names_field_message_and_expectation() {
    let field = Fields::new("Test", &[0x0a, 0]).next_field().unwrap().unwrap();
    let error = field.int32().unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not decode Test at byte 0: field 1 has wire type 2, the schema expects a varint"
    );
    assert!(field.double().is_err() && field.float().is_err() && field.bytes().is_ok());
}

#[test]
fn bad_utf8_is_placed_at_its_byte() {
    let field = Fields::new("Test", &[0x0a, 3, b'a', 0xff, b'b'])
        .next_field()
        .unwrap()
        .unwrap();
    let error = field.string().unwrap_err();
    assert_eq!(
        (error.byte, error.kind),
        (3, DecodeErrorKind::InvalidUtf8 { number: 1 })
    );
}

#[test]
fn encoded_fields_are_read_back() {
    let mut out = Vec::new();
    put_int32(&mut out, 1, -1);
    put_int32(&mut out, 2, 0);
    put_bytes(&mut out, 3, b"");
    put_bytes(&mut out, 4, &[7; 200]);
    let mut fields = Fields::new("Test", &out);
    assert_eq!(fields.next_field().unwrap().unwrap().int32(), Ok(-1));
    let field = fields.next_field().unwrap().unwrap();
    assert_eq!((field.number, field.bytes()), (4, Ok([7; 200].as_slice())));
    assert_eq!(fields.next_field(), Ok(None));
}

#[test]
fn a_copy_differs_only_in_what_was_changed() {
    let bytes = [0x0a, 0x81, 0x00, b'a', 0x10, 0x80, 0x00, 0x10, 5, 0x1b, 0x20, 1, 0x1c];
    let mut same = Vec::new();
    copy_fields("Test", &bytes, &mut same, |_, _| Ok::<_, DecodeError>(false)).unwrap();
    assert_eq!(same, bytes);
    let mut changed = Vec::new();
    copy_fields("Test", &bytes, &mut changed, |field, out| {
        if let Value::Varint(value) = field.value {
            put_varint(out, field.number, value + 1);
        }
        // The group is left out.
        Ok::<_, DecodeError>(field.number > 1)
    })
    .unwrap();
    assert_eq!(changed, [0x0a, 0x81, 0x00, b'a', 0x10, 1, 0x10, 6]);
    assert!(copy_fields("Test", &[0x0a, 9], &mut Vec::new(), |_, _| Ok::<_, DecodeError>(false)).is_err());
}
