//! The paper that a picture is drawn on.

use crate::{
    model::finding::Severity,
    report::picture::{
        canvas::{Align, Area, Canvas, Rgb, cut},
        colour::{ERROR, FAINT, INFO, INK, PAPER, WARNING},
    },
};

/// Sizes of letters, pixels from line to line: the title, labels of axes, and what explains.
pub(crate) const TITLE: f32 = 19.0;

pub(crate) const LABEL: f32 = 15.0;

pub(crate) const SMALL: f32 = 12.0;

/// Height of a line of text.
pub(crate) const LINE: usize = 20;

/// The paper that a picture is drawn on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Whose picture it is.
    pub name: String,
    /// Findings to mark.
    pub marks: Vec<Mark>,
}

/// A finding on a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// How bad it is.
    pub severity: Severity,
    /// Where on the axis of the rows, microseconds.
    pub at_us: Option<i64>,
    /// When it arrived, nanoseconds since the capture began.
    pub offset_ns: Option<u64>,
}

impl Mark {
    pub(crate) fn colour(self) -> Rgb {
        match self.severity {
            Severity::Error => ERROR,
            Severity::Warning => WARNING,
            Severity::Info => INFO,
        }
    }
}

impl Sheet {
    /// Paper with a title, a line that explains, and room for axes; gives the area that is left.
    pub(crate) fn begin(&self, title: &str, explained: &str) -> (Canvas, Area) {
        let (width, height) = (self.width.clamp(360, 8000), self.height.clamp(240, 8000));
        let mut canvas = Canvas::new(width, height, PAPER);
        let title = format!("{}: {title}", self.name);
        canvas.text(20, 14, TITLE, Align::Left, &cut(&title, TITLE, width - 40), INK);
        canvas.text(20, 36, SMALL, Align::Left, &cut(explained, SMALL, width - 40), FAINT);
        let area = Area {
            left: 104,
            top: 70,
            width: width - 104 - 110,
            height: height - 70 - 66,
        };
        (canvas, area)
    }
}
