//! `kill -9` at random moments of a recording. Everything that could already be read stays readable, and the loss is
//! never more than the flush interval.
//!
//! The server checks the result: it knows when it gave each frame to the transport. A frame that left the server before
//! the kill by more than the flush interval and [`MARGIN`] must be in the file. The stream is too small to fill a chunk
//! by its size, so a recorder without a flush by time would lose everything.

use std::{
    path::Path,
    sync::Mutex,
    thread,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use grpc_capture::model::Ending;

use crate::support::{
    Dir, Noise, Running, delimited, endings, frames,
    raw_job::{RawJob, Step},
    received, run, verify, wait,
};

/// Kills, unless `CAPTURE_KILL_TRIALS` says another number.
const TRIALS: u64 = 20;

/// What a kill may cost, as the recorder is told.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);

/// What a loaded machine may add to it: frames on the way, threads that wait for a core, the write itself.
const MARGIN: Duration = Duration::from_secs(1);

/// The last moment for a kill after the first frame; well beyond the interval and the margin, so that most trials have
/// frames that must not be missing.
const LATEST_KILL: Duration = Duration::from_secs(3);

/// Between two frames.
const PACE: Duration = Duration::from_millis(4);

/// Trials at the same time; they mostly wait.
const AT_ONCE: usize = 4;

/// What a trial found.
struct Trial {
    /// Frames in the file after the kill.
    kept: usize,
    /// Frames that had to be there.
    due: usize,
}

fn kill_once(all: &[Bytes], after: Duration) -> Trial {
    let dir = Dir::new();
    let (out, saved) = (dir.file("killed.gcap"), dir.file("saved.gcap"));
    let job = RawJob::builder().paced(all, PACE).then(Step::Stall).start();
    let addr = job.addr.to_string();
    let args = ["record", "-o", &out, "--target", &addr, "--plaintext", "--job-id", "x"];
    let recording = Running::start(&[&args[..], &["--flush-interval", "200ms"]].concat());
    // A recording that holds nothing yet has no name.
    assert!(
        wait(|| !job.sent().is_empty() && Path::new(&out).exists()),
        "no frame was asked for"
    );
    thread::sleep(after);
    let killed = Instant::now();
    recording.kill();
    let sent = job.sent();

    let kept = received(&out);
    assert!(
        kept.len() <= sent.len() && kept[..] == all[..kept.len()],
        "what is there is what was sent"
    );
    let old = |sent: &&Instant| **sent + FLUSH_INTERVAL + MARGIN < killed;
    let due = sent.iter().filter(old).count();
    assert!(
        kept.len() >= due,
        "killed {after:?} after the first frame: {} of {} frames are readable, and {due} were older than {:?}",
        kept.len(),
        sent.len(),
        FLUSH_INTERVAL + MARGIN
    );

    // Everything that reads says the same, and that the file is not finished.
    let verified = verify(&out);
    assert!(!verified.finished && verified.damage.is_empty(), "{verified:?}");
    run(&["verify", &out]).expect(3);
    assert!(run(&["cat", "--raw", &out]).expect(3).stdout == delimited(&kept));

    run(&["recover", &out, "-o", &saved]).expect(3);
    assert!(verify(&saved).is_whole());
    run(&["verify", &saved]).expect(0);
    assert!(received(&saved) == kept);
    let open = endings(&saved);
    // The call's own start may be in the chunk that was never closed.
    assert!(
        matches!(&open[..], [Ending::Broken(_)]) || (open.is_empty() && kept.is_empty()),
        "{open:?}"
    );
    Trial { kept: kept.len(), due }
}

#[test]
fn a_killed_recording_keeps_all_but_the_last_flush_interval() {
    let trials = std::env::var("CAPTURE_KILL_TRIALS");
    let trials: u64 = trials.map_or(TRIALS, |text| text.parse().unwrap());
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    let latest = LATEST_KILL.as_millis() as u64;
    let mut noise = Noise(seed);
    // One random moment in each of as many equal parts of the time: early and late ones are always among them.
    let moments = (0..trials).map(|part| {
        let (from, to) = (part * latest / trials, (part + 1) * latest / trials);
        Duration::from_millis(from + noise.below((to - from).max(1)))
    });
    let moments: Vec<_> = moments.collect();
    let all = frames((LATEST_KILL.as_millis() / PACE.as_millis()) as usize * 4, 16);

    let (waiting, done) = (Mutex::new(moments.clone().into_iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    // The guard must not live as long as the trial.
                    let next = waiting.lock().unwrap().next();
                    let Some(after) = next else { break };
                    let trial = kill_once(&all, after);
                    done.lock().unwrap().push(trial);
                }
            });
        }
    });

    let done = done.into_inner().unwrap();
    assert_eq!(done.len() as u64, trials);
    let (kept, due) = done
        .iter()
        .fold((0, 0), |(kept, due), trial| (kept + trial.kept, due + trial.due));
    println!("{trials} kills at {moments:?}: {kept} frames kept, {due} of them had to be");
    assert!(due > 0 || trials < 3, "a test that demanded nothing proves nothing");
}
