//! `capture cat`: events as lines of text or JSON, or messages as length-delimited bytes.

mod printer;
mod select;

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
    transform::convert::{FramesCheck, Loss, Losses, delimited},
};

use self::{printer::Printer, select::Selection};
use super::{
    Done, Failure, Outcome, input,
    output::{self, Gone, ReaderGone},
    schema,
};
use crate::cli::{
    flags::{Format, cat::CatArgs},
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
    let given = schema::given(&args.schema)?;
    let into_file = args.output.as_deref().is_some_and(|path| path != Path::new("-"));
    if into_file && !args.follow {
        return input::read_through(&args.capture, |reader| cat(args, lost, given.as_deref(), reader));
    }
    input::read_along(&args.capture, |reader| cat(args, lost, given.as_deref(), reader))
}

fn cat(args: &CatArgs, lost: Lost, given: Option<&[u8]>, reader: &mut Reader<File>) -> Done {
    if let Some(path) = &args.output {
        output::apart(&args.capture, path)?;
    }
    let is_told = schema::give(reader, given)?;
    let selection = Selection::of(args, reader)?;
    let mut writer = EventWriter::new(args, selection, reader.header())?;
    loop {
        match reader.next_event() {
            Ok(Some(event)) => {
                writer.renew_schema(reader.header());
                writer.write(&event).map_err(|error| unwritten(args, error))?;
            }
            Ok(None) if writer.goes_on() && !matches!(reader.tail(), Tail::Finished(_)) => {
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
    if let Some(call) = args.select.call.first().filter(|_| !writer.selection.met()) {
        return Err(input::no_call(&args.capture, reader, *call)?);
    }
    if let Some(last_ns) = writer.selection.never_begun() {
        let flag = if args.select.since.is_some() {
            "--since"
        } else {
            "--start-offset"
        };
        output::say(format!(
            "there is nothing after {flag}: {} ends at {}",
            args.capture.display(),
            output::seconds(last_ns)
        ));
    }
    writer.finish()?;
    let mut nothing = false;
    if !args.select.message.is_empty() && writer.shown == 0 {
        let numbers: Vec<_> = args.select.message.iter().map(ToString::to_string).collect();
        let numbers = numbers.join(", ");
        nothing = true;
        output::say(format!(
            "there is no message {numbers} in what is selected; `capture info` lists how many each call has"
        ));
    }
    let has_schema = reader.header().get(Attribute::DESCRIPTOR_SET).is_some();
    if !is_told {
        writer.printer.advise(given.is_some(), has_schema);
    }
    // A file that nobody writes any more is called unfinished, with what closes it.
    if !args.follow && !matches!(reader.tail(), Tail::Finished(_)) && is_locked(&args.capture) {
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
    Ok(match (lossy, nothing) {
        (true, _) => Outcome::Lossy,
        (false, true) => Outcome::Findings,
        (false, false) => Outcome::Ok,
    })
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
    printer: Printer,
    /// Bytes of schema that the printer has: it grows while a capture is recorded.
    schema_bytes: usize,
    numbers: MessageNumbers,
    selection: Selection,
    /// Messages that were shown.
    shown: u64,
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

fn schema_bytes(header: &Header) -> usize {
    header.get(Attribute::DESCRIPTOR_SET).map_or(0, <[u8]>::len)
}

impl<'a> EventWriter<'a> {
    fn new(args: &'a CatArgs, selection: Selection, header: &Header) -> Result<Self, Failure> {
        let printer = Printer::new(args, header);
        let (out, new) = out(args)?;
        Ok(Self {
            args,
            printer,
            schema_bytes: schema_bytes(header),
            numbers: MessageNumbers::default(),
            selection,
            shown: 0,
            out,
            new,
            encodings: std::collections::BTreeMap::new(),
            not_inflated: 0,
            lost: 0,
            check: FramesCheck::new(header),
        })
    }

    /// True when more of a growing capture is to be waited for.
    const fn goes_on(&self) -> bool {
        self.args.follow && !self.selection.is_over()
    }

    /// Reloads the schema of a followed capture when the file has more of it.
    fn renew_schema(&mut self, header: &Header) {
        if self.args.follow && schema_bytes(header) != self.schema_bytes {
            self.schema_bytes = schema_bytes(header);
            self.printer.renew_schema(self.args, header);
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
        let is_covered = self.selection.covers(event);
        if is_covered && self.args.raw {
            self.check.see(event);
        }
        if !is_covered || !self.selection.shows(event, number) {
            self.printer.pass(event);
            return Ok(());
        }
        match &event.kind {
            EventKind::Message(message) => {
                self.shown += 1;
                if self.args.raw {
                    return self.write_raw(event.call, number, message);
                }
            }
            EventKind::Gap(gap) if self.args.raw => self.lost = self.lost.saturating_add(gap.messages),
            _ => {}
        }
        if self.args.raw {
            return Ok(());
        }
        let text = self.printer.print(event)?;
        writeln!(self.out, "{text}")
    }

    fn note_encoding(&mut self, event: &Event) {
        let (direction, metadata) = match &event.kind {
            EventKind::CallStart(start) => (Direction::Sent, &start.metadata),
            EventKind::Headers(headers) => (Direction::Received, &headers.metadata),
            _ => return,
        };
        if let Some(encoding) = crate::grpc::protocol::message_encoding(metadata) {
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
