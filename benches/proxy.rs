//! The cost of the proxy: `cargo bench --bench proxy [-- [--quick] [CAPTURE]]`, on an idle machine.
//!
//! A client receives from a server directly, through `capture proxy` with its defaults, or through the same proxy
//! without a recorder. Each of them is its own process. The messages are made from the built-in recording, or from
//! CAPTURE (a `datastream` job), with new noise, so that nothing repeats. The variants run in turns within each round,
//! and the result is the median.
//!
//! 1. *Pace*: the additional time of a stream of 100 MB/s through the recording proxy.
//! 2. *Latency*: the additional time of a unary echo of 1 KB through the recording proxy, one call at a time.
//! 3. *Saturation*: the throughput of a stream at full speed through the recording proxy, relative to the same proxy
//!    without a recorder.
//! 4. *Stall*: the memory of the recording proxy while the client of an endless stream stops reading.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints, and stops when something is not there"
)]

use std::{path::PathBuf, time::Duration};

use grpc_capture::serve::OPTODAS_QUAKE;
use http_body_util::BodyExt as _;

#[path = "proxy/client.rs"]
mod client;
#[path = "../examples/peers/frames.rs"]
mod frames;
#[path = "proxy/process.rs"]
mod process;
#[path = "proxy/server.rs"]
mod server;

use client::{Client, Load, framed};
use process::{Process, ROLE};

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Bytes a second of the paced stream.
const PACE: u64 = 100_000_000;
/// Bytes of the echo.
const ECHO_BYTES: usize = 1024;
/// Echoes that one peer makes before it is another's turn.
const ECHOES_AT_ONCE: usize = 100;
/// What the client of the endless stream reads before it stops: enough that every buffer on the way has been in use.
const BEFORE_STALL: u64 = 200_000_000;

/// How much is measured.
struct Effort {
    rounds: usize,
    paced_bytes: u64,
    fast_bytes: u64,
    echoes: usize,
    stall: Duration,
}

const FULL: Effort = Effort {
    rounds: 7,
    paced_bytes: 5 * PACE,
    fast_bytes: 1_000_000_000,
    echoes: 10_000,
    stall: Duration::from_secs(10),
};

/// Under a minute, to see where one stands.
const QUICK: Effort = Effort {
    rounds: 3,
    paced_bytes: PACE,
    fast_bytes: 300_000_000,
    echoes: 2_000,
    stall: Duration::from_secs(2),
};

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [ROLE, "server", recording] => return server::run(recording),
        [ROLE, "relay", target] => return process::relay(target),
        _ => {}
    }
    let effort = if args.iter().any(|arg| arg == "--quick") {
        QUICK
    } else {
        FULL
    };
    let folder = tempfile::tempdir()?;
    let recording = if let Some(capture) = args.iter().find(|arg| !arg.starts_with('-')) {
        PathBuf::from(capture)
    } else {
        let path = folder.path().join("optodas-quake.gcap");
        std::fs::write(&path, OPTODAS_QUAKE)?;
        path
    };
    let server = Process::server(&recording)?;
    let bench = Bench {
        relay: Process::relay(&server.addr)?,
        server,
        capture: folder.path().join("proxy.gcap"),
        effort,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for size in server::SIZES {
            bench.pace(size).await?;
        }
        bench.latency().await?;
        for size in server::SIZES {
            bench.saturation(size).await?;
        }
        bench.stall().await
    })
}

struct Bench {
    server: Process,
    relay: Process,
    /// Where a proxy records; each begins it anew, so that the disk need not hold all of them.
    capture: PathBuf,
    effort: Effort,
}

impl Bench {
    fn recording(&self) -> Result<Process, Failed> {
        Process::recording(&self.server.addr, &self.capture)
    }

    async fn direct(&self, load: Load) -> Result<client::Taken, Failed> {
        Client::connect(&self.server.addr).await?.stream(load).await
    }

    /// A stream through a recording proxy of its own, which must have recorded all of it; and the processor seconds that
    /// this took it for a gigabyte.
    async fn recorded(&self, load: Load) -> Result<(client::Taken, f64), Failed> {
        let proxy = self.recording()?;
        let before = proxy.cpu()?;
        let taken = Client::connect(&proxy.addr).await?.stream(load).await?;
        let cpu = proxy.cpu()? - before;
        let report = tokio::task::block_in_place(|| proxy.stop())?;
        // The request is an empty message.
        let bytes = report.message_bytes + 5 * (report.messages - 1);
        if bytes != taken.bytes {
            return Err(format!("{bytes} of {} bytes were recorded", taken.bytes).into());
        }
        Ok((taken, cpu * 1e9 / taken.bytes as f64))
    }

    /// The same through the proxy that does not record.
    async fn relayed(&self, load: Load) -> Result<(client::Taken, f64), Failed> {
        let before = self.relay.cpu()?;
        let taken = Client::connect(&self.relay.addr).await?.stream(load).await?;
        Ok((taken, (self.relay.cpu()? - before) * 1e9 / taken.bytes as f64))
    }

    async fn pace(&self, size: usize) -> Result<(), Failed> {
        let load = Load {
            size,
            bytes: self.effort.paced_bytes,
            rate: Some(PACE),
        };
        let (mut direct, mut recorded) = (Vec::new(), Vec::new());
        for _ in 0..self.effort.rounds {
            direct.push(self.direct(load).await?.time.as_secs_f64());
            recorded.push(self.recorded(load).await?.0.time.as_secs_f64());
        }
        let (direct, recorded) = (median(&mut direct), median(&mut recorded));
        println!(
            "pace        {} at {} MB/s: direct {direct:.3} s, through the recording proxy {recorded:.3} s: {:.4} (wanted: \
             at most 1.02); medians of {}",
            name(size),
            PACE / 1_000_000,
            recorded / direct,
            self.effort.rounds
        );
        Ok(())
    }

    async fn latency(&self) -> Result<(), Failed> {
        let proxy = self.recording()?;
        let message = framed(&[0xa5; ECHO_BYTES]);
        let peers = [&self.server, &self.relay, &proxy];
        let mut clients = Vec::new();
        for peer in peers {
            clients.push((Client::connect(&peer.addr).await?, Vec::new()));
        }
        // The first turn warms up.
        for turn in 0..=self.effort.echoes / ECHOES_AT_ONCE {
            for (client, times) in &mut clients {
                for _ in 0..ECHOES_AT_ONCE {
                    let time = client.echo(&message).await?;
                    if turn > 0 {
                        times.push(u64::try_from(time.as_nanos())?);
                    }
                }
            }
        }
        drop(proxy);
        let [direct, relayed, recorded] = [0, 1, 2].map(|at| {
            let times = &mut clients[at].1;
            [0.5, 0.99].map(|share| percentile(times, share))
        });
        let added = |at: usize| (recorded[at] as f64 - direct[at] as f64) / 1e6;
        println!(
            "latency     echo of {ECHO_BYTES} bytes, {} calls each: direct p50 {} p99 {}, through the proxy without \
             recording p50 {} p99 {}, recording p50 {} p99 {}; recording adds p50 {:.3} ms, p99 {:.3} ms (wanted: p99 \
             below 1 ms)",
            self.effort.echoes,
            ms(direct[0]),
            ms(direct[1]),
            ms(relayed[0]),
            ms(relayed[1]),
            ms(recorded[0]),
            ms(recorded[1]),
            added(0),
            added(1),
        );
        Ok(())
    }

    async fn saturation(&self, size: usize) -> Result<(), Failed> {
        let load = Load {
            size,
            bytes: self.effort.fast_bytes,
            rate: None,
        };
        let (mut direct, mut relayed, mut recorded) = (Vec::new(), Vec::new(), Vec::new());
        let mut cpu = [Vec::new(), Vec::new()];
        for _ in 0..self.effort.rounds {
            let (taken, seconds) = self.recorded(load).await?;
            recorded.push(taken.rate());
            cpu[1].push(seconds);
            let (taken, seconds) = self.relayed(load).await?;
            relayed.push(taken.rate());
            cpu[0].push(seconds);
            direct.push(self.direct(load).await?.rate());
        }
        let [direct, relayed, recorded] = [direct, relayed, recorded].map(|mut rates| median(&mut rates));
        let [relaying, recording] = cpu.map(|mut seconds| median(&mut seconds));
        println!(
            "saturation  {}: direct {direct:.0} MB/s, proxy without recording {relayed:.0} ({:.2} of direct), recording \
             {recorded:.0} ({:.2} of direct): {:.2} of the proxy without recording (wanted: at least 0.40); the proxy's \
             processor seconds for a GB: {relaying:.2} without recording, {recording:.2} with; medians of {}",
            name(size),
            relayed / direct,
            recorded / direct,
            recorded / relayed,
            self.effort.rounds
        );
        Ok(())
    }

    async fn stall(&self) -> Result<(), Failed> {
        let proxy = self.recording()?;
        let start = proxy.memory("VmRSS")?;
        let mut asking = Client::connect(&self.server.addr).await?;
        let before = asking.taken().await?;
        let mut client = Client::connect(&proxy.addr).await?;
        let mut body = client
            .open(Load {
                size: server::SIZES[1],
                bytes: u64::from(u32::MAX),
                rate: None,
            })
            .await?;
        let mut read = 0;
        while read < BEFORE_STALL {
            let frame = body.frame().await.ok_or("the stream ended")??;
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        let stopped = proxy.memory("VmRSS")?;
        tokio::time::sleep(self.effort.stall).await;
        let (stalled, taken) = (proxy.memory("VmRSS")?, asking.taken().await? - before);
        tokio::time::sleep(self.effort.stall).await;
        let (after, later) = (proxy.memory("VmRSS")?, asking.taken().await? - before);
        println!(
            "stall       the client stopped after {} MB; taken from the server {} MB {:.0?} later and {} MB after {:.0?} \
             more; the recording proxy's memory: {} MB at the start, {} when the client stopped, {} and {} then (wanted: \
             flat), {} at most",
            mb(read),
            mb(taken),
            self.effort.stall,
            mb(later),
            self.effort.stall,
            mb(start),
            mb(stopped),
            mb(stalled),
            mb(after),
            mb(proxy.memory("VmHWM")?),
        );
        Ok(())
    }
}

fn name(size: usize) -> String {
    match size {
        1_000_000.. => format!("{} MB messages", size / 1_000_000),
        _ => format!("{} KB messages", size / 1000),
    }
}

fn percentile(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    let at = (share * values.len() as f64).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn ms(nanoseconds: u64) -> String {
    format!("{:.3} ms", nanoseconds as f64 / 1e6)
}

fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
