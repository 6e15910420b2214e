//! The input of a report as a plain value: collected from a capture in two passes, in bounded memory.
//!
//! ```
//! use grpc_capture::{file::Reader, report::{CollectOptions, collect, html}};
//!
//! let mut reader = Reader::open("captures/febus-jitter.gcap")?;
//! let input = collect(&mut reader, "febus-jitter.gcap", &CollectOptions::default())?;
//! assert_eq!(input.validation.frames, 18);
//! assert!(html(&input).starts_with("<!DOCTYPE html>"));
//! # Ok::<(), grpc_capture::file::FileError>(())
//! ```

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use super::{
    again::Again,
    call_messages::{self, CallMessages, MessageCollector},
    commands::ReportCommands,
    picture::{Painter, PainterOptions, Pictures, Survey},
    validation,
};
use crate::{
    analyze::{
        stats::{STALL_NS, Stats, StatsCollector, StatsOptions},
        validate::{Expectations, ReadTo, Validator},
    },
    das::{
        dialect::Layout,
        focus::ConfigureResponse,
        frames::{FrameObserver, Frames, Seen},
    },
    file::{Attribute, FileError, Header, Reader, Summary},
    model::{
        event::{Event, EventKind, Note},
        finding::{Finding, Place, Severity},
    },
};

/// Number of remarks in a report; a person wrote them one by one.
const MAX_NOTES: usize = 200;

/// Resolution of the waterfall and of the spectrograms on a page: with these a page stays below 2 MB.
const PAGE: PainterOptions = PainterOptions {
    slots: 640,
    columns: 512,
    cube_cells: 1_000_000,
    sensor: None,
    stall_ns: STALL_NS,
};

/// The input of a report.
#[derive(Debug, Clone)]
pub struct ReportInput {
    /// The capture's name.
    pub capture: String,
    /// What the capture says about itself.
    pub header: Header,
    /// The format version of the file.
    pub format: String,
    /// Totals and digest; `None` when the recording was not finished.
    pub summary: Option<Summary>,
    /// The validation.
    pub validation: validation::Report,
    /// The statistics.
    pub stats: Stats,
    /// The pictures; their targets are the first and the last place of each finding, in the order of the findings.
    pub pictures: Pictures,
    /// The frequency of each bin, Hz, from the configure response.
    pub frequencies_hz: Option<Vec<f64>>,
    /// The first remarks, with their call and offset in nanoseconds since the capture began.
    pub notes: Vec<(u32, u64, Note)>,
    /// The data for its commands.
    pub again: Again,
    /// The messages of the calls that the page of a service lists, by call.
    pub(crate) messages: BTreeMap<u32, CallMessages>,
}

impl ReportInput {
    /// The position of a finding on the time axis of the rows, microseconds: its first place and its last.
    #[must_use]
    pub fn place_us(&self, finding: usize) -> (Option<i64>, Option<i64>) {
        let at = |target: usize| self.pictures.targets.get(target).and_then(|target| target.at_us);
        (at(2 * finding), at(2 * finding + 1))
    }
}

/// Options of collecting.
#[derive(Debug, Clone)]
pub struct CollectOptions {
    /// Expectations that override those in the capture.
    pub expectations: Expectations,
    /// Findings of this severity and above fail the capture.
    pub fails_from: Severity,
    /// The layout of `pandadatastream` payloads; a guess by default.
    pub layout: Layout,
    /// The flags of that layout, for the report's commands.
    pub layout_flag: Option<String>,
    /// The commands that the report shows; none by default.
    pub commands: Option<ReportCommands>,
    /// Options of the pictures.
    pub pictures: PainterOptions,
    /// True when the capture is still being recorded, so that missing data is not reported.
    pub is_recorded: bool,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self {
            expectations: Expectations::default(),
            fails_from: Severity::Error,
            layout: Layout::default(),
            layout_flag: None,
            commands: None,
            pictures: PAGE,
            is_recorded: false,
        }
    }
}

/// Reads a capture twice from its beginning and collects the input of a report. What can be read of a damaged capture
/// is reported, and the damage with it.
///
/// # Errors
/// When the file cannot be read again from its beginning.
pub fn collect<R: Read + Seek>(
    reader: &mut Reader<R>,
    capture: &str,
    options: &CollectOptions,
) -> Result<ReportInput, FileError> {
    let header = reader.header().clone();
    let expected = Expectations::from_header(&header).merge(options.expectations.clone());
    let stall_ns = stall_ns(&expected, options);
    let stats_options = StatsOptions {
        layout: options.layout,
        ..StatsOptions::default()
    };
    let mut stats = StatsCollector::new(&header, stats_options);
    let mut validator = Validator::new(expected, &header).with_layout(options.layout);
    let mut survey = Survey::new(&header);
    let mut notes = Notes::default();
    let mut frames = Frames::with_layout(options.layout);
    // The report names the capture by its digest.
    reader.rewind_checked();
    let observers: &mut [&mut dyn FrameObserver] = &mut [&mut stats, &mut validator, &mut survey, &mut notes];
    let damage = pass(reader, &mut frames, observers);
    let completeness = reader.state()?;
    let read_to = ReadTo::of(completeness, options.is_recorded, damage.as_ref());
    let found = validator.finish_at(&read_to);
    let validation = validation::Report::new(capture.to_owned(), found, options.fails_from, &read_to);

    // Their memory is free before the pictures take theirs.
    let stats = stats.finish();
    let pictures = PainterOptions {
        stall_ns,
        ..options.pictures.clone()
    };
    let places = places(&validation.findings);
    let mut painter = Painter::new(survey.finish(), &places, &pictures);
    reader.seek(0)?;
    let listed = if stats.is_service() {
        call_messages::listed(&stats)
    } else {
        Vec::new()
    };
    let mut messages = MessageCollector::new(reader.header(), listed.iter().map(|call| call.call));
    // What stopped the first pass stops this one at the same place.
    let observers: &mut [&mut dyn FrameObserver] = &mut [&mut painter, &mut messages];
    pass(reader, &mut Frames::with_layout(options.layout), observers);
    Ok(ReportInput {
        messages: messages.finish(),
        capture: capture.to_owned(),
        format: reader.version().to_string(),
        summary: if completeness.is_finished() {
            reader.summary()?
        } else {
            None
        },
        frequencies_hz: frequencies_hz(&header),
        header,
        validation,
        stats,
        pictures: painter.finish(),
        notes: notes.0,
        again: Again {
            commands: options.commands,
            layout: options.layout_flag.clone(),
            strict: options.fails_from != Severity::Error,
            expectations: options.expectations.to_toml(),
            ..Again::default()
        },
    })
}

/// Pictures without statistics: the findings that they mark, and the damage that ended the reading.
#[derive(Debug)]
pub(crate) struct Painted {
    /// The pictures; their targets are the first place of each finding.
    pub pictures: Pictures,
    /// The findings.
    pub findings: Vec<Finding>,
    /// The frequency of each bin, Hz, from the configure response.
    pub frequencies_hz: Option<Vec<f64>>,
    /// Why the capture could not be read further.
    pub damage: Option<FileError>,
}

/// The spectrogram that is painted in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Spectrogram {
    /// No spectrogram. The default.
    #[default]
    None,
    /// The spectrogram of this sensor.
    Of(i32),
    /// The spectrogram of the sensor whose level changes most; the capture is read once more to find it.
    Liveliest,
}

/// Reads a capture twice from its beginning and paints its pictures.
///
/// # Errors
/// When the file cannot be read again from its beginning.
pub(crate) fn paint<R: Read + Seek>(
    reader: &mut Reader<R>,
    options: &CollectOptions,
    spectrogram: Spectrogram,
) -> Result<Painted, FileError> {
    let header = reader.header().clone();
    let expected = Expectations::from_header(&header).merge(options.expectations.clone());
    let mut painter = PainterOptions {
        stall_ns: stall_ns(&expected, options),
        ..options.pictures.clone()
    };
    let mut validator = Validator::new(expected, &header).with_layout(options.layout);
    let mut survey = Survey::new(&header);
    reader.rewind_checked();
    let frames = || Frames::with_layout(options.layout);
    let damage = pass(reader, &mut frames(), &mut [&mut validator, &mut survey]);
    let read_to = ReadTo::of(reader.state()?, options.is_recorded, damage.as_ref());
    let (findings, plan) = (validator.finish_at(&read_to).findings, survey.finish());
    let places: Vec<_> = findings.iter().map(|finding| finding.first).collect();
    let mut again = |options: &PainterOptions| {
        let mut painter = Painter::new(plan.clone(), &places, options);
        reader.seek(0)?;
        pass(reader, &mut frames(), &mut [&mut painter]);
        Ok::<_, FileError>(painter.finish())
    };
    painter.sensor = match spectrogram {
        Spectrogram::None => None,
        Spectrogram::Of(sensor) => Some(sensor),
        Spectrogram::Liveliest => {
            let pictures = again(&painter)?;
            let column = pictures.liveliest.unwrap_or(0);
            pictures.sensors(column).map(|(first, _)| first)
        }
    };
    Ok(Painted {
        pictures: again(&painter)?,
        findings,
        frequencies_hz: frequencies_hz(&header),
        damage,
    })
}

/// Passes all remaining events to the observers; gives the damage that ended the reading.
fn pass<R: Read + Seek>(
    reader: &mut Reader<R>,
    frames: &mut Frames,
    observers: &mut [&mut dyn FrameObserver],
) -> Option<FileError> {
    loop {
        match reader.next_event() {
            Ok(Some(event)) => frames.show(&event, observers),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// The positions of the findings on the pictures: first and last of each.
fn places(findings: &[Finding]) -> Vec<Place> {
    findings
        .iter()
        .flat_map(|finding| [finding.first, finding.last])
        .collect()
}

fn stall_ns(expected: &Expectations, options: &CollectOptions) -> u64 {
    let said = expected.largest_gap_s.as_ref().map(|gap| (gap.value * 1e9) as u64);
    said.unwrap_or(options.pictures.stall_ns)
}

/// The frequencies in the configure response.
fn frequencies_hz(header: &Header) -> Option<Vec<f64>> {
    let body: serde_json::Value = crate::das::focus::parse_body(header.get(Attribute::CONFIGURE_RESPONSE)?).ok()?;
    let list = ConfigureResponse::from(body).frequencies_list()?;
    let rises = list.windows(2).all(|pair| pair[0] < pair[1]) && list.iter().all(|hz| hz.is_finite());
    Some(list).filter(|list| rises && !list.is_empty())
}

/// Collects remarks.
#[derive(Debug, Default)]
struct Notes(Vec<(u32, u64, Note)>);

impl FrameObserver for Notes {
    fn observe_frame(&mut self, event: &Event, _: &Seen<'_>) {
        if let EventKind::Note(note) = &event.kind
            && self.0.len() < MAX_NOTES
        {
            self.0.push((event.call, event.offset_ns, note.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Start of the skippable frame (RFC 8878 §3.1.2) that holds the byte at `at`.
    fn frame_start(bytes: &[u8], at: usize) -> usize {
        let is_start = |start: &usize| matches!(bytes[*start..], [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        (0..at).rev().find(is_start).unwrap()
    }

    #[test]
    fn a_picture_of_a_damaged_capture_tells_of_the_damage() {
        let mut bytes = std::fs::read("captures/production.gcap").unwrap();
        let painted = |bytes: &[u8]| {
            let mut reader = Reader::new(Cursor::new(bytes.to_vec())).unwrap();
            paint(&mut reader, &CollectOptions::default(), Spectrogram::None).unwrap()
        };
        assert!(painted(&bytes).damage.is_none());
        // The schema once more, behind the chunks.
        let tag = bytes.windows(4).position(|word| word == b"schm").unwrap();
        let start = frame_start(&bytes, tag);
        let end = start + 8 + u32::from_le_bytes(bytes[start + 4..start + 8].try_into().unwrap()) as usize;
        let twice = bytes[start..end].to_vec();
        bytes.splice(end..end, twice);
        assert!(painted(&bytes).damage.is_some());
    }
}
