//! `capture cat`: events as lines of text or JSON, or messages as length-delimited bytes.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    thread,
    time::Duration,
};

use crate::{
    file::{Attribute, Header, NewFile, Reader, Tail, is_locked},
    grpc,
    model::event::{Direction, Event, EventKind, Message, MessageNumbers},
    report::{event_json::EventJson, event_text, schema::Schema},
    transform::convert::{FramesCheck, Loss, Losses, delimited},
};

use super::{
    Done, Failure, Outcome, input,
    output::{self, Gone, ReaderGone},
    schema,
};
use crate::cli::{
    flags::{CatArgs, DirectionArg, Format},
    remedies::of_write,
};

/// Poll interval for a growing capture: twice within the recorder's default flush interval.
const FOLLOW_POLL: Duration = Duration::from_millis(500);

/// What follows when the output cannot hold something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// A warning is printed.
    Told,
    /// A warning is printed, and the outcome is lossy.
    Lossy,
}

pub(crate) fn run(args: &CatArgs) -> Done {
    print(args, Lost::Told)
}

/// Prints as [`run`] does, with the given consequence for what the output cannot hold.
pub(crate) fn print(args: &CatArgs, lost: Lost) -> Done {
    let into_file = args.output.as_deref().is_some_and(|path| path != Path::new("-"));
    if into_file && !args.follow {
        return input::read_through(&args.capture, |reader| cat(args, lost, reader));
    }
    input::read_along(&args.capture, |reader| cat(args, lost, reader))
}

fn cat(args: &CatArgs, lost: Lost, reader: &mut Reader<File>) -> Done {
    if let Some(path) = &args.output {
        output::apart(&args.capture, path)?;
    }
    if let Some(call) = args.call {
        reader.only_calls([call]);
    }
    let mut writer = EventWriter::new(args, reader.header())?;
    loop {
        match reader.next_event() {
            Ok(Some(event)) => {
                writer.renew_schema(reader.header());
                writer.write(&event).map_err(|error| unwritten(args, error))?;
            }
            Ok(None) if args.follow && !matches!(reader.tail(), Tail::Finished(_)) => {
                writer.flush()?;
                thread::sleep(FOLLOW_POLL);
            }
            Ok(None) => break,
            Err(error) => {
                writer.flush()?;
                return Err(error.into());
            }
        }
    }
    if let Some(call) = args.call.filter(|_| !writer.met) {
        return Err(input::no_call(&args.capture, reader, call)?);
    }
    if writer.start_ns.is_some() {
        output::say(format!(
            "there is nothing after --start-offset: {} ends at {}",
            args.capture.display(),
            output::seconds(writer.last_ns)
        ));
    }
    writer.finish()?;
    // A file that nobody writes any more is called unfinished, with what closes it.
    if !matches!(reader.tail(), Tail::Finished(_)) && is_locked(&args.capture) {
        output::say("more may follow: --follow waits for it");
    }
    if writer.lost > 0 {
        output::say(format!(
            "left out: {} that were lost during recording, as gaps in the capture say",
            output::counted(writer.lost, "message")
        ));
    }
    if writer.not_inflated > 0 {
        output::say(format!(
            "shown as recorded, because they could not be inflated: {}",
            output::counted(writer.not_inflated, "message")
        ));
    }
    let losses = if args.raw {
        without_calls(writer.check, lost)
    } else {
        Losses::default()
    };
    if !losses.is_empty() {
        let path = args.capture.display();
        output::say(format!("the messages alone do not hold everything of {path}: {losses}"));
    }
    let lossy = writer.not_inflated > 0 || (lost == Lost::Lossy && (writer.lost > 0 || !losses.is_empty()));
    Ok(if lossy { Outcome::Lossy } else { Outcome::Ok })
}

/// Describes what a stream of bare messages leaves out. The messages look like those of a call that ended with OK, so
/// other endings are always reported; missing metadata and times are reported only by an export of the whole capture.
fn without_calls(check: FramesCheck, lost: Lost) -> Losses {
    let all = check.finish();
    if lost == Lost::Lossy {
        return all;
    }
    let mut losses = Losses::default();
    losses.add(Loss::NotOk, all.count(Loss::NotOk));
    losses
}

/// Maps an error of the output; a reader that went away is distinguished by [`Failure::is_reader_gone`].
fn unwritten(args: &CatArgs, error: io::Error) -> Failure {
    if ReaderGone::is(&error) {
        return error.into();
    }
    let place = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let kept = match place {
        Some(path) if !args.follow && !output::is_special(path) => "nothing was written",
        _ => "the output is incomplete",
    };
    let place = place.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
    let remedy = of_write(&error).map_or_else(String::new, |remedy| format!("; {remedy}"));
    let capture = args.capture.display();
    format!("could not write all of {capture} to {place}: {error}; {kept}{remedy}").into()
}

struct EventWriter<'a> {
    args: &'a CatArgs,
    json: EventJson,
    /// Bytes of schema that `json` has: it grows while a capture is recorded.
    schema_bytes: usize,
    numbers: MessageNumbers,
    /// Start offset: events before it are skipped until the first at or after it; they number and explain what follows.
    start_ns: Option<u64>,
    last_ns: u64,
    /// True when the requested call has been found.
    met: bool,
    out: Box<dyn Write>,
    /// The output file, which gets its name when all is written.
    new: Option<NewFile>,
    /// Message encodings of the calls, for `--raw`.
    encodings: std::collections::BTreeMap<(u32, Direction), String>,
    not_inflated: u64,
    /// Messages that the capture reports as lost, counted for output that holds bytes alone.
    lost: u64,
    /// Checks what a stream of bare messages loses about its calls.
    check: FramesCheck,
}

/// Opens the output for the events. Messages and JSON in a file stay as they are; text is escaped for people.
fn out(args: &CatArgs) -> Result<(Box<dyn Write>, Option<NewFile>), Failure> {
    let (out, mut new) = output::sink(args.output.as_deref(), args.force, Gone::Stop)?;
    if let Some(new) = new.as_mut().filter(|_| args.follow) {
        // What is followed is read by others while it grows.
        new.take_name()?;
    }
    let into_file = args.output.as_deref().is_some_and(|path| path != Path::new("-"));
    let out = match args.format.format {
        _ if args.raw => out,
        Format::Json if into_file => out,
        format => Box::new(output::Shown::new(out, format)),
    };
    Ok((out, new))
}

/// The schema of the capture, where messages are to be decoded.
fn schema_of(args: &CatArgs, header: &Header) -> Schema {
    let schema = match header.get(Attribute::DESCRIPTOR_SET) {
        Some(bytes) if args.format.format == Format::Json => {
            Schema::from_descriptor_set(bytes).unwrap_or_else(|error| {
                output::say(format!("messages are not decoded: {error}"));
                Schema::default()
            })
        }
        _ => Schema::default(),
    };
    schema::warn(&schema);
    schema
}

fn schema_bytes(header: &Header) -> usize {
    header.get(Attribute::DESCRIPTOR_SET).map_or(0, <[u8]>::len)
}

impl<'a> EventWriter<'a> {
    fn new(args: &'a CatArgs, header: &Header) -> Result<Self, Failure> {
        let schema = schema_of(args, header);
        let (out, new) = out(args)?;
        Ok(Self {
            args,
            json: EventJson::new(schema, header.anchor_unix_ns),
            schema_bytes: schema_bytes(header),
            numbers: MessageNumbers::default(),
            last_ns: 0,
            met: false,
            start_ns: args
                .start_offset
                .map(|start| u64::try_from(start.0.as_nanos()).unwrap_or(u64::MAX)),
            out,
            new,
            encodings: std::collections::BTreeMap::new(),
            not_inflated: 0,
            lost: 0,
            check: FramesCheck::new(header),
        })
    }

    /// Reloads the schema of a followed capture when the file has more of it.
    fn renew_schema(&mut self, header: &Header) {
        if self.args.follow && schema_bytes(header) != self.schema_bytes {
            self.schema_bytes = schema_bytes(header);
            self.json.set_schema(schema_of(self.args, header));
        }
    }

    /// Completes the output.
    fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.new.take().map_or(Ok(()), output::finish)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| unwritten(self.args, error))
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        if self.args.raw {
            self.note_encoding(event);
        }
        let number = self.numbers.of(event);
        if self.args.call.is_some_and(|call| call != event.call) {
            return Ok(());
        }
        self.met = true;
        self.last_ns = self.last_ns.max(event.offset_ns);
        if self.start_ns.is_some_and(|start_ns| event.offset_ns < start_ns) {
            self.json.pass(event);
            return Ok(());
        }
        self.start_ns = None;
        if self.args.raw {
            self.check.see(event);
        }
        if let EventKind::Message(message) = &event.kind {
            let wanted = match self.args.direction {
                Some(DirectionArg::Both) => true,
                None => !self.args.raw || message.direction == Direction::Received,
                Some(DirectionArg::Received) => message.direction == Direction::Received,
                Some(DirectionArg::Sent) => message.direction == Direction::Sent,
            };
            if !wanted {
                self.json.pass(event);
                return Ok(());
            }
            if self.args.raw {
                return self.write_raw(event.call, number, message);
            }
        } else if self.args.raw {
            if let EventKind::Gap(gap) = &event.kind {
                self.lost = self.lost.saturating_add(gap.messages);
            }
            return Ok(());
        }
        match self.args.format.format {
            Format::Json => writeln!(self.out, "{}", self.json.line(event)?)?,
            Format::Text => writeln!(self.out, "{}", event_text::line(event, number))?,
        }
        Ok(())
    }

    fn note_encoding(&mut self, event: &Event) {
        let (direction, metadata) = match &event.kind {
            EventKind::CallStart(start) => (Direction::Sent, &start.metadata),
            EventKind::Headers(headers) => (Direction::Received, &headers.metadata),
            _ => return,
        };
        if let Some(encoding) = metadata.get_text("grpc-encoding") {
            self.encodings.insert((event.call, direction), encoding.to_owned());
        }
    }

    fn write_raw(&mut self, call: u32, number: Option<u64>, message: &Message) -> io::Result<()> {
        if message.compressed && !self.args.as_recorded {
            let encoding = self
                .encodings
                .get(&(call, message.direction))
                .map_or(grpc::NO_ENCODING, String::as_str);
            match grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED) {
                Ok(plain) => return delimited::write_message(&mut self.out, &plain),
                Err(error) => {
                    if self.not_inflated == 0 {
                        let number = number.unwrap_or_default();
                        output::say(format!("call {call}, message {number} is written as recorded: {error}"));
                    }
                    self.not_inflated += 1;
                }
            }
        }
        delimited::write_message(&mut self.out, &message.data)
    }
}
