//! `capture proxy` as a process.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use serde_json::Value;

use super::{Run, command, signal, wait};

/// A proxy at work; dropped, it is killed.
pub(crate) struct Proxying {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<String>>,
    /// The line that it printed when it was ready.
    pub(crate) ready: Value,
}

impl Proxying {
    /// Starts `capture proxy ARGS` and waits until clients can connect.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(command(&[&["proxy"], args].concat()))
    }

    /// Starts a proxy by a command of the caller's.
    #[track_caller]
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut all = String::new();
            stderr.read_to_string(&mut all).unwrap();
            all
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let stderr = stderr.join().unwrap();
            panic!("it never was ready: {stderr}");
        }
        let stdout = thread::spawn(move || {
            let mut all = Vec::new();
            stdout.read_to_end(&mut all).unwrap();
            all
        });
        Self {
            ready: serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}")),
            child,
            stdout: Some(stdout),
            stderr: Some(stderr),
        }
    }

    /// Where clients connect.
    pub(crate) fn addr(&self) -> &str {
        self.ready["grpc"].as_str().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Ends it by SIGINT, and waits for its report.
    #[track_caller]
    pub(crate) fn stop(self) -> Run {
        self.signal("INT");
        self.finish()
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
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let Some(status) = ended else {
            panic!("the proxy hangs: {stderr}");
        };
        Run::new(status, stdout, stderr)
    }
}

impl Drop for Proxying {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
