//! Numbers and times as texts for people.

use crate::model::text::grouped;

/// A number with three decimals at most.
pub(crate) fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Milliseconds as a text for people.
pub(crate) fn human(ms: f64) -> String {
    match ms {
        _ if ms < 1000.0 => format!("{} ms", short(ms)),
        _ if ms < 60_000.0 => format!("{} s", short(ms / 1000.0)),
        _ => {
            let minutes = (ms / 60_000.0) as u64;
            match minutes / 60 {
                0 => format!("{minutes} min {} s", (ms / 1000.0) as u64 % 60),
                hours => format!("{} h {} min", grouped(hours), minutes % 60),
            }
        }
    }
}
