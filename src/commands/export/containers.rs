//! `capture export --mcap` and `--binlog`: the calls in another container.

use std::{fs::File, io::BufWriter, path::Path};

use grpc_capture::{
    convert::{binlog::BinlogWriter, mcap::McapWriter},
    event::{Direction, Event},
    file::{Reader, attribute},
    report::schema::Schema,
};

use crate::{
    cli::export::ExportArgs,
    commands::{Done, Failure, Outcome, output, schema},
};

pub(super) fn mcap(args: &ExportArgs, reader: &mut Reader<File>, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let set = reader.header().get(attribute::DESCRIPTOR_SET);
    let known = set.map(Schema::from_descriptor_set).transpose()?.unwrap_or_default();
    schema::warn(&known);
    let types = |method: &str, direction: Direction| known.message_type(method, direction);
    let new = output::begin(path, args.force)?;
    let out = BufWriter::new(new.file());
    let mut writer = McapWriter::new(out, reader.header(), &types)?;
    each(args, reader, |event| Ok(writer.write(event)?))?;
    let (messages, not_inflated) = (writer.messages, writer.not_inflated);
    writer
        .finish()?
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    output::finish(new)?;
    output::say(format!("{}: {}", path.display(), output::counted(messages, "message")));
    if not_inflated > 0 {
        let messages = output::counted(not_inflated, "message");
        output::say(format!("{messages} could not be inflated and stand as recorded"));
        return Ok(Outcome::Lossy);
    }
    Ok(Outcome::Ok)
}

pub(super) fn binlog(args: &ExportArgs, reader: &mut Reader<File>, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let new = output::begin(path, args.force)?;
    let out = BufWriter::new(new.file());
    let mut writer = BinlogWriter::new(out, reader.header().anchor_unix_ns);
    each(args, reader, |event| Ok(writer.write(event)?))?;
    let (entries, left_out) = (writer.entries, writer.left_out);
    writer.finish()?;
    output::finish(new)?;
    let count = if entries == 1 {
        "1 entry".to_owned()
    } else {
        format!("{} entries", output::grouped(entries))
    };
    output::say(format!("{}: {count}", path.display()));
    if left_out > 0 {
        let events = output::counted(left_out, "event");
        output::say(format!(
            "{events} that a binary log has no word for (notes, gaps) left out"
        ));
    }
    Ok(Outcome::Ok)
}

fn each(
    args: &ExportArgs,
    reader: &mut Reader<File>,
    mut take: impl FnMut(&Event) -> Result<(), Failure>,
) -> Result<(), Failure> {
    while let Some(event) = reader.next_event()? {
        if args.call.is_none_or(|call| call == event.call) {
            take(&event)?;
        }
    }
    Ok(())
}
