//! A canvas of pixels: rectangles, lines, letters.

use super::font::Letters;

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// A picture under construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    /// Three bytes for each pixel, line by line from the top.
    pixels: Vec<u8>,
}

/// A rectangle on a canvas, in pixels from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub left: usize,
    /// Upper edge.
    pub top: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Area {
    /// The first pixel to the right of the area.
    #[must_use]
    pub const fn right(&self) -> usize {
        self.left + self.width
    }

    /// The first pixel below the area.
    #[must_use]
    pub const fn bottom(&self) -> usize {
        self.top + self.height
    }
}

/// Horizontal alignment of a text at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The text begins at the position.
    Left,
    /// The text is centred at the position.
    Middle,
    /// The text ends at the position.
    Right,
}

impl Canvas {
    /// A canvas filled with one colour.
    #[must_use]
    pub fn new(width: usize, height: usize, colour: Rgb) -> Self {
        Self {
            width,
            height,
            pixels: colour.repeat(width * height),
        }
    }

    /// Width in pixels.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Three bytes for each pixel, line by line from the top.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Colours one pixel; one outside does not exist.
    pub fn dot(&mut self, x: usize, y: usize, colour: Rgb) {
        if x < self.width {
            let at = (y * self.width + x) * 3;
            if let Some(pixel) = self.pixels.get_mut(at..at + 3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }

    /// Fills an area.
    pub fn fill(&mut self, area: Area, colour: Rgb) {
        for y in area.top..area.bottom().min(self.height) {
            for x in area.left..area.right().min(self.width) {
                self.dot(x, y, colour);
            }
        }
    }

    /// Draws a frame of one pixel around an area.
    pub fn frame(&mut self, area: Area, colour: Rgb) {
        let (left, top) = (area.left.saturating_sub(1), area.top.saturating_sub(1));
        for x in left..=area.right() {
            self.dot(x, top, colour);
            self.dot(x, area.bottom(), colour);
        }
        for y in top..=area.bottom() {
            self.dot(left, y, colour);
            self.dot(area.right(), y, colour);
        }
    }

    /// Mixes a colour into one pixel, by how much of it is covered (0 to 1).
    fn mix(&mut self, x: i32, y: i32, covered: f32, colour: Rgb) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        let at = (y * self.width + x) * 3;
        if x < self.width
            && let Some(pixel) = self.pixels.get_mut(at..at + 3)
        {
            for (channel, wanted) in pixel.iter_mut().zip(colour) {
                let (now, wanted) = (f32::from(*channel), f32::from(wanted));
                *channel = ((wanted - now).mul_add(covered, now)).round() as u8;
            }
        }
    }

    /// Writes a line of text, `size` pixels from line to line; `y` is the upper edge of its capitals.
    pub fn text(&mut self, x: usize, y: usize, size: f32, align: Align, text: &str, colour: Rgb) {
        let Some(letters) = Letters::new(size) else { return };
        let width = letters.width(text);
        let left = match align {
            Align::Left => x as f32,
            Align::Middle => (x as f32 - width / 2.0).round(),
            Align::Right => (x as f32 - width).round(),
        };
        letters.draw(text, left, y as f32, |x, y, covered| self.mix(x, y, covered, colour));
    }
}

/// Width of a text in pixels.
#[must_use]
pub(crate) fn text_width(text: &str, size: f32) -> usize {
    Letters::new(size).map_or(0, |letters| letters.width(text).ceil() as usize)
}

/// The text, shortened to a width in pixels; empty where nothing of it fits.
#[must_use]
pub(crate) fn cut(text: &str, size: f32, width: usize) -> String {
    let Some(letters) = Letters::new(size) else {
        return String::new();
    };
    let width = width as f32;
    if letters.width(text) <= width {
        return text.to_owned();
    }
    let mut room = width - letters.advance('…');
    let mut kept: String = text
        .chars()
        .take_while(|letter| {
            room -= letters.advance(*letter);
            room >= 0.0
        })
        .collect();
    if !kept.is_empty() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Rgb = [0; 3];

    /// The first and the last column with pixels of a text.
    fn span(align: Align, text: &str) -> (usize, usize) {
        let mut canvas = Canvas::new(200, 30, [255; 3]);
        canvas.text(100, 8, 15.0, align, text, INK);
        let dark = |x: &usize| (0..30).any(|y| canvas.pixels()[(y * 200 + x) * 3] < 128);
        let columns: Vec<_> = (0..200).filter(dark).collect();
        (columns[0], columns[columns.len() - 1])
    }

    #[test]
    fn a_text_lies_where_it_is_aligned() {
        let width = text_width("14:23:40", 15.0);
        let (left, right) = span(Align::Left, "14:23:40");
        assert!((100..104).contains(&left) && right < 100 + width, "{left} to {right}");
        let (left, right) = span(Align::Right, "14:23:40");
        assert!(left >= 99 - width && (96..100).contains(&right), "{left} to {right}");
        let (left, right) = span(Align::Middle, "14:23:40");
        assert!(left.abs_diff(200 - right) < 6, "{left} to {right}");
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let mut canvas = Canvas::new(4, 4, [0; 3]);
        canvas.text(2, 2, 30.0, Align::Middle, "a long ünicode text 漢", [1; 3]);
        canvas.text(0, 0, 30.0, Align::Right, "left of it", [1; 3]);
        canvas.fill(
            Area {
                left: 3,
                top: 3,
                width: 100,
                height: 100,
            },
            [2; 3],
        );
        assert_eq!(canvas.pixels().len(), 48);
        assert_eq!(canvas.pixels()[45..], [2; 3]);
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("abcdef", 12.0, 100), "abcdef");
        let short = cut("abcdefghij", 12.0, 40);
        assert!(
            short.starts_with("abc") && short.ends_with('…') && short.len() < 10,
            "{short}"
        );
        assert!(text_width(&short, 12.0) <= 40);
        assert_eq!(cut("abcdefghij", 12.0, 5), "");
    }
}
