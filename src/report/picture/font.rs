//! The font of pictures: a part of `DejaVu` Sans, which is in the program.

use ab_glyph::{Font as _, FontRef, PxScale, PxScaleFont, ScaleFont as _, point};

/// Latin, Greek and Cyrillic letters and a few signs, without hinting; `font/LICENSE` says how it was made.
static FILE: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");

/// Height of a capital letter, as a share of the font's size.
const CAPITALS: f32 = 0.729;

/// The character shown for one that the font lacks.
const LACKING: char = '\u{fffd}';

/// The font at one size.
#[derive(Debug)]
pub(super) struct Letters {
    font: PxScaleFont<FontRef<'static>>,
    size: f32,
}

impl Letters {
    /// The font with a line distance of `size` pixels.
    pub(super) fn new(size: f32) -> Option<Self> {
        let font = FontRef::try_from_slice(FILE).ok()?;
        // The crate counts a size from the lowest to the highest place of any letter.
        let scale = size * font.height_unscaled() / font.units_per_em()?;
        let font = font.into_scaled(PxScale::from(scale));
        Some(Self { font, size })
    }

    /// Distance from this letter to the next.
    pub(super) fn advance(&self, letter: char) -> f32 {
        self.font.h_advance(self.known(letter))
    }

    /// Width of a text.
    pub(super) fn width(&self, text: &str) -> f32 {
        text.chars().map(|letter| self.advance(letter)).sum()
    }

    /// Draws a text whose capital letters begin at `left` and `top`: calls `dot` with each pixel and how much of it is
    /// covered, 0 to 1.
    pub(super) fn draw(&self, text: &str, left: f32, top: f32, mut dot: impl FnMut(i32, i32, f32)) {
        // On whole pixels the feet of all letters are sharp.
        let ground = top + capitals(self.size) as f32;
        let mut x = left;
        for letter in text.chars() {
            let id = self.known(letter);
            let glyph = id.with_scale_and_position(self.font.scale(), point(x, ground));
            if let Some(outline) = self.font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                let (left, top) = (corner.x as i32, corner.y as i32);
                outline.draw(|x, y, covered| dot(left + x as i32, top + y as i32, covered.min(1.0)));
            }
            x += self.font.h_advance(id);
        }
    }

    fn known(&self, letter: char) -> ab_glyph::GlyphId {
        match self.font.glyph_id(letter) {
            lacking if lacking.0 == 0 => self.font.glyph_id(LACKING),
            known => known,
        }
    }
}

/// Height of capital letters at a font size, in whole pixels.
pub(super) fn capitals(size: f32) -> usize {
    (size * CAPITALS).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bounding box of all drawn pixels: left, top, right, bottom.
    fn bounds(text: &str) -> (i32, i32, i32, i32) {
        let mut bounds = (i32::MAX, i32::MAX, i32::MIN, i32::MIN);
        Letters::new(20.0).unwrap().draw(text, 10.0, 30.0, |x, y, covered| {
            if covered > 0.2 {
                bounds = (bounds.0.min(x), bounds.1.min(y), bounds.2.max(x), bounds.3.max(y));
            }
        });
        bounds
    }

    #[test]
    fn capitals_stand_between_their_top_and_the_ground() {
        assert_eq!(capitals(20.0), 15);
        let (left, top, right, bottom) = bounds("H");
        assert!(
            (10..14).contains(&left) && (20..26).contains(&right),
            "{left} to {right}"
        );
        assert_eq!((top, bottom), (30, 44));
        assert!(bounds("g").3 > 46, "it hangs below the ground");
        assert_eq!(bounds(" ").0, i32::MAX, "a blank is empty");
    }

    #[test]
    fn a_letter_that_is_lacking_is_seen_to_be() {
        let letters = Letters::new(20.0).unwrap();
        assert!((letters.advance('漢') - letters.advance(LACKING)).abs() < f32::EPSILON);
        assert!(bounds("漢").2 > 10);
        for known in "azAZ09äßéŁΩЖ−±×°µ…→∞€".chars() {
            assert_ne!(letters.font.glyph_id(known).0, 0, "{known}");
        }
    }
}
