//! Flags of `capture record`.

use std::path::PathBuf;

use crate::das::focus;
use clap::{ArgGroup, Args, ValueEnum};

use super::{
    FormatArg,
    schema::SchemaArgs,
    series::SeriesArgs,
    trust::TrustArgs,
    validate::ExpectArgs,
    value::{Size, Span, Tag, method},
};

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("where").required(true).args(["server", "target", "jobs"]))]
#[command(after_help = "A job's frames are delivered once, and clients compete for them: \
                        what is recorded here, no other client gets.")]
pub(crate) struct RecordArgs {
    /// Focus Server to configure a job on, such as `https://host/focus-server/`
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Job to dial, HOST:PORT; it must be configured already
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) target: Option<String>,

    /// Many jobs at once: a TOML or JSON list of `[[jobs]]`, each with `target` and `job_id`, or `server` and `job`; the
    /// flags are what the jobs have in common
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "job_id", "validate", "resume_of", "ring", "rotate_size", "rotate_interval", "keep"])]
    pub(crate) jobs: Option<PathBuf>,

    /// Record all jobs of --jobs into one capture
    #[arg(long, requires = "jobs")]
    pub(crate) single: bool,

    /// The capture to write, JOB-TIME.gcap by default; with --jobs the folder for one capture per job, jobs-TIME by
    /// default
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing capture
    #[arg(long)]
    pub(crate) force: bool,

    /// A remark that travels with the capture
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<Tag>,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    #[command(flatten)]
    pub(crate) job: JobArgs,

    #[command(flatten)]
    pub(crate) dial: DialArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) recorder: RecorderArgs,

    #[command(flatten)]
    pub(crate) series: SeriesArgs,

    #[command(flatten)]
    pub(crate) call: CallArgs,

    #[command(flatten)]
    pub(crate) schema: SchemaArgs,

    /// Judge the stream while it is recorded; findings fail as in `capture validate`
    #[arg(long, help_heading = "Expectations")]
    pub(crate) validate: bool,

    #[command(flatten)]
    pub(crate) expect: ExpectArgs,
}

/// A call of any service, in place of a job.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Any other method")]
pub(crate) struct CallArgs {
    /// Method of any service to call and record: /package.Service/Method
    #[arg(long, value_name = "PATH", requires = "target", value_parser = method, conflicts_with_all = ["server", "jobs", "job_id", "streams"])]
    pub(crate) method: Option<String>,

    /// Its request as JSON, encoded by the schema
    #[arg(
        short,
        long,
        value_name = "JSON",
        requires = "method",
        conflicts_with = "request_file"
    )]
    pub(crate) data: Option<String>,

    /// Its request as it is to be sent: a file with the encoded message
    #[arg(long, value_name = "FILE", requires = "method")]
    pub(crate) request_file: Option<PathBuf>,
}

/// What to ask for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The job")]
pub(crate) struct JobArgs {
    /// Description of the job to configure, JSON or TOML
    #[arg(long = "job", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The same, as JSON, out of a list of jobs
    #[arg(skip)]
    pub(crate) inline: Option<String>,

    /// Sensors (channels) to ask for, both ends included: 0..10
    #[arg(long, value_name = "RANGE", requires = "server")]
    pub(crate) sensors: Option<focus::Span<i64>>,

    /// Frequencies to ask for in Hz: 0..500
    #[arg(long, value_name = "RANGE", requires = "server")]
    pub(crate) frequency: Option<focus::Span<f64>>,

    /// FFT length
    #[arg(long, requires = "server")]
    pub(crate) nfft: Option<i64>,

    /// Canvas height in pixels
    #[arg(long, requires = "server")]
    pub(crate) height: Option<i64>,

    /// Length of the displayed time axis, in whole seconds
    #[arg(long, value_name = "TIME", requires = "server")]
    pub(crate) time_axis: Option<Span>,

    /// View: multi (0), single (1) or waterfall (2)
    #[arg(long, requires = "server")]
    pub(crate) view: Option<focus::View>,

    /// Live data (the default without --start and --end)
    #[arg(long, conflicts_with_all = ["start", "end"], requires = "server")]
    pub(crate) live: bool,

    /// Start of a historic job: epoch seconds, or a time such as 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", requires = "end", requires = "server")]
    pub(crate) start: Option<String>,

    /// End of a historic job
    #[arg(long, value_name = "TIME", requires = "start", requires = "server")]
    pub(crate) end: Option<String>,

    /// Job to stream
    #[arg(long, value_name = "ID", conflicts_with = "server")]
    pub(crate) job_id: Option<String>,

    /// How the job speaks: datastream, or pandadatastream (production)
    #[arg(long, default_value = "datastream")]
    pub(crate) dialect: crate::das::dialect::Dialect,

    /// Streams of a pandadatastream job; the configure answer knows it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) streams: Option<u32>,
}

/// How to connect; grpcurl's names where it has one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct DialArgs {
    /// No TLS towards the job; the TLS flags then speak of --server alone
    #[arg(long)]
    pub(crate) plaintext: bool,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    /// Value of the :authority header, and the name that TLS verifies
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<String>,

    /// Extra metadata, `name: value`
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Largest message to accept
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    pub(crate) max_msg_sz: Size,

    /// Do not ask for the job's health before streaming
    #[arg(long)]
    pub(crate) no_health_check: bool,
}

/// When to stop. Each limit is separate from the others.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Until the job is reachable and ready, retries included
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) connect_timeout: Span,

    /// From the call to its first frame
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) first_frame_timeout: Span,

    /// Between two frames
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) idle_timeout: Span,

    /// Stop after this time; a success
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Span>,

    /// Stop after this many frames of each stream; a success
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_frames: Option<u64>,

    /// Stop after this many bytes of messages; a success
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<Size>,
}

/// What happens to what was received.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Recording")]
pub(crate) struct RecorderArgs {
    /// When the disk cannot keep up: slow the stream, or never and drop and count, or stop
    #[arg(long, value_enum, default_value_t, alias = "overflow")]
    pub(crate) on_overflow: OnOverflow,

    /// At most this much can be lost in a crash
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) flush_interval: Span,

    /// When what was written must survive a power failure (a crash of the recorder never costs it)
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sync: SyncArg,

    /// An earlier capture, finished or cut off, that this one goes on from; it is read and never changed
    #[arg(long, value_name = "CAPTURE")]
    pub(crate) resume_of: Option<PathBuf>,

    /// Record secrets in metadata (authorization, cookie, *-token, …) as they are
    #[arg(long)]
    pub(crate) keep_metadata: bool,

    /// Hide what these rules (TOML, as of `capture redact --rules`) name before anything is written
    #[arg(long, value_name = "FILE", conflicts_with = "keep_metadata")]
    pub(crate) redact: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SyncArg {
    /// When the system likes
    None,
    /// After each chunk; the stream waits for the disk
    Chunk,
    /// Beside the writing, once per flush interval or for every 16 MiB, and at the end
    #[default]
    Interval,
}

impl From<SyncArg> for crate::record::SyncWhen {
    fn from(arg: SyncArg) -> Self {
        match arg {
            SyncArg::None => Self::None,
            SyncArg::Chunk => Self::Chunk,
            SyncArg::Interval => Self::Interval,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OnOverflow {
    /// Let flow control slow the server down
    #[default]
    Block,
    /// Let up to 1 GiB wait in a file beside the capture, then drop messages and write a gap with their number
    Gap,
    /// Let up to 1 GiB wait in a file beside the capture, then stop recording
    Abort,
}
