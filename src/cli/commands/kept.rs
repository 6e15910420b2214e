//! Content of the files of a failed recording, and its effect on the reports.

use std::path::{Path, PathBuf};

use crate::file::Summary;
use crate::record::{RecordedCapture, RecorderError, RecordingFailure, RecordingSummary, RecordingTotals, StoredFiles};

use super::output::{beside, counted, grouped};
use crate::cli::remedies::with_causes;

/// Number of files that an error names one by one.
const NAMED: usize = 3;

/// The content of the files of a failed recording; `None` where it is not in doubt.
pub(crate) fn stored(written: &Result<RecordingSummary, RecordingFailure>) -> Option<&StoredFiles> {
    match written {
        Err(RecordingFailure::Write { stored, .. }) => stored.as_deref(),
        _ => None,
    }
}

/// The part of a report about the files of a recording.
pub(crate) struct Content<'a> {
    /// Totals of the files; `None` where nothing is known of them.
    pub(crate) summary: Option<Summary>,
    /// Messages that are lost: those of the gaps, and those that could not be written.
    pub(crate) gaps: u64,
    /// The capture, or the pattern of a series; `None` where there is no file.
    pub(crate) capture: Option<PathBuf>,
    /// The files of a series; `None` where the recording is one file.
    pub(crate) series: Option<&'a [RecordedCapture]>,
}

/// The content of a recording at `path`, completed or not.
pub(crate) fn content<'a>(
    written: &'a Result<RecordingSummary, RecordingFailure>,
    totals: &RecordingTotals,
    path: &Path,
    numbered: bool,
) -> Content<'a> {
    let (written, held) = (written.as_ref().ok(), stored(written));
    let files = written.map(|written| &written.files).or(held.map(|held| &held.files));
    Content {
        summary: written.map(|written| written.summary).or(held.map(|held| held.summary)),
        gaps: match (written, held) {
            (Some(written), _) if !numbered => written.summary.gaps,
            (_, Some(held)) => totals.gaps + unwritten(totals, held),
            _ => totals.gaps,
        },
        capture: match files.map(|files| files.first()) {
            _ if numbered => Some(beside(path, ".*.gcap")),
            Some(file) => file.map(|file| file.path.clone()),
            None => Some(path.to_owned()),
        },
        series: files.filter(|_| numbered).map(Vec::as_slice),
    }
}

/// Number of messages that were received or forwarded and are in no file.
pub(crate) fn unwritten(totals: &RecordingTotals, held: &StoredFiles) -> u64 {
    let kept = held.summary.messages + held.summary.sent_messages;
    totals.messages.saturating_sub(kept)
}

/// Reports why the recording could not be written, what its files hold, and the remedy.
pub(crate) fn failure(failure: &RecordingFailure, totals: &RecordingTotals) -> String {
    let RecordingFailure::Write {
        error,
        stored: Some(held),
    } = failure
    else {
        return with_causes(failure);
    };
    let mut text = match error {
        RecorderError::Sink { act, source, .. } => {
            format!("could not {act} the capture: {}", with_causes(source.as_ref()))
        }
        other => with_causes(other),
    };
    let files: Vec<_> = held.files.iter().map(|file| file.path.display().to_string()).collect();
    let Some(first) = files.first() else {
        text.push_str("; no file was left, because nothing had been written yet");
        return text;
    };
    let names = match files.len() {
        few if few <= NAMED => files.join(", "),
        many => format!(
            "{first} and {} more up to {}",
            grouped(many as u64 - 1),
            files[many - 1]
        ),
    };
    let all = counted(totals.messages + totals.gaps, "message");
    text.push_str(&format!("; {} of {all} are in {names}", grouped(held.present_messages)));
    // Of a file that holds nothing, nothing can be saved.
    let mut unfinished = held
        .files
        .iter()
        .filter(|file| !file.finished && file.summary.events > 0);
    if let Some(unfinished) = unfinished.next_back() {
        let path = unfinished.path.display();
        text.push_str(&format!(
            "; `capture recover {path}` makes a complete capture of the unfinished one"
        ));
    }
    text
}

/// Says that an earlier capture was not replaced, because the recording holds nothing of more value.
pub(crate) fn earlier(path: &Path, files: &[RecordedCapture]) -> Option<String> {
    let stays = files.is_empty() && path.is_file();
    stays.then(|| {
        format!(
            "the earlier {} stays as it was, because nothing was recorded to replace it",
            path.display()
        )
    })
}

/// Reports files that got another name than asked for: another program had taken them.
pub(crate) fn taken(files: &[RecordedCapture]) -> Option<String> {
    let taken = files.iter().filter_map(|file| Some((file.taken.as_ref()?, &file.path)));
    let pairs: Vec<_> = taken
        .map(|(taken, path)| format!("{} is in {}", taken.display(), path.display()))
        .collect();
    (!pairs.is_empty()).then(|| {
        format!(
            "another program took the name of this recording while it ran, and its file is kept; what was to be in {}",
            pairs.join(", in ")
        )
    })
}
