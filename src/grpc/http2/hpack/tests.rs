//! The worked examples of RFC 7541, appendix C, and what is none.

use proptest::prelude::*;

use super::*;

type Fields = Vec<(String, String)>;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let number = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(number).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let taken = decoder.decode(block, |name, value| fields.push((text(name), text(value))))?;
    if taken < block.len() {
        return Err(HpackError::Truncated);
    }
    Ok(fields)
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
fn the_requests_of_the_specification_decode_plain_and_in_the_huffman_code() {
    let plain = [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ];
    let coded = [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::default();
        let start = |scheme, path| {
            vec![
                (":method", "GET"),
                (":scheme", scheme),
                (":path", path),
                (":authority", "www.example.com"),
            ]
        };
        let third = [start("https", "/index.html"), vec![("custom-key", "custom-value")]].concat();
        let second = [start("http", "/"), vec![("cache-control", "no-cache")]].concat();
        for (block, wanted) in blocks.iter().zip([start("http", "/"), second, third]) {
            assert_eq!(decode(&mut decoder, &hex(block)).unwrap(), fields(&wanted));
        }
        assert_eq!(decoder.size, 164);
    }
}

#[test]
fn the_responses_of_the_specification_evict_the_oldest_entries() {
    let blocks = [
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ];
    let mut decoder = Decoder::default();
    decoder.resize(256).unwrap();
    let decoded: Vec<_> = blocks
        .iter()
        .map(|block| decode(&mut decoder, &hex(block)).unwrap())
        .collect();
    assert_eq!(
        decoded[1],
        fields(&[
            (":status", "307"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("location", "https://www.example.com"),
        ])
    );
    assert_eq!(
        decoded[2][5].1,
        "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
    );
    assert_eq!((decoder.size, decoder.table.len()), (215, 3));
}

#[test]
fn what_is_no_block_is_an_error() {
    for (block, error) in [
        ("80", HpackError::Index(0)),
        ("be", HpackError::Index(62)),
        ("ffffffffffff0f", HpackError::Integer),
        ("ff", HpackError::Truncated),
        ("000561", HpackError::Truncated),
        ("0081ff8100", HpackError::Huffman),
        ("0084ffffffff00", HpackError::Huffman),
        ("3fe1ffff03", HpackError::Table(67_108_864)),
    ] {
        let decoded = decode(&mut Decoder::default(), &hex(block));
        let same = match (&decoded, error) {
            (Err(HpackError::Table(_)), HpackError::Table(_)) => true,
            (decoded, error) => *decoded == Err(error),
        };
        assert!(same, "{block}: {decoded:?}");
    }
}

#[test]
fn a_table_of_no_bytes_keeps_nothing() {
    let mut decoder = Decoder::default();
    decode(&mut decoder, &hex("20 4001610162")).unwrap();
    assert_eq!(decode(&mut decoder, &hex("be")), Err(HpackError::Index(62)));
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(
        pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), prop::collection::vec(any::<u8>(), 0..300)), 0..8)
    ) {
        let mut block = Vec::new();
        for (name, value) in &pairs {
            encode(name, value, &mut block);
        }
        let mut decoded = Vec::new();
        Decoder::default().decode(&block, |name, value| decoded.push((name.to_vec(), value.to_vec()))).unwrap();
        prop_assert_eq!(decoded, pairs);
    }

    #[test]
    fn no_block_panics_and_no_table_outgrows_its_size(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut decoder = Decoder::default();
        for block in blocks {
            let _ = decoder.decode(&block, |_, _| {});
            prop_assert!(decoder.size <= decoder.most);
        }
    }
}

#[test]
fn a_block_in_parts_is_the_block_however_it_is_cut() {
    let block = hex("828685bf408825a849e95ba97d7f8925a849e95bb8e8b4bfbebebe");
    let before = ["828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf"];
    let primed = || {
        let mut decoder = Decoder::default();
        for block in before {
            decode(&mut decoder, &hex(block)).unwrap();
        }
        decoder
    };
    let whole = decode(&mut primed(), &block).unwrap();
    for step in 1..block.len() {
        let (mut decoder, mut found, mut rest) = (primed(), Vec::new(), Vec::new());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for part in block.chunks(step) {
            rest.extend_from_slice(part);
            let taken = decoder.decode(&rest, |name, value| found.push((text(name), text(value))));
            rest.drain(..taken.unwrap());
        }
        assert_eq!((&found, rest.len()), (&whole, 0), "step {step}");
    }
}
