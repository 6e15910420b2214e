use bytes::Bytes;
use proptest::prelude::*;

use super::{planes::Cut, *};
use crate::{
    file::{
        WriterOptions,
        chunk::{
            ChunkBuilder, FLOAT,
            frame::{Compressors, Frames, Stored},
        },
        scan::{Content, Found, Scanner},
    },
    model::event::{Direction, Event, EventKind, Message},
};

fn chunk(messages: &[(u32, Bytes)]) -> ChunkBuilder {
    let mut chunk = ChunkBuilder::new(&WriterOptions::default());
    for (seq, (call, data)) in (1..).zip(messages) {
        let kind = EventKind::Message(Message::plain(Direction::Received, data.clone()));
        let event = Event {
            call: *call,
            seq,
            offset_ns: seq,
            kind,
        };
        chunk.push(&event).unwrap();
    }
    chunk
}

fn raw(chunk: &ChunkBuilder) -> Vec<u8> {
    let pieces = chunk.records().flat_map(|record| [record.head, record.payload]);
    pieces.collect::<Vec<_>>().concat()
}

/// The stored bytes, when the chunk is one for this codec; what they give back is compared.
fn round_trip(messages: &[(u32, Bytes)], care: Care) -> Option<Vec<u8>> {
    let chunk = chunk(messages);
    let (mut encoder, mut zstd, mut stored) = (Encoder::default(), Compressors::default(), Stored::default());
    let taken = encoder.encode(&chunk, care, &mut zstd, &mut stored).unwrap();
    if !taken {
        assert_eq!(stored.len(), 0);
        return None;
    }
    let stored: Vec<u8> = stored.pieces().collect::<Vec<_>>().concat();
    let raw = raw(&chunk);
    let mut decoder = Decoder::default();
    let content = decoder.decode(&stored, raw.len(), &mut Frames::default()).unwrap();
    assert!(content == raw, "every byte comes back");
    Some(stored)
}

/// A message of one field that holds packed numbers.
fn packed(bytes: &[u8]) -> Bytes {
    let mut message = vec![0x0a];
    let mut len = bytes.len();
    while len >= 0x80 {
        message.push(len as u8 | 0x80);
        len >>= 7;
    }
    message.push(len as u8);
    message.extend(bytes);
    message.into()
}

fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// A level of its own for each bin, and noise of a few dB.
fn spectrum(row: u32, bins: u32) -> Vec<u8> {
    let noise = |bin: u32| ((row * 7919 + bin * 104_729).wrapping_mul(2_654_435_761) >> 12) as f32 / 1_048_576.0;
    floats((0..bins).map(|bin| -60.0 - bin as f32 / 7.0 + noise(bin)))
}

#[test]
fn spectra_shrink_by_a_third_and_come_back() {
    let messages: Vec<_> = (0..50).map(|row| (1, packed(&spectrum(row, 600)))).collect();
    let raw: usize = messages.iter().map(|(_, data)| data.len()).sum();
    let full = round_trip(&messages, Care::Full).unwrap().len();
    let little = round_trip(&messages, Care::Little).unwrap().len();
    assert!(full * 4 < raw * 3, "{full} of {raw}");
    assert!(full <= little && little < raw * 9 / 10, "{little} of {raw}");
}

#[test]
fn the_capture_of_the_format_has_every_cut() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/format-1.0.gcap");
    let mut scanner = Scanner::new(std::fs::File::open(path).unwrap());
    let mut cuts = Vec::new();
    loop {
        match scanner.step(Content::Read).unwrap().found {
            Found::Chunk(head, stored) if head.codec == FLOAT => {
                let (mut plan, mut bytes) = (Plan::default(), Vec::new());
                Frames::default().next(&mut &stored[..], MAX_PLAN, &mut bytes).unwrap();
                plan.decode(&bytes, head.raw_len as usize).unwrap();
                cuts.extend(plan.streams.iter().map(|stream| stream.cut));
            }
            Found::End | Found::Torn(_) | Found::Bad(_) => break,
            _ => {}
        }
    }
    for cut in [Cut::Bytes, Cut::Sixteen, Cut::Twenty] {
        assert!(cuts.contains(&cut), "{cuts:?} without {cut:?}");
    }
}

#[test]
fn residuals_are_cut_by_how_large_they_are() {
    let cut = |noise: &dyn Fn(u32) -> f32| {
        let row = |row: u32| {
            packed(&floats(
                (0..600).map(|bin| noise((row * 600 + bin).wrapping_mul(2_654_435_761))),
            ))
        };
        let messages: Vec<_> = (0..100).map(|number| (1, row(number))).collect();
        let stored = round_trip(&messages, Care::Full).unwrap();
        let (mut plan, mut bytes) = (Plan::default(), Vec::new());
        Frames::default().next(&mut &stored[..], MAX_PLAN, &mut bytes).unwrap();
        plan.decode(&bytes, raw(&chunk(&messages)).len()).unwrap();
        (plan.streams[0].cut, plan.streams[0].escapes)
    };
    let (one, escapes) = cut(&|noise| -100.0 + (noise >> 8) as f32 / 1_048_576.0);
    assert_eq!(one, Cut::Sixteen);
    let (other, more) = cut(&|noise| (1.0 + (noise >> 8) as f32 / 1_048_576.0).powi(2));
    assert_eq!(other, Cut::Twenty);
    assert!(escapes < 6_000 && more < 6_000, "{escapes}, {more}");
    // Nothing but noise: there is no upper half that is small.
    assert_eq!(cut(&|noise| f32::from_bits(0x3000_0000 | noise >> 4)), (Cut::Bytes, 0));
}

#[test]
fn calls_that_take_turns_are_predicted_each_from_itself() {
    let one: Vec<_> = (0..60).map(|row| (1, packed(&spectrum(row, 300)))).collect();
    let other = |row: u32| packed(&floats((0..300).map(|bin| (row * bin % 97) as f32 * 3.0 + 0.1)));
    let both = |turn: &dyn Fn(u32) -> usize| {
        let mut messages = Vec::new();
        for row in 0..60 {
            messages.push(one[row as usize].clone());
            messages.extend((0..turn(row)).map(|_| (2, other(row))));
        }
        round_trip(&messages, Care::Full).unwrap().len()
    };
    let (alone, regular, irregular) = (
        both(&|_| 0),
        both(&|_| 1),
        both(&|row| if row % 3 == 0 { 3 } else { 0 }),
    );
    assert!(irregular < regular + regular / 8, "{alone} {regular} {irregular}");
}

#[test]
fn dead_sensors_cost_nearly_nothing() {
    let dead = |row: u32, sensor: u32| sensor == 3 || sensor == 4 && row.is_multiple_of(5);
    let messages = |with_dead: bool| -> Vec<_> {
        let mut messages = Vec::new();
        for row in 0..200 {
            for sensor in 0..10 {
                if !dead(row, sensor) {
                    messages.push((1, packed(&spectrum(row * 10 + sensor, 50))));
                } else if with_dead {
                    messages.push((1, packed(&floats([f32::NEG_INFINITY; 50]))));
                }
            }
        }
        messages
    };
    let with = round_trip(&messages(true), Care::Full).unwrap().len();
    let without = round_trip(&messages(false), Care::Full).unwrap().len();
    assert!(
        with < without + without / 50,
        "{with} with dead sensors, {without} without"
    );
}

#[test]
fn doubles_come_back_and_shrink() {
    let values = (0..4000).map(|n| 1000.0 + f64::from(n) / 3.0);
    let bytes: Vec<u8> = values.flat_map(f64::to_le_bytes).collect();
    let messages: Vec<_> = bytes.chunks(800).map(|row| (1, packed(row))).collect();
    let stored = round_trip(&messages, Care::Full).unwrap().len();
    assert!(stored < bytes.len() * 4 / 5, "{stored} of {}", bytes.len());
}

#[test]
fn other_data_is_left_to_zstd() {
    let text = (0..200).map(|n| (1, Bytes::from(format!("event {n}: nothing that is a number"))));
    assert_eq!(round_trip(&text.collect::<Vec<_>>(), Care::Full), None);
    assert_eq!(round_trip(&[], Care::Full), None);
}

/// Packed floats of any bits, nested or not, between bytes of any kind.
fn any_message() -> impl Strategy<Value = Bytes> {
    let bits = prop_oneof![
        any::<u32>(),
        (0_u32..3000).prop_map(|n| (n as f32 / 7.0).to_bits()),
        Just(f32::NEG_INFINITY.to_bits()),
    ];
    let numbers = proptest::collection::vec(bits, 4..80)
        .prop_map(|numbers| numbers.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    let flat = numbers.prop_map(|numbers| packed(&numbers));
    let nested = flat.clone().prop_map(|inner| packed(&inner));
    let both = (flat.clone(), nested.clone()).prop_map(|(a, b)| Bytes::from([a, b].concat()));
    let noise = proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    prop_oneof![flat, nested, both, noise]
}

proptest! {
    #[test]
    fn any_messages_come_back(
        messages in proptest::collection::vec((0_u32..4, any_message()), 0..40),
        repeat in 1_usize..4,
        little in any::<bool>(),
    ) {
        let messages: Vec<_> = std::iter::repeat_n(messages, repeat).flatten().collect();
        round_trip(&messages, if little { Care::Little } else { Care::Full });
    }

    #[test]
    fn stored_bytes_that_were_changed_are_read_without_a_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        raw_len in 0_usize..40_000,
    ) {
        let messages: Vec<_> = (0..20).map(|row| (row % 3, packed(&spectrum(row, 60)))).collect();
        let mut stored = round_trip(&messages, Care::Full).unwrap();
        for (place, byte) in changes {
            let place = place.index(stored.len());
            stored[place] = byte;
        }
        let mut decoder = Decoder::default();
        let _ = decoder.decode(&stored, raw_len, &mut Frames::default());
        let cut = cut.index(stored.len());
        let _ = decoder.decode(&stored[..cut], raw_len, &mut Frames::default());
    }

    #[test]
    fn a_plan_of_any_bytes_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), raw_len in any::<u32>()) {
        let mut plan = Plan::default();
        if plan.decode(&bytes, raw_len as usize).is_ok() {
            let mut again = Vec::new();
            plan.encode(&mut again);
            let mut read = Plan::default();
            prop_assert!(read.decode(&again, raw_len as usize).is_ok());
            prop_assert_eq!(read, plan);
        }
    }
}
