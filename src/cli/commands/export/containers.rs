//! `capture export --mcap` and `--binlog`: the calls in another container.

use std::{fs::File, io::BufWriter, path::Path};

use crate::{
    file::{Attribute, Reader, Tail},
    model::event::{Direction, Event},
    report::schema::Schema,
    transform::convert::{
        Loss, Losses,
        binlog::{self, BinlogWriter},
        mcap::McapWriter,
    },
};

use crate::cli::{
    commands::{Done, Failure, Outcome, output, schema},
    flags::export::ExportArgs,
};

pub(super) fn mcap(args: &ExportArgs, reader: &mut Reader<File>, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let set = reader.header().get(Attribute::DESCRIPTOR_SET);
    let known = set.map_or_else(|| Ok(Schema::default()), Schema::from_descriptor_set);
    let known = known.unwrap_or_else(|error| {
        output::say(format!("the channels have no schema: {error}"));
        Schema::default()
    });
    schema::warn(&known);
    let types = |method: &str, direction: Direction| known.message_type(method, direction);
    let new = output::begin(path, args.force)?;
    let out = BufWriter::new(new.file());
    let mut writer = McapWriter::new(out, reader.header(), &types)?;
    each(args, reader, |event| Ok(writer.write(event)?))?;
    let (messages, losses) = (writer.messages, writer.losses().clone());
    if !matches!(reader.tail(), Tail::Finished(_)) {
        writer.unfinished();
    }
    writer
        .finish()?
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    output::finish(new)?;
    output::say(format!("{}: {}", path.display(), output::counted(messages, "message")));
    Ok(judge(args, &losses))
}

pub(super) fn binlog(args: &ExportArgs, reader: &mut Reader<File>, path: &Path) -> Done {
    output::apart(&args.capture, path)?;
    let new = output::begin(path, args.force)?;
    let out = BufWriter::new(new.file());
    let mut writer = BinlogWriter::new(out, reader.header().anchor_unix_ns);
    each(args, reader, |event| Ok(writer.write(event)?))?;
    let (entries, mut losses) = (writer.entries, writer.losses().clone());
    losses.add(Loss::Attributes, binlog::lost_attributes(reader.header()));
    writer.finish()?;
    output::finish(new)?;
    let count = if entries == 1 {
        "1 entry".to_owned()
    } else {
        format!("{} entries", output::grouped(entries))
    };
    output::say(format!("{}: {count}", path.display()));
    Ok(judge(args, &losses))
}

/// Warns about what the format does not hold.
fn judge(args: &ExportArgs, losses: &Losses) -> Outcome {
    if losses.is_empty() {
        return Outcome::Ok;
    }
    output::say(format!(
        "this format does not hold everything of {}: {losses}; --mcap does",
        args.capture.display()
    ));
    Outcome::Lossy
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
