//! A report as one HTML page that needs nothing else: no network, no other file.
//!
//! The verdict comes first, then findings, pictures, numbers, what the capture is, what was configured, and how to play
//! it again. Its script lets the pictures be zoomed and read; without it they are still there. The same input gives the
//! same bytes. Whatever comes from the capture is escaped, and a content security policy forbids the page to load or to
//! send anything.

mod charts;
mod data;
mod findings;
mod methods;
mod sections;
mod views;
mod waterfall;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::input::ReportInput;
use crate::model::text::printable_lines;
pub(super) use sections::{body, facts};
pub(super) use views::data_url;

static STYLE: &str = include_str!("html/report.css");
static SCRIPT: &str = include_str!("html/report.js");

/// Content security policy of the page: show what is in it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri \
                      'none'; form-action 'none'";

/// Renders the page.
///
/// ```
/// use grpc_capture::{file::Reader, report::{CollectOptions, collect, html}};
///
/// let mut reader = Reader::open("captures/nan.gcap")?;
/// let page = html(&collect(&mut reader, "nan.gcap", &CollectOptions::default())?);
/// assert!(page.contains("FAIL"));
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[must_use]
pub fn render(input: &ReportInput) -> String {
    let name = &input.capture;
    let (_, verdict) = findings::word(input.validation.verdict);
    shown(&html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                // A browser asks a server for an icon unless the page has one.
                link rel="icon" href="data:,";
                title { (verdict) ": " (name) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#findings" { "Skip to the findings" }
                header {
                    h1 { (name) }
                    (findings::verdict(input))
                }
                main {
                    (findings::list(input))
                    (views::pictures(input))
                    (methods::table(input))
                    (waterfall::calls(input))
                    (sections::statistics(input))
                    (sections::identity(input))
                    (sections::calls(input))
                    (sections::notes(input))
                    (sections::configure(input))
                    (sections::again(input))
                }
                footer { "Made by grpc-capture " (env!("CARGO_PKG_VERSION")) "." }
                script type="application/json" id="data" { (PreEscaped(data::json(input))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    })
}

/// Formats text for the page, with control characters made visible.
pub(super) fn shown(page: &Markup) -> String {
    printable_lines(&page.0).into_owned()
}

#[cfg(test)]
mod tests;
