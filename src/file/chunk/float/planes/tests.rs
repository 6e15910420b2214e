use proptest::prelude::*;

use super::*;

const CUTS: [Cut; 3] = [Cut::Bytes, Cut::Sixteen, Cut::Twenty];

fn any_residual() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0_u32..1 << 24, 1 => any::<u32>(), 1 => Just(u32::MAX), 1 => Just(0xff << 16), 1 => Just(0xff << 20)]
}

proptest! {
    #[test]
    fn residuals_come_back_whatever_the_pieces(
        streams in proptest::collection::vec((0_usize..3, proptest::collection::vec(any_residual(), 0..200)), 1..4),
        write in 1_usize..90,
        read in 1_usize..90,
    ) {
        let mut planes = Planes::default();
        let mut places = vec![Place::default()];
        for (cut, residuals) in &streams {
            let (cut, mut before, mut next) = (CUTS[*cut], 0, *places.last().unwrap());
            for piece in residuals.chunks(write) {
                next.end += split(piece, cut, before, &mut planes);
                before += piece.len();
            }
            places.last_mut().unwrap().end = next.end;
            next.words += residuals.len();
            next.middle += cut.middle(residuals.len());
            next.escapes = next.end;
            prop_assert_eq!(planes[2].len(), next.middle);
            prop_assert_eq!(planes[4].len(), next.end);
            places.push(next);
        }
        for ((cut, residuals), place) in streams.iter().zip(&mut places) {
            let mut words = Vec::new();
            for piece in residuals.chunks(read) {
                prop_assert!(place.join(piece.len(), CUTS[*cut], &planes, &mut words).is_some());
            }
            let words: Vec<_> = words.into_iter().map(u32::from_le_bytes).collect();
            prop_assert_eq!(&words, residuals);
            prop_assert_eq!(place.escapes, place.end);
        }
    }

    #[test]
    fn every_escape_is_found_and_nothing_else(symbols in proptest::collection::vec(prop_oneof![any::<u8>(), Just(ESCAPE), Just(0xfe), Just(0x7f)], 0..100)) {
        let mut found = Vec::new();
        each_escape(&symbols, |at| found.push(at));
        let expected: Vec<_> = (0..symbols.len()).filter(|at| symbols[*at] == ESCAPE).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_stream_with_too_few_escapes_says_so() {
    let mut planes = Planes::default();
    assert_eq!(split(&[1 << 30, 5, 1 << 31], Cut::Sixteen, 0, &mut planes), 2);
    let mut place = Place {
        end: 1,
        ..Place::default()
    };
    assert_eq!(place.join(3, Cut::Sixteen, &planes, &mut Vec::new()), None);
}
