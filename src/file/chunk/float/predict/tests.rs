use proptest::prelude::*;

use super::*;

fn any_predictor() -> impl Strategy<Value = Predictor> {
    let far = prop_oneof![Just(0_usize), 1..12_usize, 12..300_usize];
    (far, any::<usize>(), 0..3_u8).prop_map(|(far, near, mean)| {
        let near = if far > 1 { near % far } else { 0 };
        let mean = match mean {
            1 if near > 0 => Mean::Both,
            2 if near > 0 => Mean::Slope,
            _ => Mean::Far,
        };
        Predictor { far, near, mean }
    })
}

proptest! {
    #[test]
    fn words_come_back_from_their_residuals_whatever_the_blocks(
        words in proptest::collection::vec(any::<Word>(), 0..600),
        predictor in any_predictor(),
        block in 1_usize..700,
    ) {
        let mut restored = Vec::new();
        for start in (0..words.len()).step_by(block) {
            let range = start..words.len().min(start + block);
            let mut residuals = Vec::new();
            predictor.residuals(&words, range.clone(), &mut residuals);
            restored.extend(residuals.into_iter().map(u32::to_le_bytes));
            predictor.restore(&mut restored, range);
        }
        prop_assert_eq!(restored, words);
    }
}

#[test]
fn close_numbers_leave_small_residuals_on_either_side() {
    let words = [1.0_f32, 1.0, 1.000_001, 0.999_999].map(f32::to_le_bytes);
    let mut residuals = Vec::new();
    let predictor = Predictor {
        far: 1,
        ..Predictor::default()
    };
    predictor.residuals(&words, 1..4, &mut residuals);
    assert!(residuals.iter().all(|residual| *residual < 100), "{residuals:?}");
}
