//! Decoding of a frame's values.

use crate::{
    das::spectrogram::{UnknownField, Values},
    grpc::protobuf::{DecodeError, DecodeErrorKind, Field, Value},
};

/// A field that the schema does not know.
pub(super) const fn unknown_field(field: &Field<'_>) -> UnknownField {
    UnknownField {
        message: field.message_name(),
        number: field.number,
        wire_type: field.value.wire_type(),
    }
}

/// Adds one appearance of a `repeated float`, packed or not, to `values`; the first run stays borrowed.
pub(super) fn add_floats<'a>(field: &Field<'a>, values: &mut Values<'a>) -> Result<(), DecodeError> {
    let run: &'a [u8] = match field.value {
        Value::Fixed32(four) => four,
        Value::Bytes(run) if run.len().is_multiple_of(4) => run,
        Value::Bytes(run) => {
            return Err(field.wrong_value(DecodeErrorKind::RaggedFloats {
                number: field.number,
                length: run.len(),
            }));
        }
        _ => return Err(field.wrong_type("32 bits or packed floats")),
    };
    if values.is_empty() {
        *values = Values::Wire(run);
        return Ok(());
    }
    let run = run.as_chunks().0.iter().copied().map(f32::from_le_bytes);
    match values {
        Values::Owned(owned) => owned.extend(run),
        Values::Wire(_) => *values = Values::Owned(values.iter().chain(run).collect()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::protobuf::Fields;

    #[test]
    fn floats_in_one_run_are_borrowed_and_in_several_are_joined() {
        fn add<'a>(bytes: &'a [u8], values: &mut Values<'a>) -> Result<(), DecodeError> {
            add_floats(&Fields::new("Test", bytes).next_field()?.unwrap(), values)
        }
        let mut values = Values::default();
        let packed = [0x0a, 8, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40];
        add(&[0x0a, 0], &mut values).unwrap();
        add(&packed, &mut values).unwrap();
        assert!(matches!(values, Values::Wire(bytes) if bytes == &packed[2..]));
        add(&[0x0d, 0, 0, 0x40, 0x40], &mut values).unwrap();
        assert_eq!(values, Values::Owned(vec![1.0, 2.0, 3.0]));
        let ragged = add(&[0x0a, 3, 1, 2, 3], &mut values).unwrap_err();
        assert_eq!(ragged.kind, DecodeErrorKind::RaggedFloats { number: 1, length: 3 });
    }
}
