//! The processes of the benchmark: the server, the recording proxy, and the same proxy without a recorder.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use grpc_capture::tap::{Proxy, ProxyOptions, Stop, Target, TlsMode};

use crate::Failed;

/// The argument that makes this program one of the other processes.
pub(crate) const ROLE: &str = "role";

/// Units of processor time in a second, as Linux counts for everybody.
const TICKS: f64 = 100.0;

/// A process that has said where it listens; dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) addr: String,
}

/// What a proxy that recorded says of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) messages: u64,
    pub(crate) message_bytes: u64,
}

impl Process {
    /// The server, which prepares its messages first.
    pub(crate) fn server(recording: &Path) -> Result<Self, Failed> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::start(command.args([ROLE, "server"]).arg(recording))
    }

    /// A proxy that only passes on.
    pub(crate) fn relay(target: &str) -> Result<Self, Failed> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::start(command.args([ROLE, "relay", target]))
    }

    /// `capture proxy` as it comes.
    pub(crate) fn recording(target: &str, capture: &Path) -> Result<Self, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_capture"));
        command.args(["proxy", "--plaintext", "--force", "--quiet", "--format", "json"]);
        command.args(["--target", target, "--output"]).arg(capture);
        Self::start(&mut command)
    }

    fn start(command: &mut Command) -> Result<Self, Failed> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("it was piped")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        let addr = ready["grpc"].as_str().ok_or("it does not say where it listens")?;
        Ok(Self {
            addr: addr.to_owned(),
            child,
            stdout,
        })
    }

    /// Memory in bytes: `VmRSS` is what is resident, `VmHWM` the most that ever was.
    pub(crate) fn memory(&self, which: &str) -> Result<u64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.ok_or("the system does not say")?.parse::<u64>()? * 1024)
    }

    /// Processor seconds so far, of all its threads.
    pub(crate) fn cpu(&self) -> Result<f64, Failed> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which may hold anything: field 3 and on; 14 and 15 are user and system time.
        let fields = stat.rsplit_once(')').ok_or("the system does not say")?.1;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse().unwrap_or(0)).sum();
        Ok(ticks as f64 / TICKS)
    }

    /// Stops a proxy that records; nothing may be lost.
    pub(crate) fn stop(mut self) -> Result<Report, Failed> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status()?;
        let mut text = String::new();
        self.stdout.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        let report: serde_json::Value = serde_json::from_str(&text)?;
        if !status.success() || report["gaps"] != 0 || report["lossy"] != false {
            return Err(format!("the recording is not whole ({status}): {report}").into());
        }
        let number = |key: &str| report[key].as_u64().ok_or("a number is missing in the report");
        Ok(Report {
            messages: number("messages")?,
            message_bytes: number("message_bytes")?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other end of [`Process::relay`].
pub(crate) fn relay(target: &str) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut options = ProxyOptions::new(target.parse::<Target>()?);
        options.dial.tls.mode = TlsMode::Plaintext;
        let proxy = Proxy::bind(options).await?;
        println!(
            "{}",
            serde_json::json!({"grpc": proxy.addr().map(|addr| addr.to_string())})
        );
        std::io::stdout().flush()?;
        proxy.run(None, Stop::new()).await;
        Ok(())
    })
}
