//! Findings as text.

use crate::{
    finding::{Finding, Place, Severity},
    report::event_text::printable,
};

/// The severity's name.
#[must_use]
pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A place in words, outermost first: `call 1, message 3, row 12, sensor 40, bin 7, at 1.200 s`.
#[must_use]
pub fn place(place: &Place) -> String {
    let number = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let parts = [
        number("call", place.call.map(|call| call.to_string())),
        number("message", place.message.map(|message| message.to_string())),
        number("row", place.row.map(|row| row.to_string())),
        number("sensor", place.sensor.map(|sensor| sensor.to_string())),
        number("bin", place.bin.map(|bin| bin.to_string())),
        number("byte", place.byte.map(|byte| byte.to_string())),
        number(
            "at",
            place
                .offset_ns
                .map(|ns| format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1000)),
        ),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// All of a finding, over several lines: what, how often, where, and what to do.
#[must_use]
pub fn detail(finding: &Finding) -> String {
    let mut text = printable(&finding.message);
    let (first, last) = (place(&finding.first), place(&finding.last));
    if !first.is_empty() {
        text.push_str(&format!("\nfirst: {first}"));
    }
    if finding.count > 1 && last != first && !last.is_empty() {
        text.push_str(&format!("\nlast:  {last}"));
    }
    if finding.count > 1 {
        text.push_str(&format!("\ncount: {}", finding.count));
    }
    if !finding.hint.is_empty() {
        text.push_str(&format!("\nhint:  {}", printable(&finding.hint)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_where_how_often_and_what_to_do() {
        let finding = Finding {
            rule: "nan",
            severity: Severity::Error,
            count: 3,
            first: Place {
                call: Some(1),
                sensor: Some(40),
                offset_ns: Some(1_200_000_000),
                ..Place::default()
            },
            last: Place {
                call: Some(1),
                sensor: Some(41),
                ..Place::default()
            },
            message: "3 values are NaN".to_owned(),
            hint: "look at the sensor".to_owned(),
        };
        let expected = "3 values are NaN\nfirst: call 1, sensor 40, at 1.200 s\nlast:  call 1, sensor 41\ncount: 3\n\
                        hint:  look at the sensor";
        assert_eq!(detail(&finding), expected);
    }
}
