//! A report as one HTML page that needs nothing else: no network, no other file.
//!
//! The verdict comes first, then findings, pictures, numbers, what the capture is, what was configured, and how to play
//! it again. Its script lets the pictures be zoomed and read; without it they are still there. The same input gives the
//! same bytes. Whatever comes from the capture is escaped, and a content security policy forbids the page to load or to
//! send anything.

mod charts;
mod data;
pub(super) mod escape;
mod findings;
mod sections;
mod views;

use std::fmt::Write as _;

use super::input::ReportInput;
use crate::model::finding::Verdict;
use escape::escape;
pub(super) use escape::shell_word;
pub(super) use sections::{body, facts};

const STYLE: &str = include_str!("html/report.css");
const SCRIPT: &str = include_str!("html/report.js");

/// The page.
///
/// ```
/// use grpc_capture::{file::Reader, report::{html, input::{CollectOptions, collect}}};
///
/// let mut reader = Reader::open("captures/nan.gcap")?;
/// let page = html::render(&collect(&mut reader, "nan.gcap", &CollectOptions::default())?);
/// assert!(page.contains("FAIL"));
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[must_use]
pub fn render(input: &ReportInput) -> String {
    let mut page = String::with_capacity(1 << 20);
    let name = escape(&input.capture);
    page.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src \
         'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n",
    );
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // A browser asks a server for an icon unless the page has one.
    page.push_str("<link rel=\"icon\" href=\"data:,\">\n");
    let verdict = match input.validation.verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
    };
    let _ = writeln!(page, "<title>{verdict}: {name}</title>");
    let _ = writeln!(page, "<style>\n{STYLE}</style>\n</head>\n<body>");
    page.push_str("<a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n");
    let _ = writeln!(page, "<header>\n<h1>{name}</h1>");
    page.push_str(&findings::verdict(input));
    page.push_str("</header>\n<main>\n");
    page.push_str(&findings::list(input));
    page.push_str(&views::pictures(input));
    page.push_str(&sections::statistics(input));
    page.push_str(&sections::identity(input));
    page.push_str(&sections::calls(input));
    page.push_str(&sections::notes(input));
    page.push_str(&sections::configure(input));
    page.push_str(&sections::again(input));
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(page, "</main>\n<footer>Made by grpc-capture {version}.</footer>");
    let _ = writeln!(
        page,
        "<script type=\"application/json\" id=\"data\">{}</script>",
        data::json(input)
    );
    let _ = writeln!(page, "<script>\n{SCRIPT}</script>\n</body>\n</html>");
    page
}

#[cfg(test)]
mod tests;
