//! Expectations from flags and files, which override those in the capture.

use crate::{
    analyze::validate::{ExpectError, Expectations, Expected, Level, Rule, SensorSet},
    das::{expect::ZERO_RULES, focus},
};

use super::{Failure, stats::read_text};
use crate::cli::flags::{validate::ExpectArgs, value::Span};

/// Reads the expectations from the flags and the file; to be merged over what the capture says.
pub(crate) fn expectations(args: &ExpectArgs) -> Result<Expectations, Failure> {
    let file = match &args.expect {
        Some(path) => {
            let text = read_text(path, "expectations")?;
            let parsed = Expectations::parse_toml(&text, &Rule::NAMES);
            parsed.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?
        }
        None => Expectations::default(),
    };
    let mut flags = Expectations {
        sensors: args.expect_sensors.map(sensors).transpose()?.map(Expected::flag),
        bins: args.expect_bins.map(Expected::flag),
        amplitude_db: args.amplitude.map(Expected::flag),
        lines_dt_s: args.lines_dt.map(|Span(span)| Expected::flag(span.as_secs_f64())),
        minimum_fps: args.min_fps.map(Expected::flag),
        first_frame_s: args.first_frame.map(|Span(span)| Expected::flag(span.as_secs_f64())),
        largest_gap_s: args.max_gap.map(|Span(span)| Expected::flag(span.as_secs_f64())),
        ..Expectations::default()
    };
    let usage = |error: ExpectError| Failure::Usage(error.to_string());
    for rule in &args.allowed {
        flags.set_level(rule, Level::Off, &Rule::NAMES).map_err(usage)?;
    }
    for text in &args.severities {
        let (rule, level) = severity(text)?;
        flags.set_level(rule, level, &Rule::NAMES).map_err(usage)?;
    }
    if args.allow_empty {
        for rule in ZERO_RULES {
            flags.set_level(rule, Level::Off, &Rule::NAMES).map_err(usage)?;
        }
    }
    Ok(file.merge(flags))
}

fn sensors(span: focus::Span<i64>) -> Result<SensorSet, Failure> {
    span.to_string()
        .parse()
        .map_err(|error| Failure::Usage(format!("--expect-sensors: {error}")))
}

fn severity(text: &str) -> Result<(&str, Level), Failure> {
    let level = text.split_once('=').and_then(|(rule, name)| {
        let found = Level::ALL.iter().find(|(level, _)| *level == name);
        found.map(|(_, level)| (rule, *level))
    });
    level.ok_or_else(|| {
        Failure::Usage(format!(
            "`{text}` is not a severity; write RULE=error, warning, info or off"
        ))
    })
}
