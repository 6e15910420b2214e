//! A comparison of two captures as text.

use crate::{
    analyze::diff::{CaptureDiff, DiffTotals, Difference},
    model::{finding::Place, text::printable},
};

/// Renders the comparison as `capture diff` prints it; `a` and `b` are the names of the captures.
#[must_use]
pub(crate) fn render(diff: &CaptureDiff, a: &str, b: &str) -> String {
    let (word, verdict) = match (diff.differs, is_empty(&diff.totals)) {
        (false, false) => ("PASS", "SAME"),
        (false, true) => ("FAIL", "EMPTY"),
        (true, _) => ("FAIL", "DIFFERENT"),
    };
    let (a, b) = (printable(a), printable(b));
    let mut text = format!("{word}  {verdict}  {a} | {b}: {}\n", totals(&diff.totals));
    for call in diff.calls.iter().filter(|call| !call.differences.is_empty()) {
        let number = |call: Option<u32>| call.map_or_else(|| "none".to_owned(), |call| call.to_string());
        text.push_str(&format!(
            "call {} | {}  {}\n",
            number(call.a),
            number(call.b),
            printable(&call.method)
        ));
        for difference in &call.differences {
            text.push_str(&line(difference));
        }
        if call.more > 0 {
            text.push_str(&format!("  … and {} more differences of this call\n", call.more));
        }
        text.push('\n');
    }
    if let Some(max) = &diff.max_abs {
        text.push_str(&format!(
            "largest difference of a value: {} dB ({} and {}) in {}\n",
            max.difference, max.a, max.b, max.place
        ));
    }
    if diff.totals.rows_missing > 0 && diff.totals.rows_extra > 0 {
        let window = diff.window;
        text.push_str(&format!(
            "(a row that moved by more than {window} rows counts as missing and as extra)\n"
        ));
    }
    text
}

/// True when neither capture contains a call.
const fn is_empty(totals: &DiffTotals) -> bool {
    totals.calls + totals.calls_missing + totals.calls_extra == 0
}

fn line(difference: &Difference) -> String {
    let at = match (&difference.a, &difference.b) {
        (Some(a), Some(b)) if within(a) == within(b) => format!(" at {}", within(a)),
        (Some(a), Some(b)) => format!(" at {} | {}", within(a), within(b)),
        (Some(one), None) | (None, Some(one)) => format!(" at {}", within(one)),
        (None, None) => String::new(),
    };
    let (kind, what) = (difference.kind.name(), difference.what.name());
    format!("  {kind} {what}{at}: {}\n", printable(&difference.text))
}

/// Formats a place within a call that has been named already, without its time.
fn within(place: &Place) -> String {
    let place = Place {
        call: None,
        offset_ns: None,
        unix_ns: None,
        original_offset_ns: None,
        ..*place
    };
    if place == Place::default() {
        "its beginning".to_owned()
    } else {
        place.to_string()
    }
}

/// Lists all counts above zero.
fn totals(totals: &DiffTotals) -> String {
    let counts = [
        (totals.calls, "call"),
        (totals.rows, "row"),
        (totals.messages, "other message"),
    ];
    let both: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(*count, noun))
        .collect();
    let differences = [
        (totals.calls_missing, "call", "missing"),
        (totals.calls_extra, "call", "extra"),
        (totals.rows_missing, "row", "missing"),
        (totals.rows_extra, "row", "extra"),
        (totals.rows_duplicated, "row", "duplicated"),
        (totals.rows_moved, "row", "moved"),
        (totals.rows_changed, "row", "changed"),
        (totals.messages_missing, "message", "missing"),
        (totals.messages_extra, "message", "extra"),
        (totals.messages_duplicated, "message", "duplicated"),
        (totals.messages_moved, "message", "moved"),
        (totals.messages_changed, "message", "changed"),
        (totals.values_changed, "value", "changed"),
    ];
    let mut said: Vec<_> = differences
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, noun, how)| format!("{} {how}", counted(*count, noun)))
        .collect();
    if totals.other > 0 {
        said.push(format!(
            "{} of request, metadata, ending or gaps",
            counted(totals.other, "difference")
        ));
    }
    let both = if both.is_empty() {
        "nothing".to_owned()
    } else {
        both.join(", ")
    };
    if said.is_empty() {
        format!("{both} in both")
    } else {
        format!("{both} in both; {}", said.join(", "))
    }
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
