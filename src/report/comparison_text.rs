//! A comparison of a server with a capture, as text.

use crate::{
    model::text::printable,
    replay::outcome::{CallComparison, Comparison, FieldDifference},
};

/// Renders the verdict, and a line for each call with its differences below it.
#[must_use]
pub(crate) fn render(comparison: &Comparison) -> String {
    let mut text = verdict(comparison);
    for call in &comparison.calls {
        text.push_str(&call_line(call));
        for difference in &call.differences {
            text.push_str(&difference_line(difference));
        }
        if call.more > 0 {
            text.push_str(&format!("    and {} more differences\n", call.more));
        }
    }
    for rule in &comparison.unused_ignores {
        text.push_str(&format!(
            "no difference of {} was ignored; is it spelt as in the schema?\n",
            printable(rule)
        ));
    }
    text
}

fn verdict(comparison: &Comparison) -> String {
    let differing = comparison.calls.iter().filter(|call| !call.matched).count();
    let messages = |count: u64| format!("{count} message{} compared", if count == 1 { "" } else { "s" });
    match (comparison.compared, differing) {
        (compared, _) if comparison.matched => format!("PASS  same: {}\n", messages(compared)),
        (0, 0) => "FAIL  nothing was compared: no recorded answer came\n".to_owned(),
        (compared, differing) => {
            let calls = comparison.calls.len();
            format!(
                "FAIL  different: {differing} of {calls} calls, {}\n",
                messages(compared)
            )
        }
    }
}

fn call_line(call: &CallComparison) -> String {
    let verdict = if call.matched { "same" } else { "different" };
    let ending = call.ending.as_deref().unwrap_or("stopped where the recording ends");
    format!(
        "call {} {}: {verdict}; {} sent, {} compared, {} differ, {} missing, {} extra; {}\n",
        call.call,
        printable(&call.method),
        call.sent,
        call.compared,
        call.differing,
        call.missing,
        call.extra,
        printable(ending)
    )
}

fn difference_line(difference: &FieldDifference) -> String {
    let place = match difference.message {
        Some(message) => format!("message {message}, {}", printable(&difference.path)),
        None => printable(&difference.path),
    };
    match difference.recorded.as_str() {
        "" => format!("    {place}: {}\n", printable(&difference.replayed)),
        recorded => format!(
            "    {place}: recorded {}, now {}\n",
            printable(recorded),
            printable(&difference.replayed)
        ),
    }
}
