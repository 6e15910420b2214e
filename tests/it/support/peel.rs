//! Searches for a text in all forms in which it could leak: in other encodings, and inside compressed or encoded data.

use std::{
    io::{Cursor, Read},
    path::Path,
};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use grpc_capture::model::EventKind;

use super::{events, run};

/// Layers that are taken off one another: a zip holds a capture, that a chunk, that a message in gzip, that base64.
const DEPTH: usize = 5;

/// Bytes that one layer is unpacked to at most.
const UNPACKED: u64 = 16 << 20;

/// Shorter runs of base64 or hexadecimal digits hold no text worth hiding.
const RUN: usize = 12;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Bytes, and everything that can be unpacked or decoded from them.
pub(crate) struct Peeled(Vec<Vec<u8>>);

impl Peeled {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let mut layers = vec![bytes];
        let mut from = 0;
        for _ in 0..DEPTH {
            let to = layers.len();
            for at in from..to {
                let inner = inner(&layers[at]);
                layers.extend(inner);
            }
            from = to;
        }
        for layer in &mut layers {
            layer.make_ascii_lowercase();
        }
        Self(layers)
    }

    /// A file; of a capture also what its own reader makes of it, for chunks may be stored in planes of bytes.
    pub(crate) fn file(path: &Path) -> Self {
        let mut all = std::fs::read(path).unwrap();
        if path.extension().is_some_and(|ending| ending == "gcap") {
            let reader = grpc_capture::file::Reader::open(path).unwrap();
            for (_, value) in &reader.header().attributes {
                all.extend_from_slice(value);
                all.push(b'\n');
            }
            for event in events(path) {
                all.extend(format!("{event:?}\n").into_bytes());
                if let EventKind::Message(message) = event.kind {
                    all.extend_from_slice(&message.data);
                }
            }
            all.extend(run(&["cat", "--format", "json", path.to_str().unwrap()]).stdout);
        }
        Self::new(all)
    }

    /// The spelling in which a text stands in it, if it does.
    pub(crate) fn holds(&self, text: &str) -> Option<&'static str> {
        spellings(text).into_iter().find_map(|(name, mut spelling)| {
            spelling.make_ascii_lowercase();
            let first = spelling[0];
            let there = |layer: &Vec<u8>| {
                layer
                    .windows(spelling.len())
                    .any(|part| part[0] == first && part == spelling)
            };
            self.0.iter().any(there).then_some(name)
        })
    }
}

/// How texts are written where some characters cannot stand as they are.
fn spellings(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let each = |keep: &dyn Fn(char) -> bool, write: &dyn Fn(char) -> String| {
        let written = text.chars().map(|c| if keep(c) { c.to_string() } else { write(c) });
        written.collect::<String>().into_bytes()
    };
    let percent = |c: char| {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).bytes();
        bytes.map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
    };
    let escaped = |c: char| {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()
    };
    let markup = |c: char| match c {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '"' => "&quot;".to_owned(),
        other => other.to_string(),
    };
    let json = serde_json::to_string(text).unwrap();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    vec![
        ("as it is", text.as_bytes().to_vec()),
        ("UTF-16, little end first", utf16(u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(u16::to_be_bytes)),
        ("percent-encoded", each(&plain, &percent)),
        (
            "percent-encoded as gRPC does",
            each(&|c| c.is_ascii() && c != '%', &percent),
        ),
        ("in JSON", json.as_bytes()[1..json.len() - 1].to_vec()),
        (
            "in JSON of ASCII",
            each(&|c| c.is_ascii() && !"\"\\<>&".contains(c), &escaped),
        ),
        ("in HTML", each(&|_| false, &markup)),
        ("in Rust", format!("{text:?}").trim_matches('"').as_bytes().to_vec()),
    ]
}

/// What is one layer further in.
fn inner(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    if let Ok(mut zip) = zip::ZipArchive::new(Cursor::new(bytes)) {
        for at in 0..zip.len() {
            found.push(read(zip.by_index(at).unwrap()));
        }
    }
    for at in 0..bytes.len() {
        let rest = &bytes[at..];
        found.push(match rest {
            [0x1f, 0x8b, 8, ..] => read(flate2::read::GzDecoder::new(rest)),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => read(flate2::read::ZlibDecoder::new(rest)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let frame = zstd::stream::Decoder::with_buffer(rest);
                frame.map_or_else(|_| Vec::new(), |frame| read(frame.single_frame()))
            }
            _ => continue,
        });
    }
    for run in runs(bytes, |byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)) {
        let run: Vec<_> = run
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => *byte,
            })
            .collect();
        // Letters that stand before it without a gap shift it.
        for skip in 0..4 {
            let digits = &run[skip..];
            let whole = digits.len() - usize::from(digits.len() % 4 == 1);
            found.extend(BASE64.decode(&digits[..whole]));
        }
    }
    for run in runs(bytes, |byte| byte.is_ascii_hexdigit()) {
        for run in [run, &run[1..]] {
            let pairs = run.chunks_exact(2).map(|pair| std::str::from_utf8(pair).unwrap());
            found.push(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect());
        }
    }
    found.retain(|layer| layer.len() >= RUN / 2);
    found
}

/// As much as can be read: what follows the packed bytes, or is no packing at all, ends it.
fn read(from: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = from.take(UNPACKED).read_to_end(&mut all);
    all
}

fn runs(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    bytes.split(move |byte| !belongs(*byte)).filter(|run| run.len() >= RUN)
}

#[test]
fn it_finds_a_text_in_every_spelling_and_below_every_layer() {
    let text = "Nörd \"7\" <at> 5%";
    for (name, spelling) in spellings(text) {
        assert!(
            Peeled::new([&b"before "[..], &spelling, b" after"].concat())
                .holds(text)
                .is_some(),
            "{name}"
        );
    }
    let base64 = BASE64.encode(format!("x {text}"));
    let hex = text
        .bytes()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .concat();
    let mut gzip = Vec::new();
    flate2::read::GzEncoder::new(base64.as_bytes(), flate2::Compression::best())
        .read_to_end(&mut gzip)
        .unwrap();
    let zstd = zstd::encode_all(&gzip[..], 3).unwrap();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("a", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, &[&b"junk"[..], &zstd, b"junk"].concat()).unwrap();
    for packed in [
        base64.into_bytes(),
        hex.into_bytes(),
        gzip,
        zstd,
        zip.finish().unwrap().into_inner(),
    ] {
        let there = Peeled::new([&packed[..], b" end"].concat());
        assert!(Peeled::new(packed).holds(text).is_some() && there.holds("another text").is_none());
    }
}
