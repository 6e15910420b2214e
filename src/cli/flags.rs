//! The command line, as clap types. What a command does is in `commands`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) mod attach;
pub(crate) mod bundle;
pub(crate) mod cat;
pub(crate) mod command;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod export;
pub(crate) mod fault;
mod format;
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

pub(crate) use format::{Format, FormatArg};
use record::RecordArgs;

/// A flight recorder for gRPC streams: record, validate and serve them, and report defects.
#[derive(Debug, Parser)]
#[command(name = "capture", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes:\n  0 ok · 1 findings · 2 usage · 3 finished, but something is missing · 4 failed · \
                  64+N the server ended the call with gRPC status N\n\nExamples:\n  \
                  capture demo\n  \
                  capture record --help"
)]
pub(crate) struct Cli {
    /// Print more on stderr (-v, -vv)
    #[arg(short, long, global = true, display_order = 900, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print only errors on stderr
    #[arg(short, long, global = true, display_order = 901, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything once, offline: serve a real recording, record it, verify it, report on it
    Demo(DemoArgs),
    /// Record the streams of a job, or any gRPC method, into a capture
    Record(Box<RecordArgs>),
    /// Record the calls between clients and a server as a proxy
    Proxy(Box<proxy::ProxyArgs>),
    /// Serve captures as a local server
    Serve(Box<serve::ServeArgs>),
    /// Send the recorded requests to a server and compare its answers
    Replay(Box<replay::ReplayArgs>),
    /// Show what a capture holds
    Info(ReportArgs),
    /// Print the events or the messages of a capture
    Cat(Box<cat::CatArgs>),
    /// Check all checksums, counts and digests of captures
    Verify(VerifyArgs),
    /// Find what is wrong with the streams in captures
    Validate(Box<validate::ValidateArgs>),
    /// Print the statistics of captures
    Stats(validate::StatsArgs),
    /// Print the golden text of captures, or compare it with golden files
    Snapshot(validate::SnapshotArgs),
    /// Compare two captures call by call and row by row
    Diff(diff::DiffArgs),
    /// Compare the schema in a capture with that of a server, of files or of another capture
    Drift(Box<drift::DriftArgs>),
    /// Join captures into one by wall-clock time
    Merge(merge::MergeArgs),
    /// Copy a capture and add a note to it
    Note(merge::NoteArgs),
    /// Copy a part of a capture into a new one
    Slice(Box<slice::SliceArgs>),
    /// Copy a capture without its secrets
    Redact(Box<redact::RedactArgs>),
    /// Copy everything readable from a damaged or unfinished capture
    Recover(RecoverArgs),
    /// Write a report: an HTML page with pictures, or Markdown
    Report(Box<report::ReportArgs>),
    /// Convert a capture into a picture or another format
    Export(Box<export::ExportArgs>),
    /// Make a capture of length-delimited messages, a gRPC binary log or an MCAP file
    Import(ImportArgs),
    /// Pack everything for a defect ticket into one archive, or unpack one
    Bundle(Box<bundle::BundleArgs>),
    /// Upload files to a Jira issue
    Attach(attach::AttachArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Write man pages
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture demo\n  \
                  capture demo -o demo --rate max")]
pub(crate) struct DemoArgs {
    /// Output folder [default: a new one in the temporary folder]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Playback speed: a factor, or `max`
    #[arg(long, default_value = "2")]
    pub(crate) rate: crate::serve::Rate,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture info job.gcap\n  \
                  capture info job.gcap --format json")]
pub(crate) struct ReportArgs {
    /// Capture file
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture verify job.gcap\n  \
                  capture verify a.gcap b.gcap --format json")]
pub(crate) struct VerifyArgs {
    /// Capture files
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture recover damaged.gcap\n  \
                  capture recover damaged.gcap -o saved.gcap")]
pub(crate) struct RecoverArgs {
    /// Damaged or unfinished capture; it is not changed
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// New capture [default: NAME.recovered.gcap]
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
#[command(after_help = "Examples:\n  \
                  capture import frames.bin --job-id 12-70788 -o job.gcap\n  \
                  capture import rpc.binlog\n  \
                  capture import log.mcap -o log.gcap")]
pub(crate) struct ImportArgs {
    /// Messages that are each preceded by their length as a varint, a gRPC binary log, or an MCAP file; `-` is stdin
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,

    /// Format of the file [default: recognised by its first bytes]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) from: Option<ImportForm>,

    /// Capture to write [default: NAME.gcap]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Dialect of the frames
    #[arg(long, default_value = "datastream")]
    pub(crate) dialect: crate::das::dialect::Dialect,

    /// Name of the job [default: name of the input]
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    /// Tag to store in the capture; can be repeated
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
#[command(after_help = "Examples:\n  \
                  capture completions bash > capture.bash\n  \
                  capture completions zsh > _capture")]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture man man1\n  \
                  capture man | man -l -")]
pub(crate) struct ManArgs {
    /// Folder for one page per command [default: the main page to stdout]
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
