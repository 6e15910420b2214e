//! The builder of a replay server.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU64,
    path::PathBuf,
    time::Duration,
};

use super::{
    control::Start,
    encoding::Gzip,
    error::ReplayError,
    faults::{Fault, FaultPlan},
    matching::MatchRules,
    options::{Delivery, End, Loops, Playback, Restamp},
    quirks::Quirk,
    shape::JobShape,
    state::WireSettings,
};
use crate::file::Attribute;
use crate::grpc::{DEFAULT_MAX_MESSAGE_BYTES, join_descriptor_sets, server_tls::ServerTls};
use crate::record::RecordingHandle;
use crate::replay::{pace::Rate, source::CaptureSource};

/// Any free port of the loopback interface.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Default of the largest request: what was recorded can be asked again.
const MAX_REQUEST_BYTES: usize = DEFAULT_MAX_MESSAGE_BYTES;

/// Configures a replay server. Made by [`ReplayServer::builder`](super::ReplayServer::builder).
///
/// Everything but the captures has a default: the recorded pace, once, to every client, on free ports of the loopback
/// interface, in plain text.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    pub(super) sources: Vec<CaptureSource>,
    pub(super) shapes: HashMap<String, JobShape>,
    pub(super) playback: Playback,
    pub(super) start: Start,
    pub(super) delivery: Delivery,
    pub(super) startup_delay: Duration,
    pub(super) quirks: Vec<Quirk>,
    pub(super) wire: WireSettings,
    pub(super) faults: FaultPlan,
    pub(super) tls: Option<ServerTls>,
    pub(super) grpc_addr: SocketAddr,
    pub(super) rest_addr: SocketAddr,
    pub(super) rules: MatchRules,
    pub(super) recording: Option<RecordingHandle>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            shapes: HashMap::new(),
            playback: Playback::default(),
            start: Start::default(),
            delivery: Delivery::default(),
            startup_delay: Duration::ZERO,
            quirks: Vec::new(),
            wire: WireSettings {
                gzip: Gzip::default(),
                keepalive: None,
                max_request_bytes: MAX_REQUEST_BYTES,
            },
            faults: FaultPlan::default(),
            tls: None,
            grpc_addr: LOOPBACK,
            rest_addr: LOOPBACK,
            rules: MatchRules::default(),
            recording: None,
        }
    }
}

impl Builder {
    /// Adds a capture file.
    pub fn capture(self, path: impl Into<PathBuf>) -> Self {
        self.source(CaptureSource::file(path))
    }

    /// Adds a capture.
    pub fn source(mut self, source: CaptureSource) -> Self {
        self.sources.push(source);
        self
    }

    /// Sets all playback options at once.
    pub fn playback(mut self, playback: Playback) -> Self {
        self.playback = playback;
        self
    }

    /// Sets the pace; the default is the recorded one.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.playback.rate = rate;
        self
    }

    /// Sets how often the recording plays within one call; 0 = until the client leaves. The default is once.
    pub fn loops(mut self, times: u64) -> Self {
        self.playback.loops = NonZeroU64::new(times).map_or(Loops::Forever, Loops::Times);
        self
    }

    /// Starts this long after the opening of each recorded call.
    pub fn start_offset(mut self, offset: Duration) -> Self {
        self.playback.start_offset = offset;
        self
    }

    /// Plays at most this much of the recording.
    pub fn playback_duration(mut self, duration: Duration) -> Self {
        self.playback.playback_duration = Some(duration);
        self
    }

    /// Limits every pause to this length.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.playback.max_wait = Some(wait);
        self
    }

    /// Moves the timestamps of rows, or keeps them (the default).
    pub fn restamp(mut self, restamp: Restamp) -> Self {
        self.playback.restamp = restamp;
        self
    }

    /// Sets how calls end; the default is the recorded ending.
    pub fn end(mut self, end: End) -> Self {
        self.playback.end = end;
        self
    }

    /// Closes a call that is silent for this long, as production closes an idle job; see [`Playback::idle_goaway`].
    pub fn idle_goaway(mut self, silence: Duration) -> Self {
        self.playback.idle_goaway = Some(silence);
        self
    }

    /// Waits for [`ReplayServer::resume`](super::ReplayServer::resume) or `POST /replay/resume` before playing.
    pub fn start_paused(mut self) -> Self {
        self.start = Start::Paused;
        self
    }

    /// Sets how messages are distributed among clients; the default is everyone.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Delays the readiness of jobs by this time after the start of the server and after each configure request for
    /// them. Until then calls are answered with UNAVAILABLE, and health says no.
    pub fn startup_delay(mut self, delay: Duration) -> Self {
        self.startup_delay = delay;
        self
    }

    /// Adds a quirk of real Focus Servers.
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// Compresses messages with gzip for clients that accept it; the default sends every message as it was recorded.
    pub fn gzip(mut self, gzip: Gzip) -> Self {
        self.wire.gzip = gzip;
        self
    }

    /// Pings clients at this interval, and closes the connection of one that does not answer within 20 s. The default
    /// is not to.
    pub fn keepalive(mut self, interval: Duration) -> Self {
        self.wire.keepalive = Some(interval);
        self
    }

    /// Sets the largest request that is read, in bytes; the default is `DEFAULT_MAX_MESSAGE_BYTES`.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.wire.max_request_bytes = bytes;
        self
    }

    /// Adds a fault to inject; faults work in the order in which they are added.
    ///
    /// ```
    /// # fn example() -> Result<(), grpc_capture::serve::FaultError> {
    /// # use grpc_capture::serve::ReplayServer;
    /// let builder = ReplayServer::builder().fault("drop:every=10".parse()?).seed(7);
    /// # Ok(()) }
    /// ```
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults = self.faults.fault(fault);
        self
    }

    /// Sets the whole fault plan.
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = plan;
        self
    }

    /// Sets the seed of random faults; the default is 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.faults = self.faults.seed(seed);
        self
    }

    /// Records what the clients send, and what they are answered, into this recording. A recording whose queue is full
    /// holds the clients up, unless it leaves messages out.
    pub fn recording(mut self, recording: RecordingHandle) -> Self {
        self.recording = Some(recording);
        self
    }

    /// The schemas of the captures as one serialized `FileDescriptorSet`, for the header of such a recording; `None`
    /// when the captures hold none.
    ///
    /// # Errors
    /// When a capture cannot be read.
    pub fn descriptor_set(&self) -> Result<Option<Vec<u8>>, ReplayError> {
        let mut sets = Vec::new();
        for source in &self.sources {
            let events = source.open()?;
            let set = events.header().get(Attribute::DESCRIPTOR_SET);
            sets.extend(set.filter(|set| !set.is_empty()).map(<[u8]>::to_vec));
        }
        let sets: Vec<&[u8]> = sets.iter().map(Vec::as_slice).collect();
        // What cannot be joined is what cannot be read: the first alone is as good.
        let joined = join_descriptor_sets(&sets).ok();
        Ok(joined
            .or_else(|| sets.first().map(|set| set.to_vec()))
            .filter(|set| !set.is_empty()))
    }

    /// Leaves fields out when a request is compared with recorded ones, where none is exactly equal: paths such as
    /// `header.local_time`, `*.local_time` or `metadata.*`, separated by commas. They go from the request down, by the
    /// names of fields or by their numbers; `*` stands for one part of a path, `**` for any number, as does a `*.` at
    /// the beginning. Several calls add up.
    ///
    /// # Errors
    /// When a path is not one.
    ///
    /// ```
    /// use grpc_capture::serve::ReplayServer;
    /// let builder = ReplayServer::builder().match_ignoring("*.local_time,request_id")?;
    /// assert!(builder.match_ignoring("a..b").is_err());
    /// # Ok::<(), grpc_capture::serve::ReplayError>(())
    /// ```
    pub fn match_ignoring(mut self, paths: &str) -> Result<Self, ReplayError> {
        let rules = MatchRules::ignoring(paths).map_err(|error| ReplayError::MatchRules(error.to_string()))?;
        self.rules = self.rules.and(rules);
        Ok(self)
    }

    /// Matches requests by rules in TOML: `ignore` and `identify` list paths, and `answer` names fields of answers that
    /// take the value of a field of the request, for all methods or in a table `[method."GLOB"]`. Several calls add up.
    ///
    /// # Errors
    /// When the text is no such file.
    ///
    /// ```
    /// use grpc_capture::serve::ReplayServer;
    /// let rules = "[method.'shop.Orders/*']\nignore = ['id']\nanswer = { 'order.id' = 'id' }";
    /// let builder = ReplayServer::builder().match_rules(rules)?;
    /// # Ok::<(), grpc_capture::serve::ReplayError>(())
    /// ```
    pub fn match_rules(mut self, toml: &str) -> Result<Self, ReplayError> {
        let rules = MatchRules::parse(toml).map_err(|error| ReplayError::MatchRules(error.to_string()))?;
        self.rules = self.rules.and(rules);
        Ok(self)
    }

    /// Uses TLS on both ports; the default is plain text.
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the address for gRPC; the default is any free port of the loopback interface.
    ///
    /// Each job of the production dialect after the first gets a port of its own on the same interface.
    pub fn grpc_addr(mut self, addr: SocketAddr) -> Self {
        self.grpc_addr = addr;
        self
    }

    /// Sets the address for REST; the default is any free port of the loopback interface.
    pub fn rest_addr(mut self, addr: SocketAddr) -> Self {
        self.rest_addr = addr;
        self
    }

    /// Sets the shape of a job's frames; the default is read out of the first frame.
    pub fn shape(mut self, job_id: impl Into<String>, shape: JobShape) -> Self {
        self.shapes.insert(job_id.into(), shape);
        self
    }
}
