//! Signals: those that ask a command to end in order, and those that must not end it.
//!
//! | signal | what it does |
//! |---|---|
//! | SIGINT, SIGTERM, SIGQUIT, SIGALRM, SIGXCPU | end the command in order |
//! | SIGHUP | the same, unless it was ignored from the start, as by `nohup` |
//! | SIGUSR1 | asks a flight recorder for a dump; elsewhere it is answered with a remark |
//! | SIGUSR2 | is answered with a remark |
//! | SIGXFSZ | nothing: the write that went beyond the limit fails, and says so |

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use crate::tap::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, output};
use crate::cli::flags::series::SeriesArgs;

/// Number of the signal for a reached limit of processor time (`ulimit -t`); the kernel repeats it each second until
/// the hard limit kills. Linux and macOS have the same number.
const SIGXCPU: i32 = 24;

/// Number of the signal for a reached limit of file size (`ulimit -f`). Linux and macOS have the same number.
const SIGXFSZ: i32 = 25;

/// Signals within this time of the first count as the same request, however late they are read: `timeout -s INT` and a
/// closing terminal signal both the process and its group.
const SAME_WISH: Duration = Duration::from_secs(1);

/// Base of the exit code of a process that a signal ended, by the shells' convention.
const SIGNALLED: i32 = 128;

/// What SIGUSR1 does to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usr1 {
    /// It triggers a dump of the flight recorder, which listens for it itself.
    Dump,
    /// It does nothing.
    Remark,
}

impl Usr1 {
    /// What SIGUSR1 does to a recording.
    pub(crate) const fn of(series: &SeriesArgs) -> Self {
        if series.ring.is_some() {
            Self::Dump
        } else {
            Self::Remark
        }
    }
}

/// What a signal means to a command.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    /// It ends the command in order, with this message.
    Stop(&'static str),
    /// It does nothing, and prints this message.
    Remark(&'static str),
}

/// A signal with a listener.
struct Listened {
    signal: Signal,
    kind: SignalKind,
    meaning: Meaning,
}

/// The signals of a command that ends when it is asked to.
pub(crate) struct Signals(Vec<Listened>);

impl Signals {
    /// Starts to listen for signals, which no longer end the process by themselves.
    pub(crate) fn listen(usr1: Usr1) -> Result<Self, Failure> {
        let ignored = ignored();
        let mut heard = Vec::new();
        for (kind, reason) in [
            (SignalKind::interrupt(), "stopped by Ctrl-C"),
            (SignalKind::terminate(), "stopped by SIGTERM"),
            (
                SignalKind::hangup(),
                "stopped by SIGHUP, because the terminal was closed",
            ),
            (SignalKind::quit(), "stopped by SIGQUIT"),
            (SignalKind::alarm(), "stopped by SIGALRM"),
            (
                SignalKind::from_raw(SIGXCPU),
                "stopped by SIGXCPU: the limit of processor time (ulimit -t) was reached",
            ),
        ] {
            // SIGINT and SIGQUIT are ignored in all that a script starts with `&`, and a script that sends them means it.
            let spared = kind == SignalKind::hangup() && is_in(ignored, kind);
            if !spared {
                heard.push((kind, Meaning::Stop(reason)));
            }
        }
        if usr1 == Usr1::Remark {
            let text = "SIGUSR1 does nothing here: it asks a flight recorder (--ring) for a dump";
            heard.push((SignalKind::user_defined1(), Meaning::Remark(text)));
        }
        heard.push((
            SignalKind::user_defined2(),
            Meaning::Remark("SIGUSR2 does nothing here"),
        ));
        let listen = |(kind, meaning)| {
            let signal = signal(kind)?;
            Ok(Listened { signal, kind, meaning })
        };
        let listened: io::Result<_> = heard.into_iter().map(listen).collect();
        Ok(Self(listened?))
    }

    /// Waits for a signal that asks to end; returns its kind and the message to print.
    pub(crate) async fn stop(&mut self) -> (SignalKind, &'static str) {
        loop {
            match self.next().await {
                (kind, Meaning::Stop(reason)) => return (kind, reason),
                (_, Meaning::Remark(text)) => output::say(format!("capture: {text}")),
            }
        }
    }

    async fn next(&mut self) -> (SignalKind, Meaning) {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(SignalKind, Meaning)> {
        for listened in &mut self.0 {
            if listened.signal.poll_recv(cx).is_ready() {
                return Poll::Ready((listened.kind, listened.meaning));
            }
        }
        Poll::Pending
    }
}

/// Waits for a second signal of a person, after one that was obeyed just now. What comes within [`SAME_WISH`] is the
/// same wish: it is passed over by when it came, for a busy process may look at it much later.
async fn insisted(mut poll: impl FnMut(&mut Context<'_>) -> Poll<(SignalKind, Meaning)>) -> SignalKind {
    tokio::time::sleep(SAME_WISH).await;
    poll_fn(|cx| {
        while poll(cx).is_ready() {}
        Poll::Ready(())
    })
    .await;
    loop {
        match poll_fn(&mut poll).await {
            (kind, Meaning::Stop(_)) if INSISTING.contains(&kind) => return kind,
            (_, Meaning::Stop(_)) => {}
            (_, Meaning::Remark(text)) => output::say(format!("capture: {text}")),
        }
    }
}

/// Signals that people send; the others repeat by themselves.
const INSISTING: [SignalKind; 3] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];

/// Triggers the stop signal when the process is asked to end. Asked again by a person (SIGINT, SIGTERM, SIGQUIT) after
/// a second, the process ends at once.
pub(crate) fn stop_on_signals(stop: Stop, usr1: Usr1) -> Result<(), Failure> {
    let mut signals = Signals::listen(usr1)?;
    tokio::spawn(async move {
        let (_, reason) = signals.stop().await;
        stop.stop(reason);
        let kind = insisted(|cx| signals.poll(cx)).await;
        output::say("stopped at once; `capture recover` completes the capture");
        #[expect(clippy::exit, reason = "who asks twice wants no more work")]
        std::process::exit(SIGNALLED + kind.as_raw_value());
    });
    Ok(())
}

/// Makes a write beyond the limit for file sizes fail with an error, in every thread, instead of ending the process:
/// what was written before can be finished, and the error names the file.
pub(crate) fn let_large_writes_fail() -> io::Result<()> {
    // What is installed stays when the runtime has gone.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _installed = runtime.block_on(async { signal(SignalKind::from_raw(SIGXFSZ)) })?;
    Ok(())
}

/// The set of ignored signals, one bit each; none where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn is_in(mask: u64, kind: SignalKind) -> bool {
    let bit = u32::try_from(kind.as_raw_value() - 1).ok();
    bit.and_then(|bit| mask.checked_shr(bit))
        .is_some_and(|bits| bits & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks signals that were delivered with the first one but read later: they came with the first.
    #[tokio::test(start_paused = true)]
    async fn signals_that_came_with_the_first_are_one_wish_however_late_they_are_looked_at() {
        let (sender, mut signals) = tokio::sync::mpsc::unbounded_channel();
        let send = |kind| sender.send((kind, Meaning::Stop("asked"))).unwrap();
        let insisted = insisted(|cx| match signals.poll_recv(cx) {
            Poll::Ready(Some(signal)) => Poll::Ready(signal),
            _ => Poll::Pending,
        });
        tokio::pin!(insisted);
        let mut looks = async || tokio::time::timeout(Duration::ZERO, insisted.as_mut()).await.is_ok();
        assert!(!looks().await);
        for kind in INSISTING {
            send(kind);
        }
        // The process was too busy to look at them for a while.
        tokio::time::advance(SAME_WISH * 3).await;
        assert!(!looks().await);
        // The kernel repeats this one; nobody insists by it.
        send(SignalKind::alarm());
        assert!(!looks().await);
        send(SignalKind::terminate());
        assert_eq!(insisted.await, SignalKind::terminate());
    }

    #[test]
    fn the_mask_of_ignored_signals_begins_with_the_first() {
        assert!(is_in(0b1, SignalKind::hangup()) && !is_in(0b1, SignalKind::quit()));
        assert!(is_in(0b100, SignalKind::quit()) && !is_in(0b100, SignalKind::hangup()));
        assert!(!is_in(0, SignalKind::hangup()));
    }
}
