//! The progress line of recordings on stderr.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    model::text::printable,
    record::{RecordingHandle, RecordingTotals},
};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use crate::cli::commands::output::{self, Verbosity};

/// Interval at which the line is redrawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Interval of progress messages for many recordings without a terminal: often enough for a log, and no flood.
const REMARK: Duration = Duration::from_secs(5);

/// The running recordings, whose number grows while jobs are dialled. Clones share one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handles(Arc<Mutex<Vec<RecordingHandle>>>);

impl Handles {
    pub(crate) fn add(&self, handle: RecordingHandle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
    }

    /// Totals over all recordings.
    fn totals(&self) -> RecordingTotals {
        let handles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handles
            .iter()
            .map(RecordingHandle::totals)
            .fold(RecordingTotals::default(), |sum, one| RecordingTotals {
                calls: sum.calls + one.calls,
                messages: sum.messages + one.messages,
                message_bytes: sum.message_bytes + one.message_bytes,
                gaps: sum.gaps + one.gaps,
                blocked_ns: sum.blocked_ns + one.blocked_ns,
                spooled: sum.spooled + one.spooled,
                written: sum.written + one.written,
                stored_bytes: sum.stored_bytes + one.stored_bytes,
                queued: sum.queued + one.queued,
            })
    }
}

/// The progress line, with frames, rate, throughput, compression and time; dropped, it is gone.
pub(crate) struct Line {
    recorders: Handles,
    bar: Option<ProgressBar>,
    redraw: Option<JoinHandle<()>>,
}

impl Line {
    /// Shows one recording, on a terminal only.
    pub(crate) fn start(recorder: RecordingHandle, verbosity: Verbosity) -> Self {
        let recorders = Handles::default();
        recorders.add(recorder);
        let mut line = Self {
            recorders,
            bar: None,
            redraw: None,
        };
        if verbosity.is_interactive() {
            line.draw(String::new);
        }
        line
    }

    /// Shows many recordings, with `prefix` before the figures: on a terminal in a line, elsewhere as a remark now and
    /// then.
    pub(crate) fn over(recorders: Handles, verbosity: Verbosity, prefix: impl Fn() -> String + Send + 'static) -> Self {
        let mut line = Self {
            recorders,
            bar: None,
            redraw: None,
        };
        if verbosity.is_interactive() {
            line.draw(prefix);
        } else if !verbosity.is_quiet() {
            line.redraw = Some(repeat(line.recorders.clone(), REMARK, move |text| {
                output::say(format!("capture: {}{text}", prefix()));
            }));
        }
        line
    }

    fn draw(&mut self, prefix: impl Fn() -> String + Send + 'static) {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        let drawn = bar.clone();
        self.bar = Some(bar);
        self.redraw = Some(repeat(self.recorders.clone(), REDRAW, move |text| {
            drawn.set_message(printable(&format!("{}{text}", prefix())));
            drawn.tick();
        }));
    }

    /// Clears the line and returns the final totals.
    pub(crate) fn stop(self) -> RecordingTotals {
        self.recorders.totals()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(redraw) = &self.redraw {
            redraw.abort();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Repeats the progress for each `interval`, the first one after now.
fn repeat(recorders: Handles, interval: Duration, show: impl Fn(String) + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (started, mut before) = (Instant::now(), RecordingTotals::default());
        let mut tick = tokio::time::interval(interval);
        tick.tick().await;
        loop {
            tick.tick().await;
            let now = recorders.totals();
            show(text(&before, &now, interval, started.elapsed()));
            before = now;
        }
    })
}

fn text(before: &RecordingTotals, now: &RecordingTotals, interval: Duration, elapsed: Duration) -> String {
    let per_second = |more: u64| more as f64 / interval.as_secs_f64();
    let rate = per_second(now.messages.saturating_sub(before.messages));
    let throughput = per_second(now.message_bytes.saturating_sub(before.message_bytes));
    let ratio = now.message_bytes as f64 / now.stored_bytes.max(1) as f64;
    let mut text = format!(
        "{}  {rate:.0}/s  {}/s  {} ({ratio:.2} : 1)  {:.0} s",
        output::counted(now.messages, "frame"),
        output::bytes(throughput as u64),
        output::bytes(now.message_bytes),
        elapsed.as_secs_f64()
    );
    if now.gaps > 0 {
        text.push_str(&format!("  {} LOST", output::grouped(now.gaps)));
    }
    if now.blocked_ns > 0 {
        text.push_str(&format!("  waited {}", output::seconds(now.blocked_ns)));
    }
    text
}
