//! A canvas of pixels: rectangles, lines, letters.

use super::font;

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// A picture in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    /// Three bytes for each pixel, line by line from the top.
    pixels: Vec<u8>,
}

/// A part of a canvas, pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Its left edge.
    pub left: usize,
    /// Its upper edge.
    pub top: usize,
    /// Its width.
    pub width: usize,
    /// Its height.
    pub height: usize,
}

impl Area {
    /// The first pixel to the right of it.
    #[must_use]
    pub const fn right(&self) -> usize {
        self.left + self.width
    }

    /// The first pixel below it.
    #[must_use]
    pub const fn bottom(&self) -> usize {
        self.top + self.height
    }
}

/// How a text lies about its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// It begins there.
    Left,
    /// It is centred there.
    Middle,
    /// It ends there.
    Right,
}

impl Canvas {
    /// A canvas of one colour.
    #[must_use]
    pub fn new(width: usize, height: usize, colour: Rgb) -> Self {
        Self {
            width,
            height,
            pixels: colour.repeat(width * height),
        }
    }

    /// Its width in pixels.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Its height in pixels.
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

    /// Writes a line of text, `scale` pixels for each dot of a letter; `y` is its upper edge. Letters beyond ASCII become
    /// question marks.
    pub fn text(&mut self, x: usize, y: usize, scale: usize, align: Align, text: &str, colour: Rgb) {
        let width = text_width(text, scale);
        let left = match align {
            Align::Left => x,
            Align::Middle => x.saturating_sub(width / 2),
            Align::Right => x.saturating_sub(width),
        };
        for (at, letter) in text.chars().enumerate() {
            for (column, bits) in font::letter(letter).iter().enumerate() {
                for row in (0..font::HEIGHT).filter(|row| bits >> row & 1 == 1) {
                    let area = Area {
                        left: left + (at * font::ADVANCE + column) * scale,
                        top: y + row * scale,
                        width: scale,
                        height: scale,
                    };
                    self.fill(area, colour);
                }
            }
        }
    }
}

/// How wide a text is, pixels.
#[must_use]
pub fn text_width(text: &str, scale: usize) -> usize {
    (text.chars().count() * font::ADVANCE).saturating_sub(1) * scale
}

/// The text, cut at so many pixels.
#[must_use]
pub fn cut(text: &str, scale: usize, width: usize) -> String {
    let fitting = (width / scale.max(1) + 1) / font::ADVANCE;
    let long = text.chars().count() > fitting;
    let kept = if long { fitting.saturating_sub(2) } else { fitting };
    let mut cut: String = text.chars().take(kept).collect();
    if long {
        cut.push_str("..");
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_their_shapes_and_stay_inside() {
        let mut canvas = Canvas::new(12, 7, [0; 3]);
        canvas.text(0, 0, 1, Align::Left, "T", [9; 3]);
        let line = |y: usize| -> Vec<u8> { (0..6).map(|x| canvas.pixels()[(y * 12 + x) * 3]).collect() };
        assert_eq!(line(0), [9, 9, 9, 9, 9, 0]);
        assert_eq!(line(6), [0, 0, 9, 0, 0, 0]);
        let mut canvas = Canvas::new(4, 4, [0; 3]);
        canvas.text(2, 2, 3, Align::Middle, "a long ünicode text", [1; 3]);
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
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("abcdef", 1, 100), "abcdef");
        assert_eq!(cut("abcdefghij", 1, 35), "abcd..");
    }
}
