//! Bytes whose type is not known, as text: fields by their numbers, texts, and hexadecimal digits.

use super::line::{Full, Line};
use crate::{
    grpc::protobuf::{Fields, Value},
    model::text::{grouped, is_hidden},
};

/// Largest depth at which bytes are tried as a message: deeper than that it is chance.
const MAX_DEPTH: usize = 8;
/// Bytes that one line shows of a field.
const MAX_LINE_BYTES: usize = 12;
/// Characters that one line shows of a text.
const MAX_LINE_CHARS: usize = 60;

/// Writes what follows the number of a field. On one line, long values are cut.
pub(super) fn field(line: &mut Line, value: Value<'_>, is_line: bool, depth: usize) -> Result<(), Full> {
    match value {
        Value::Varint(value) => line.put(&format!(": {value}")),
        Value::Fixed64(bytes) => line.put(&format!(": 0x{:016x}", u64::from_le_bytes(bytes))),
        Value::Fixed32(bytes) => line.put(&format!(": 0x{:08x}", u32::from_le_bytes(*bytes))),
        Value::Group(bytes) => fields(line, bytes, is_line, depth + 1),
        Value::Bytes(bytes) => {
            let most = |limit| if is_line { limit } else { usize::MAX };
            match readable(bytes) {
                Some(text) => {
                    line.put(": ")?;
                    quoted(line, text, most(MAX_LINE_CHARS))
                }
                None if depth < MAX_DEPTH && is_message(bytes) => fields(line, bytes, is_line, depth + 1),
                None => {
                    line.put(": ")?;
                    hexadecimal(line, bytes, most(MAX_LINE_BYTES))
                }
            }
        }
    }
}

fn fields(line: &mut Line, bytes: &[u8], is_line: bool, depth: usize) -> Result<(), Full> {
    line.put(" {")?;
    let mut fields = Fields::new("message", bytes);
    while let Ok(Some(one)) = fields.next_field() {
        line.put(&format!(" {}", one.number))?;
        if depth < MAX_DEPTH {
            field(line, one.value, is_line, depth)?;
        } else {
            line.put(": …")?;
        }
    }
    line.put(" }")
}

/// True when the bytes are fields from the first to the last.
fn is_message(bytes: &[u8]) -> bool {
    let mut fields = Fields::new("message", bytes);
    loop {
        match fields.next_field() {
            Ok(Some(_)) => {}
            Ok(None) => return !bytes.is_empty(),
            Err(_) => return false,
        }
    }
}

/// The bytes as a text, where they are one that can be shown.
fn readable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let odd = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    (!text.contains(odd)).then_some(text)
}

/// Writes a text between quotes, of at most so many characters.
pub(super) fn quoted(line: &mut Line, text: &str, most: usize) -> Result<(), Full> {
    line.put_char('"')?;
    let mut chars = text.chars();
    for c in chars.by_ref().take(most) {
        match c {
            '"' => line.put("\\\"")?,
            '\\' => line.put("\\\\")?,
            // Hidden characters are escaped there.
            c => line.put(c.encode_utf8(&mut [0; 4]))?,
        }
    }
    if chars.as_str().is_empty() {
        line.put_char('"')
    } else {
        line.put(&format!("…\" ({} bytes)", grouped(text.len() as u64)))
    }
}

/// Writes bytes as a text where they are one, otherwise as hexadecimal digits, of at most so many bytes.
pub(super) fn bytes(line: &mut Line, bytes: &[u8], most: usize) -> Result<(), Full> {
    match readable(bytes) {
        Some(text) => quoted(line, text, most.saturating_mul(5)),
        None => hexadecimal(line, bytes, most),
    }
}

fn hexadecimal(line: &mut Line, bytes: &[u8], most: usize) -> Result<(), Full> {
    line.put("0x")?;
    for byte in bytes.iter().take(most) {
        for digit in [byte >> 4, byte & 0xf] {
            line.put_char(char::from_digit(u32::from(digit), 16).unwrap_or('?'))?;
        }
    }
    if bytes.len() > most {
        line.put(&format!("… ({} bytes)", grouped(bytes.len() as u64)))?;
    }
    Ok(())
}
