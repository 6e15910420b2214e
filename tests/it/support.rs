//! Shared code of the process tests: the built binary, temporary folders, and servers to record from.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use grpc_capture::{
    file::{self, Reader, Verified},
    model::{Direction, Ending, Event, EventKind},
};
use prost::Message as _;
use serde_json::Value;

pub(crate) mod peel;
pub(crate) mod proxying;
pub(crate) mod raw_job;

/// A command that takes longer hangs: every limit in these tests is far below it.
const HANGS: Duration = Duration::from_secs(60);

/// Between two looks at something that is awaited.
const LOOK: Duration = Duration::from_millis(10);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// A command that has ended. Whatever was asked of it, no task and no thread of it may have panicked.
    #[track_caller]
    pub(crate) fn new(status: ExitStatus, stdout: Vec<u8>, stderr: String) -> Self {
        assert!(!stderr.contains("panicked"), "a panic: {stderr}");
        Self {
            code: status.code(),
            stdout,
            stderr,
        }
    }

    /// Panics unless the command ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let shown = String::from_utf8_lossy(&self.stdout[..self.stdout.len().min(2000)]);
        assert_eq!(
            self.code,
            Some(code),
            "exit code; stderr: {}\nstdout: {shown}",
            self.stderr
        );
        self
    }

    /// Panics unless stderr holds every one of these.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "stderr should say {part:?}: {}",
                self.stderr
            );
        }
        self
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// stdout as one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON object: {error}: {}", self.text()))
    }

    /// stdout as one JSON object for each line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let lines = self.text().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The built binary, unaware of the settings of whoever runs the tests.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capture"));
    command.args(args).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

/// The built binary, run by a shell's `exec "$0" "$@"` at the end of `script`.
pub(crate) fn shell(script: &str, args: &[&str]) -> Command {
    let binary = command(args);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .arg(binary.get_program())
        .args(binary.get_args());
    shell.stdin(Stdio::null()).env_remove("RUST_LOG");
    shell
}

/// Runs `capture` to its end.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Run {
    Running::start(args).finish()
}

/// A command at work; dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    lines: Receiver<String>,
    stderr: String,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(command(args))
    }

    /// Starts a command of the caller's.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let _ = sender.send(line.unwrap_or_default());
            }
        });
        let stdout = thread::spawn(move || {
            let mut all = Vec::new();
            stdout.read_to_end(&mut all).unwrap();
            all
        });
        Self {
            child,
            stdout: Some(stdout),
            lines,
            stderr: String::new(),
        }
    }

    /// Waits until stderr says `part`.
    #[track_caller]
    pub(crate) fn wait_until_it_says(&mut self, part: &str) {
        let deadline = Instant::now() + HANGS;
        while !self.stderr.contains(part) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.hear(&line),
                Err(error) => panic!("it never said {part:?} ({error}): {}", self.stderr),
            }
        }
    }

    fn hear(&mut self, line: &str) {
        self.stderr.push_str(line);
        self.stderr.push('\n');
    }

    /// Sends a signal by its name: `INT`, `TERM`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Ends it by SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Run {
        let mut ended = None;
        let in_time = wait(|| {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        if !in_time {
            let _ = self.child.kill();
        }
        let stdout = self.stdout.take().unwrap().join().unwrap();
        while let Ok(line) = self.lines.recv() {
            self.hear(&line);
        }
        let stderr = std::mem::take(&mut self.stderr);
        let Some(status) = ended else {
            panic!("the command hangs: {stderr}");
        };
        Run::new(status, stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `capture serve`; dropped, it is killed.
pub(crate) struct Serve {
    child: Child,
    /// The line that it printed when it was ready.
    pub(crate) ready: Value,
}

impl Serve {
    /// Starts `capture serve ARGS` and waits until clients can connect.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = command(&[&["serve"], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, ready }
    }

    pub(crate) fn grpc(&self) -> &str {
        self.ready["grpc"].as_str().unwrap()
    }

    pub(crate) fn rest(&self) -> &str {
        self.ready["rest"].as_str().unwrap()
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end; the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let mut code = None;
        assert!(
            wait(|| {
                let ended = self.child.try_wait().unwrap();
                code = ended.and_then(|status| status.code());
                ended.is_some()
            }),
            "the server does not end"
        );
        code
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Looks until it is there; false when it never came.
pub(crate) fn wait(mut there: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + HANGS;
    loop {
        if there() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(LOOK);
    }
}

/// A folder that goes away with its value.
pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Names of all files in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The path of a capture of the repository.
pub(crate) fn shipped(name: &str) -> String {
    format!("{}/captures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Every event that can be read; panics when the file is damaged.
#[track_caller]
pub(crate) fn events(path: impl AsRef<Path>) -> Vec<Event> {
    let mut reader = Reader::open(path).unwrap();
    std::iter::from_fn(|| reader.next_event().unwrap()).collect()
}

/// Every event that can be read so far of a capture that grows, or that was left unfinished.
#[track_caller]
pub(crate) fn readable(path: impl AsRef<Path>) -> Vec<Event> {
    let Ok(mut reader) = Reader::open(path) else {
        return Vec::new();
    };
    std::iter::from_fn(|| reader.next_event().ok().flatten()).collect()
}

/// Every message received, in the order of the file.
#[track_caller]
pub(crate) fn received(path: impl AsRef<Path>) -> Vec<Bytes> {
    let received = events(path).into_iter().filter_map(|event| match event.kind {
        EventKind::Message(message) if message.direction == Direction::Received => Some(message.data),
        _ => None,
    });
    received.collect()
}

/// The endings of all calls.
#[track_caller]
pub(crate) fn endings(path: impl AsRef<Path>) -> Vec<Ending> {
    let endings = events(path).into_iter().filter_map(|event| match event.kind {
        EventKind::End(ending) => Some(ending),
        _ => None,
    });
    endings.collect()
}

#[track_caller]
pub(crate) fn verify(path: impl AsRef<Path>) -> Verified {
    file::verify(File::open(path).unwrap()).unwrap()
}

/// Everything inside a capture's zstd frames, by the plain zstd library: what `zstd -dc` would write.
#[track_caller]
pub(crate) fn unzstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(bytes).unwrap_or_else(|error| panic!("not a zstd file: {error}"))
}

/// Messages behind their lengths as varints, by prost: what `cat --raw` should write.
pub(crate) fn delimited(messages: &[Bytes]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        prost::encode_length_delimiter(message.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(message);
    }
    bytes
}

/// Frames with one row each, 100 ms apart; no two alike, and none that compresses well.
pub(crate) fn frames(count: usize, bins: usize) -> Vec<Bytes> {
    use grpc_capture::das::{DataStream, SensorIntensity, SpectrogramRow};
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut frame = |number: usize| {
        let start_timestamp = number as i64 * 100;
        let row = SpectrogramRow {
            canvas_id: "noise".to_owned(),
            sensors: vec![SensorIntensity {
                id: 1,
                intensity: (0..bins).map(|_| noise.below(1 << 24) as f32 / -65536.0).collect(),
            }],
            start_timestamp,
            end_timestamp: start_timestamp + 100,
        };
        let frame = DataStream {
            rows: vec![row],
            current_max_amp: 0.0,
            current_min_amp: -256.0,
        };
        Bytes::from(frame.encode_to_vec())
    };
    (0..count).map(&mut frame).collect()
}

/// Numbers without a pattern (xorshift64*).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % limit
    }
}
