//! The canvas of a picture with title and margins.

use crate::{
    model::finding::Severity,
    report::picture::{
        canvas::{Align, Area, Canvas, Rgb, cut},
        colour::{ERROR, FAINT, INFO, INK, PAPER, WARNING},
    },
};

/// Font sizes, in pixels from line to line: the title, labels of axes, and what explains.
pub(crate) const TITLE: f32 = 19.0;

pub(crate) const LABEL: f32 = 15.0;

pub(crate) const SMALL: f32 = 12.0;

/// Height of a line of text.
pub(crate) const LINE: usize = 20;

/// The canvas of a picture with title and margins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Title of the picture.
    pub name: String,
    /// Findings to mark.
    pub marks: Vec<Mark>,
}

/// A marked finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Severity.
    pub severity: Severity,
    /// Position on the time axis of the rows, microseconds.
    pub at_us: Option<i64>,
    /// Arrival, nanoseconds since the capture began.
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
    /// Starts a picture with a title, an explanatory line, and room for axes; gives the area that is left.
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
