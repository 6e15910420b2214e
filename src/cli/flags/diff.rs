//! `capture diff`.

use std::path::PathBuf;

use clap::Args;

use super::{FormatArg, schema::GivenSchemaArgs, validate::LayoutArgs};
use crate::grpc::field_pattern::{FieldPattern, FieldPatternError};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture diff before.gcap after.gcap\n  \
                  capture diff monday.gcap tuesday.gcap --ignore '*.request_id' --ignore '*.time'\n  \
                  capture diff before.gcap after.gcap --abs 0.01 --html diff.html")]
pub(crate) struct DiffArgs {
    /// First capture
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,

    /// Second capture
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,

    /// Largest absolute difference of numbers; of spectrogram values in dB
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    pub(crate) abs: f64,

    /// Largest relative difference of numbers, as a part of the larger magnitude
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    pub(crate) rel: f64,

    /// Field that may differ, such as `header.time`, `*.request_id`, `metadata.x-build` or `status.message`; can be repeated
    #[arg(long, value_name = "PATH", value_delimiter = ',', value_parser = patterns)]
    pub(crate) ignore: Vec<Vec<FieldPattern>>,

    /// Do not compare metadata
    #[arg(long, conflicts_with = "all_metadata")]
    pub(crate) ignore_metadata: bool,

    /// Also compare metadata that differs from run to run (dates, user agents, addresses)
    #[arg(long)]
    pub(crate) all_metadata: bool,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,

    /// Also write an HTML page with a waterfall of the differences
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Replace an existing page
    #[arg(long, requires = "html")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    #[command(flatten)]
    pub(crate) schema: GivenSchemaArgs,
}

/// The patterns that a path means: as `diff` prints it, with places in lists and keys of maps in brackets, or by dots.
fn patterns(text: &str) -> Result<Vec<FieldPattern>, FieldPatternError> {
    let (mut plain, mut keyed, mut rest) = (String::new(), String::new(), text);
    while let Some((before, inner)) = rest.split_once('[') {
        let Some((index, after)) = inner.split_once(']') else {
            break;
        };
        plain.push_str(before);
        keyed.push_str(before);
        keyed.push('.');
        keyed.push_str(index);
        rest = after;
    }
    plain.push_str(rest);
    keyed.push_str(rest);
    let plain: FieldPattern = plain.parse()?;
    // A place in a list is no part of a path, and the key of a map is one.
    Ok(if text.contains('[') {
        vec![plain, keyed.parse()?]
    } else {
        vec![plain]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_be_written_as_it_is_printed() {
        let texts = |text: &str| {
            let patterns = patterns(text).unwrap();
            patterns.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(texts("a.b"), ["a.b"]);
        assert_eq!(texts("lines[3].at"), ["lines.at", "lines.3.at"]);
        assert_eq!(texts("near[home].at[0]"), ["near.at", "near.home.at.0"]);
        assert!(patterns("a..b").is_err() && patterns("[0]").is_err());
    }
}
