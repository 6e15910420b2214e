//! Flags of `capture record`.

use std::path::PathBuf;

use crate::das::focus;
use clap::{ArgGroup, Args, ValueEnum};

use super::{
    FormatArg,
    command::CommandArgs,
    schema::SchemaArgs,
    series::SeriesArgs,
    trust::TrustArgs,
    validate::ExpectArgs,
    value::{Size, Span, Tag, method},
};

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("where").required(true).args(["server", "target", "jobs"]))]
#[command(
    after_help = "A job delivers each frame to one client only: frames that are recorded here reach no other client.\n\n\
                  Examples:\n  \
                  capture record --server http://focus:5000 --sensors 1..50 -o job.gcap\n  \
                  capture record --target 10.0.0.5:12301 --job-id 12-70788 --duration 10m\n  \
                  capture record -t host:50051 --method /package.Service/Method -d '{\"id\": 7}'\n  \
                  capture record -t host:50051 --job-id 12-70788 -o job.gcap -- ./load-test"
)]
pub(crate) struct RecordArgs {
    /// Focus Server to configure a job on, such as `https://host/focus-server/`
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Server or configured job to dial
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) target: Option<String>,

    /// Record many jobs: a TOML or JSON list of `[[jobs]]`, each with `target` and `job_id`, or `server` and `job`.
    /// Flags apply to all jobs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "job_id", "validate", "resume_of", "ring", "rotate_size", "rotate_interval", "keep"])]
    pub(crate) jobs: Option<PathBuf>,

    /// Record all jobs of --jobs into one capture
    #[arg(long, requires = "jobs")]
    pub(crate) single: bool,

    /// Capture to write [default: JOB-TIME.gcap]; with --jobs, folder for one capture per job [default: jobs-TIME]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing capture
    #[arg(long)]
    pub(crate) force: bool,

    /// Tag to store in the capture; can be repeated
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

    /// Validate the stream while it is recorded; findings fail as in `capture validate`
    #[arg(long, help_heading = "Expectations")]
    pub(crate) validate: bool,

    #[command(flatten)]
    pub(crate) expect: ExpectArgs,

    #[command(flatten)]
    pub(crate) wrapped: CommandArgs,
}

/// Flags for the call of any method, instead of a job.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Any other method")]
pub(crate) struct CallArgs {
    /// Method to call and record: /package.Service/Method
    #[arg(long, value_name = "PATH", requires = "target", value_parser = method, conflicts_with_all = ["server", "jobs", "job_id", "streams"])]
    pub(crate) method: Option<String>,

    /// Request as JSON; the schema must be known
    #[arg(
        short,
        long,
        value_name = "JSON",
        requires = "method",
        conflicts_with = "request_file"
    )]
    pub(crate) data: Option<String>,

    /// File with the encoded request message
    #[arg(long, value_name = "FILE", requires = "method")]
    pub(crate) request_file: Option<PathBuf>,
}

/// Flags that describe the job.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The job")]
pub(crate) struct JobArgs {
    /// Job to configure, as JSON or TOML
    #[arg(long = "job", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// A job description from a list of jobs, as JSON
    #[arg(skip)]
    pub(crate) inline: Option<String>,

    /// Sensors (channels) to request, such as 0..10; both ends are included
    #[arg(long, value_name = "RANGE", requires = "server")]
    pub(crate) sensors: Option<focus::Span<i64>>,

    /// Frequencies to request in Hz, such as 0..500
    #[arg(long, value_name = "RANGE", requires = "server")]
    pub(crate) frequency: Option<focus::Span<f64>>,

    /// FFT length
    #[arg(long, requires = "server")]
    pub(crate) nfft: Option<i64>,

    /// Canvas height in pixels
    #[arg(long, requires = "server")]
    pub(crate) height: Option<i64>,

    /// Length of the displayed time axis; whole seconds
    #[arg(long, value_name = "TIME", requires = "server")]
    pub(crate) time_axis: Option<Span>,

    /// View: multi (0), single (1) or waterfall (2)
    #[arg(long, requires = "server")]
    pub(crate) view: Option<focus::View>,

    /// Request live data; the default without --start and --end
    #[arg(long, conflicts_with_all = ["start", "end"], requires = "server")]
    pub(crate) live: bool,

    /// Start of a historic job: epoch seconds, or a time such as 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", requires = "end", requires = "server")]
    pub(crate) start: Option<String>,

    /// End of a historic job
    #[arg(long, value_name = "TIME", requires = "start", requires = "server")]
    pub(crate) end: Option<String>,

    /// Id of the job
    #[arg(long, value_name = "ID", conflicts_with = "server")]
    pub(crate) job_id: Option<String>,

    /// Dialect of the job: datastream, or pandadatastream (production)
    #[arg(long, default_value = "datastream")]
    pub(crate) dialect: crate::das::dialect::Dialect,

    /// Number of streams of a pandadatastream job [default: as the configure answer says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) streams: Option<u32>,
}

/// Flags of the connection; grpcurl's names where it has one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct DialArgs {
    /// Connect to the job without TLS; the TLS flags then apply to --server only
    #[arg(long)]
    pub(crate) plaintext: bool,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    /// Value of the :authority header, and name that TLS verifies
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<String>,

    /// Additional metadata, `name: value`; can be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Largest message to accept
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    pub(crate) max_msg_sz: Size,

    /// Do not check the health of the job before streaming
    #[arg(long)]
    pub(crate) no_health_check: bool,
}

/// Flags of limits. Each limit is separate from the others.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Longest wait until the job is reachable and ready, retries included
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) connect_timeout: Span,

    /// Longest wait from the start of a call to its first frame
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) first_frame_timeout: Span,

    /// Longest wait between two frames
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) idle_timeout: Span,

    /// Stop after this time (exit code 0)
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Span>,

    /// Stop after this many frames per stream (exit code 0)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_frames: Option<u64>,

    /// Stop after this many bytes of messages (exit code 0)
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<Size>,
}

/// Flags of the recorder.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Recording")]
pub(crate) struct RecorderArgs {
    /// What to do when the disk cannot keep up
    #[arg(long, value_enum, default_value_t, alias = "overflow")]
    pub(crate) on_overflow: OnOverflow,

    /// Longest time until a message is in the file; a crash loses no more than this
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) flush_interval: Span,

    /// When to sync the file to disk, against power failures
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sync: SyncArg,

    /// Earlier capture that this recording continues; it is not changed
    #[arg(long, value_name = "CAPTURE")]
    pub(crate) resume_of: Option<PathBuf>,

    /// Do not mask secrets in metadata (authorization, cookie, *-token, …)
    #[arg(long)]
    pub(crate) keep_metadata: bool,

    /// Apply these redaction rules (TOML) before anything is written; see `capture redact`
    #[arg(long, value_name = "FILE", conflicts_with = "keep_metadata")]
    pub(crate) redact: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SyncArg {
    /// Never, except the header
    None,
    /// After each chunk; the stream waits for the disk
    Chunk,
    /// Once per flush interval or every 16 MiB, without delaying the stream, and at the end
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
    /// Slow the stream down; nothing is lost
    #[default]
    Block,
    /// Keep up to 1 GiB in a spool file; beyond that, leave messages out and count them
    Gap,
    /// Keep up to 1 GiB in a spool file; beyond that, stop recording
    Abort,
}
