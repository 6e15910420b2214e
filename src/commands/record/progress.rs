//! The line on stderr that shows a recording at work.

use std::time::{Duration, Instant};

use grpc_capture::tap::{RecorderHandle, Totals};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use crate::commands::output::{self, Talk};

/// How often the line is drawn again.
const REDRAW: Duration = Duration::from_millis(200);

/// Shows frames, rate, throughput, compression and time, on a terminal only.
pub(in crate::commands) struct Line {
    recorder: RecorderHandle,
    shown: Option<(ProgressBar, JoinHandle<()>)>,
}

impl Line {
    pub(in crate::commands) fn start(recorder: RecorderHandle, talk: Talk) -> Self {
        let shown = talk.is_interactive().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            let (drawn, recorder, started) = (bar.clone(), recorder.clone(), Instant::now());
            let redraw = tokio::spawn(async move {
                let (mut tick, mut before) = (tokio::time::interval(REDRAW), Totals::default());
                loop {
                    tick.tick().await;
                    let now = recorder.totals();
                    drawn.set_message(text(&before, &now, started.elapsed()));
                    drawn.tick();
                    before = now;
                }
            });
            (bar, redraw)
        });
        Self { recorder, shown }
    }

    /// Clears the line and gives the final totals.
    pub(in crate::commands) fn stop(self) -> Totals {
        if let Some((bar, redraw)) = self.shown {
            redraw.abort();
            bar.finish_and_clear();
        }
        self.recorder.totals()
    }
}

fn text(before: &Totals, now: &Totals, elapsed: Duration) -> String {
    let per_second = |more: u64| more as f64 / REDRAW.as_secs_f64();
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
    text
}
