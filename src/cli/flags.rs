//! The command line, as clap types. What a command does is in `commands`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) mod attach;
pub(crate) mod bundle;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod fault;
pub(crate) mod merge;
pub(crate) mod proxy;
pub(crate) mod record;
pub(crate) mod redact;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod series;
pub(crate) mod serve;
pub(crate) mod slice;
pub(crate) mod trust;
pub(crate) mod validate;
pub(crate) mod value;

use record::RecordArgs;
use value::Span;

/// A flight recorder for gRPC streams: record, replay, validate, lock down, and put on a ticket.
#[derive(Debug, Parser)]
#[command(name = "capture", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 ok · 1 findings · 2 usage · 3 finished but lossy · 4 could not do it · \
                        64+N the server ended the call with gRPC status N"
)]
pub(crate) struct Cli {
    /// Say more on stderr (-v, -vv)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything once, offline: serve a real recording, record it live, verify it and sum it up
    Demo(DemoArgs),
    /// Record a job's streams into a capture
    Record(Box<RecordArgs>),
    /// Stand between clients and a server, and record every call
    Proxy(Box<proxy::ProxyArgs>),
    /// Serve captures as a local Focus Server
    Serve(Box<serve::ServeArgs>),
    /// Send a capture's recorded requests to a server, and compare what comes back
    Replay(Box<replay::ReplayArgs>),
    /// Show what a capture is and holds
    Info(ReportArgs),
    /// Print a capture's events, or its messages
    Cat(CatArgs),
    /// Check every checksum, count and digest of captures
    Verify(VerifyArgs),
    /// Judge the streams of captures, and say what is wrong with them
    Validate(Box<validate::ValidateArgs>),
    /// Print a capture's statistics
    Stats(validate::StatsArgs),
    /// Print the golden text of captures, or compare it with goldens
    Snapshot(validate::SnapshotArgs),
    /// Compare two captures, call by call and row by row
    Diff(diff::DiffArgs),
    /// Join captures into one, on one clock
    Merge(merge::MergeArgs),
    /// Add a remark at an offset, in a new capture
    Note(merge::NoteArgs),
    /// Cut a part out of a capture into a new one
    Slice(Box<slice::SliceArgs>),
    /// Take secrets out of a capture: into a new one that is searched for them
    Redact(Box<redact::RedactArgs>),
    /// Save what a damaged or unfinished capture still holds into a new one
    Recover(RecoverArgs),
    /// Write a report with pictures: one HTML page, or Markdown for a ticket
    Report(Box<report::ReportArgs>),
    /// Write a capture in another form: a picture
    Export(Box<export::ExportArgs>),
    /// Make a capture from length-delimited frames, a gRPC binary log or an MCAP file
    Import(ImportArgs),
    /// Pack everything for a defect ticket into one archive, or open such an archive
    Bundle(Box<bundle::BundleArgs>),
    /// Upload evidence to a Jira issue
    Attach(attach::AttachArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write man pages
    Man(ManArgs),
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs; stable
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FormatArg {
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for what the demo makes; a new one in the temporary folder by default
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// How fast to play: a factor, or `max`
    #[arg(long, default_value = "2")]
    pub(crate) rate: crate::serve::Rate,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The capture
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct CatArgs {
    /// The capture
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    /// Write messages only, each preceded by its length as a varint
    #[arg(long, conflicts_with = "format")]
    pub(crate) raw: bool,

    /// Leave compressed messages as they were recorded
    #[arg(long)]
    pub(crate) as_recorded: bool,

    /// Only this call
    #[arg(long, value_name = "N")]
    pub(crate) call: Option<u32>,

    /// Which messages; `--raw` writes received ones unless told otherwise
    #[arg(long, value_enum)]
    pub(crate) direction: Option<DirectionArg>,

    /// Begin at this time after the capture's start
    #[arg(long, value_name = "TIME")]
    pub(crate) start_offset: Option<Span>,

    /// Keep reading while the capture is being recorded
    #[arg(long)]
    pub(crate) follow: bool,

    /// Write into a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DirectionArg {
    /// From the server
    Received,
    /// From the client
    Sent,
    /// Both
    Both,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The captures
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The damaged capture; it is not changed
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// The new capture; `NAME.recovered.gcap` by default
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportForm {
    /// Messages, each preceded by its length as a varint
    Frames,
    /// A gRPC binary log
    Binlog,
    /// An MCAP file
    Mcap,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// File of messages, each preceded by its length as a protobuf varint, or a gRPC binary log, or an MCAP file;
    /// `-` is stdin
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,

    /// What the file is; told by its first bytes unless said
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) from: Option<ImportForm>,

    /// The capture to make; the input's name with `.gcap` by default
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// How the frames are encoded
    #[arg(long, default_value = "datastream")]
    pub(crate) dialect: crate::das::dialect::Dialect,

    /// The job's name; the input's name by default
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    /// A remark about the capture that travels with it
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<value::Tag>,

    /// Compress with zstd at this level, 1 (fast) to 19 (small), instead of the float codec
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=19))]
    pub(crate) level: Option<i32>,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for one page per command; without it, the main page goes to stdout
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
