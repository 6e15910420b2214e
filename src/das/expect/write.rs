//! The writer of expectation files.

use std::fmt::Write as _;

use super::{Expectations, Expected, Level, methods};
use crate::das::focus::Span;

impl Expectations {
    /// Writes the expectations from files and flags as an expectation file, so that a validation can be repeated
    /// elsewhere. What the capture's own configure exchange says is left out: it travels with the capture.
    ///
    /// ```
    /// use grpc_capture::{analyze::Rule, das::Expectations};
    /// let expect = Expectations::parse_toml("bins = 256\nallow = ['stall']", &Rule::NAMES)?;
    /// assert_eq!(Expectations::parse_toml(&expect.to_toml(), &Rule::NAMES)?, expect);
    /// # Ok::<(), grpc_capture::das::ExpectError>(())
    /// ```
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let span = |span: &Span<f64>| format!("[{:?}, {:?}]", span.min, span.max);
        let float = |value: &f64| format!("{value:?}");
        put(&mut text, "sensors", self.sensors.as_ref(), |set| format!("\"{set}\""));
        put(&mut text, "bins", self.bins.as_ref(), ToString::to_string);
        put(&mut text, "frequency_hz", self.frequency_hz.as_ref(), span);
        put(&mut text, "amplitude_db", self.amplitude_db.as_ref(), span);
        put(&mut text, "lines_dt_s", self.lines_dt_s.as_ref(), float);
        put(&mut text, "minimum_fps", self.minimum_fps.as_ref(), float);
        put(&mut text, "minimum_mb_per_s", self.minimum_mb_per_s.as_ref(), float);
        put(&mut text, "first_frame_s", self.first_frame_s.as_ref(), float);
        put(&mut text, "largest_gap_s", self.largest_gap_s.as_ref(), float);
        put(
            &mut text,
            "minimum_frames",
            self.minimum_frames.as_ref(),
            ToString::to_string,
        );
        put(
            &mut text,
            "minimum_rows",
            self.minimum_rows.as_ref(),
            ToString::to_string,
        );
        put(&mut text, "streams", self.streams.as_ref(), ToString::to_string);
        put(&mut text, "window_s", self.window_s.as_ref(), float);
        if !self.levels.is_empty() {
            text.push_str("\n[severity]\n");
        }
        for (rule, level) in &self.levels {
            let name = Level::ALL.iter().find(|(_, known)| known == level);
            let name = name.map_or("off", |(name, _)| name);
            let _ = writeln!(text, "{rule} = \"{name}\"");
        }
        methods::write(&mut text, &self.methods);
        text
    }
}

fn put<T>(text: &mut String, key: &str, expected: Option<&Expected<T>>, value: impl Fn(&T) -> String) {
    if let Some(expected) = expected.filter(|expected| expected.source.is_explicit()) {
        let _ = writeln!(text, "{key} = {}", value(&expected.value));
    }
}
