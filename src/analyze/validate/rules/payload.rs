//! Rules about blocks of `pandadatastream`: shape, payload and channels.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::structure,
    },
    das::spectrogram::{Block, Frame},
    model::finding::{Place, Severity},
};

/// The shape is impossible.
pub(crate) const BAD_SHAPE: Rule = Rule {
    id: "bad-shape",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "a block has a valid shape",
    unit: "frames",
    doc: "A dimension of 0 or less, an end_channel before start_channel, a number of values per row that is no \
          multiple of the channels, or timestamps or row numbers for only some of the rows.",
    hint: "the server sends a wrong data_shape_x, data_shape_y or channel range",
};

/// The payload does not fit its shape.
pub(crate) const INDIVISIBLE_PAYLOAD: Rule = Rule {
    id: "indivisible-payload",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "the size of a payload matches its shape",
    unit: "frames",
    doc: "The size of main_data is no multiple of x × y × z.",
    hint: "the payload was cut off, or belongs to another shape",
};

/// The channels belong to another stream.
pub(crate) const CHANNEL_RANGE_MISMATCH: Rule = Rule {
    id: "channel-range-mismatch",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "a block covers the channels of its stream",
    unit: "frames",
    doc: "start_channel and end_channel differ from the first and last channel that channel_to_stream_index of the \
          configure response gives to the requested stream.",
    hint: "the port may have been reused for another job, or the streams are mixed up",
};

/// The values rest on a guessed layout.
pub(crate) const GUESSED_LAYOUT: Rule = Rule {
    id: "guessed-layout",
    severity: Severity::Info,
    otherwise: None,
    phase: RulePhase::Content,
    title: "element type and axis order of a payload are known",
    unit: "calls",
    doc: "The messages do not give them, so values are read as little-endian f32, channel by channel. With another \
          width or a third dimension, values are not read and no rule about values is judged. Reported once per call.",
    hint: "give the element type and the axis order if you know them",
};

/// Which parts of a block can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// All decoded parts.
    Sound,
    /// The values, but not their assignment to sensors.
    OtherChannels,
    /// Only the times.
    Broken,
}

/// Judges a block; `mapped` are the first and last channel of its stream.
pub(crate) fn judge(
    log: &mut FindingLog,
    place: Place,
    block: &Block,
    frame: &Frame<'_>,
    mapped: Option<(i64, i64)>,
) -> Standing {
    if let Some(what) = flaw(block, frame) {
        log.note(Note::new(&BAD_SHAPE, place), || {
            Text::new(format!("{what}, at {place}"))
        });
        return Standing::Broken;
    }
    if block.payload_bytes == 0 {
        structure::empty_frame(log, place, "payload");
        return Standing::Broken;
    }
    if block.width.is_none() {
        indivisible(log, place, block);
        return Standing::Broken;
    }
    let seen = (i64::from(block.start_channel), i64::from(block.end_channel));
    if let Some(mapped) = mapped.filter(|mapped| *mapped != seen) {
        log.note(Note::new(&CHANNEL_RANGE_MISMATCH, place), || {
            let (seen, mapped) = (format!("{}..{}", seen.0, seen.1), format!("{}..{}", mapped.0, mapped.1));
            Text::new(format!("channels {seen} in a stream of channels {mapped}, at {place}"))
                .seen(seen)
                .expected(mapped)
        });
        return Standing::OtherChannels;
    }
    Standing::Sound
}

fn flaw(block: &Block, frame: &Frame<'_>) -> Option<String> {
    let Block {
        start_channel,
        end_channel,
        shape_x,
        shape_y,
        shape_z,
        ..
    } = *block;
    if shape_x <= 0 || shape_y <= 0 || shape_z <= 0 {
        return Some(format!("a shape of {shape_x} × {shape_y} × {shape_z}"));
    }
    let channels = i64::from(end_channel) - i64::from(start_channel) + 1;
    if channels <= 0 {
        return Some(format!("channels {start_channel}..{end_channel}"));
    }
    if i64::from(shape_x) % channels != 0 {
        return Some(format!("{shape_x} values in a row for {channels} channels"));
    }
    let timed = frame.rows.iter().filter(|row| row.start_ms.is_some()).count();
    let numbered = frame.rows.iter().filter(|row| row.index.is_some()).count();
    for (name, count) in [("timestamps", timed), ("row numbers", numbered)] {
        if count > 0 && count != frame.rows.len() {
            return Some(format!("{count} {name} for {} rows", frame.rows.len()));
        }
    }
    None
}

fn indivisible(log: &mut FindingLog, place: Place, block: &Block) {
    let (x, y, z, bytes) = (block.shape_x, block.shape_y, block.shape_z, block.payload_bytes);
    log.note(Note::new(&INDIVISIBLE_PAYLOAD, place), || {
        Text::new(format!("{bytes} bytes do not divide by {x} × {y} × {z}, at {place}"))
            .seen(bytes)
            .expected(format!("a multiple of {x} × {y} × {z}"))
    });
}

/// Reports that values are guessed, or not read. To be called once in a call.
pub(crate) fn guessed_layout(log: &mut FindingLog, place: Place, block: &Block, frame: &Frame<'_>) {
    let read = frame.rows.iter().any(|row| !row.sensors.is_empty());
    if read && !block.guessed {
        return;
    }
    log.note(Note::new(&GUESSED_LAYOUT, place), || {
        let width = block.width.unwrap_or(0);
        Text::new(if read {
            "the values are read as little-endian f32, channel by channel, which is an assumption".to_owned()
        } else {
            format!(
                "the values, {width} bytes each in {} × {} × {}, are not read and not judged",
                block.shape_x, block.shape_y, block.shape_z
            )
        })
    });
}
