//! Faults that change the bytes of a message. Everything else stays unchanged, including unknown fields and their
//! order.

use bytes::Bytes;

use super::{Kind, random::Random};
use crate::{
    das::dialect::{Dialect, Layout, pandadatastream, value_places},
    grpc::protobuf::{DELIMITED, put_key},
    model::varint,
};

/// The bytes of a half-precision NaN; a single and a double come from the language.
const NAN_16: [u8; 2] = 0x7e00_u16.to_le_bytes();

/// Applies a fault to a message; `None` when the fault can do nothing to it. `before` = the row that a payload is
/// frozen to.
pub(super) fn strike(
    kind: &Kind,
    dialect: Option<Dialect>,
    data: &Bytes,
    before: &mut Option<Vec<u8>>,
    random: &mut Random,
) -> Option<Bytes> {
    match *kind {
        Kind::Corrupt { byte } => {
            let at = byte.unwrap_or_else(|| random.below(data.len() as u64));
            let mut bytes = data.to_vec();
            let byte = bytes.get_mut(usize::try_from(at).ok()?)?;
            *byte = !*byte;
            Some(bytes.into())
        }
        Kind::Truncate { to } => {
            let to = usize::try_from(to.unwrap_or_else(|| random.below(data.len() as u64))).ok()?;
            (to < data.len()).then(|| data.slice(..to))
        }
        Kind::Unknown { field, size } => Some(with_field(data, field, usize::try_from(size).ok()?)),
        Kind::Oversize { size } => {
            let missing = usize::try_from(size).ok()?.checked_sub(data.len())?;
            // The key and the length of the field take a few bytes themselves; a little too large is large enough.
            Some(with_field(data, 1999, missing))
        }
        Kind::Nan => values(dialect?, data, |dialect, bytes, values| match width(dialect, bytes) {
            2 => fill(values, &NAN_16),
            8 => fill(values, &f64::NAN.to_le_bytes()),
            _ => fill(values, &f32::NAN.to_le_bytes()),
        }),
        Kind::Zero => values(dialect?, data, |_, _, values| values.fill(0)),
        Kind::Freeze => {
            let dialect = dialect?;
            if before.is_none() {
                *before = last_row(dialect, data);
            }
            let row = before.as_deref().filter(|row| !row.is_empty())?;
            values(dialect, data, |_, _, values| fill(values, row))
        }
        _ => None,
    }
}

/// The values of a message's last row, where its rows have one size; else of all its rows.
pub(super) fn last_row(dialect: Dialect, data: &[u8]) -> Option<Vec<u8>> {
    let values = values_of(dialect, data)?;
    let rows = dialect.decode(data).ok()?.rows.len();
    let size = match values.len().checked_div(rows) {
        Some(size) if size * rows == values.len() => size,
        _ => values.len(),
    };
    values.get(values.len() - size..).map(<[u8]>::to_vec)
}

/// The values of a message in one buffer.
fn values_of(dialect: Dialect, data: &[u8]) -> Option<Vec<u8>> {
    let places = value_places(dialect, data).ok()?;
    let mut values = Vec::new();
    for place in places {
        values.extend_from_slice(data.get(place)?);
    }
    Some(values)
}

/// Lets `change` rewrite the values in one buffer; `None` when there are none.
fn values(dialect: Dialect, data: &Bytes, change: impl FnOnce(Dialect, &[u8], &mut [u8])) -> Option<Bytes> {
    let mut values = values_of(dialect, data).filter(|values| !values.is_empty())?;
    change(dialect, data, &mut values);
    let mut bytes = data.to_vec();
    let mut rest = &values[..];
    for place in value_places(dialect, data).ok()? {
        let (run, after) = rest.split_at_checked(place.len())?;
        bytes.get_mut(place)?.copy_from_slice(run);
        rest = after;
    }
    Some(bytes.into())
}

/// Length of one value in bytes; 4 where the message does not tell.
fn width(dialect: Dialect, bytes: &[u8]) -> u32 {
    match dialect {
        Dialect::DataStream => 4,
        Dialect::PandaDataStream => {
            let frame = pandadatastream::decode(bytes, Layout::default()).ok();
            let width = frame.and_then(|frame| frame.block).and_then(|block| block.width);
            width.unwrap_or(4)
        }
    }
}

fn fill(values: &mut [u8], value: &[u8]) {
    for chunk in values.chunks_exact_mut(value.len()) {
        chunk.copy_from_slice(value);
    }
}

fn with_field(data: &[u8], field: u32, size: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(data.len() + size + 16);
    bytes.extend_from_slice(data);
    put_key(&mut bytes, field, DELIMITED);
    varint::put(&mut bytes, size as u64);
    bytes.resize(bytes.len() + size, 0);
    bytes.into()
}
