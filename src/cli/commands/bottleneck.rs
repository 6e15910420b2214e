//! Which stage of a recording its messages waited for, and for how long.

use std::time::Duration;

use serde::Serialize;

use super::output;
use crate::record::RecordingSummary;

/// A bottleneck is told of from here on: a tenth of a second, which nobody notices.
const NOTICEABLE: Duration = Duration::from_millis(100);

/// What the messages in the queue waited for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Bottleneck {
    compression_s: f64,
    writing_s: f64,
    #[serde(skip)]
    compression: Duration,
    #[serde(skip)]
    writing: Duration,
}

impl Bottleneck {
    /// Of a recording; nothing is known of one that failed.
    pub(super) fn of(written: Option<&RecordingSummary>) -> Self {
        let (compression, writing) = written.map_or_else(Default::default, |written| {
            (written.waited_for_compression, written.waited_for_writing)
        });
        Self {
            compression_s: compression.as_secs_f64(),
            writing_s: writing.as_secs_f64(),
            compression,
            writing,
        }
    }

    /// A line that names the bottleneck; empty when there was none to speak of.
    pub(super) fn text(&self) -> String {
        let (stage, longer, other, shorter) = if self.writing >= self.compression {
            ("the disk", self.writing, "compression", self.compression)
        } else {
            ("compression", self.compression, "the disk", self.writing)
        };
        if longer < NOTICEABLE {
            return String::new();
        }
        let seconds = |span: Duration| output::seconds(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
        format!(
            "  {stage} was the bottleneck: the queue waited {} for it, and {} for {other}\n",
            seconds(longer),
            seconds(shorter)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(compression: u64, writing: u64) -> Bottleneck {
        Bottleneck::of(Some(&RecordingSummary {
            waited_for_compression: Duration::from_millis(compression),
            waited_for_writing: Duration::from_millis(writing),
            ..RecordingSummary::default()
        }))
    }

    #[test]
    fn the_stage_that_was_waited_for_is_named_and_a_moment_is_not_worth_a_line() {
        let disk = "  the disk was the bottleneck: the queue waited 12.300 s for it, and 0.400 s for compression\n";
        let compression =
            "  compression was the bottleneck: the queue waited 3.000 s for it, and 0.000 s for the disk\n";
        assert_eq!(waited(400, 12_300).text(), disk);
        assert_eq!(waited(3_000, 0).text(), compression);
        assert_eq!(waited(99, 50).text() + &Bottleneck::of(None).text(), "");
        let json = serde_json::to_value(waited(400, 12_300)).unwrap();
        assert_eq!(json, serde_json::json!({"compression_s": 0.4, "writing_s": 12.3}));
    }
}
