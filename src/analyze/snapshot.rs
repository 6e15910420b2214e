//! Statistics as golden text: stable, reviewable, made to be committed and compared.
//!
//! The text holds structure and amplitude of the capture and of each sensor, how calls ended, and what the rows' own
//! timestamps tell. It has the same bytes on every machine and in every run. These rules, which are also at its head,
//! keep out what may differ between two recordings of the same thing:
//!
//! - **Left out**: wall-clock times, arrival times (unless [`SnapshotOptions::timing`] includes them), addresses,
//!   metadata, notes, what the header says besides the dialect, and what a transport reported when it broke.
//! - **Replaced** in status messages: job ids (those that the calls asked for, and numbers like `12-70788`) by `[job]`,
//!   addresses and URLs by `[address]`, UUIDs and long hexadecimal words by `[id]`, numbers of ten digits and more by
//!   `[number]`. Canvas ids are replaced everywhere by `canvas 1`, `canvas 2`, … in the order in which they appear.
//! - **Numbers**: counts, ids and milliseconds of timestamps in full and without a point. Measured numbers with six
//!   significant digits, rounded from their exact decimal value with ties to even, and always with a point; an exponent
//!   below 10⁻⁴ and from 10⁹ on.
//!
//! A capture without spectrogram streams has sections of its methods instead: calls, statuses, messages, bytes and sizes.
//!
//! Each call has a line with the SHA-256 of its messages, which changes when any byte does.
//!
//! # In a test
//!
//! Two lines compare a capture with a golden file by [insta](https://insta.rs); `cargo insta review` shows and accepts
//! changes:
//!
//! Without Rust, `capture snapshot --check` compares with files; [`compare`] is what it does.

mod call;
pub(crate) mod compare;
mod digest_line;
pub(crate) mod names;
mod normal;
mod number;
mod options;
mod page;
mod sections;
mod service;

use std::io::{Read, Seek};

use crate::{
    analyze::stats::Stats,
    file::{FileError, Reader},
};
pub use options::{SnapshotOptions, SnapshotPart};
use page::Page;

/// Version of the text; a change of what it says or of how it is written is a new one.
pub(crate) const VERSION: u32 = 1;

/// The golden text of some statistics; ends with a newline.
#[must_use]
pub fn render(stats: &Stats, options: &SnapshotOptions) -> String {
    if stats.is_service() {
        return render_service(stats, options);
    }
    let mut page = Page::new(&format!(
        "\
# Golden text of a capture, version {VERSION}.
# Left out: wall-clock and arrival times, addresses, metadata, notes, the header but for its dialect.
# Replaced: job ids by [job], addresses by [address], ids by [id], long numbers by [number], canvas ids by their order.
# Counts are exact. Numbers with a point have 6 significant digits. Amplitudes are in dB, over finite values.
"
    ));
    sections::stream(&mut page, stats);
    for called in &stats.calls {
        call::section(&mut page, called, stats, options.digests);
    }
    sections::structure(&mut page, stats);
    sections::amplitude(&mut page, stats);
    sections::rows(&mut page, &stats.rows);
    if options.timing == SnapshotPart::Include {
        sections::timing(&mut page, &stats.timing);
    }
    sections::sensors(&mut page, &stats.sensors, options.sensors);
    page.finish()
}

/// The golden text of a capture without spectrogram streams.
fn render_service(stats: &Stats, options: &SnapshotOptions) -> String {
    let mut page = Page::new(&format!(
        "\
# Golden text of a capture, version {VERSION}.
# Left out: wall-clock and arrival times, addresses, metadata, notes, the header.
# Replaced: addresses by [address], ids by [id], long numbers by [number].
# Counts are exact. Numbers with a point have 6 significant digits.
"
    ));
    service::totals(&mut page, stats);
    for method in &stats.methods.methods {
        service::method(&mut page, method);
    }
    for called in &stats.calls {
        call::section(&mut page, called, stats, options.digests);
    }
    if options.timing == SnapshotPart::Include {
        for method in &stats.methods.methods {
            service::timing(&mut page, method);
        }
    }
    page.finish()
}

/// The golden text of a capture, from where the reader stands to its end, with the default options.
///
/// # Errors
/// As [`Reader::next_event`].
pub fn text<R: Read + Seek>(reader: &mut Reader<R>) -> Result<String, FileError> {
    Ok(render(&Stats::of(reader)?, &SnapshotOptions::default()))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_snapshot() -> Result<(), crate::file::FileError> {
        use crate::{analyze::snapshot, file::Reader};

        mod insta {
            macro_rules! assert_snapshot {
                ($text:expr) => {
                    assert!($text.contains("## amplitude"))
                };
            }
            pub(crate) use assert_snapshot;
        }
        let text = snapshot::text(&mut Reader::open("captures/zero-ids.gcap")?)?;
        insta::assert_snapshot!(text);
        Ok(())
    }
}
