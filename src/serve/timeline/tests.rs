use super::*;
use crate::{
    model::event::{Broken, Ending, Metadata},
    serve::{script::Scan, testing::Recording},
};

const MS: u64 = 1_000_000;

/// Opening at 1 ms, metadata at 3 ms, `a` to `d` at 4, 5, 6 and 7 ms, OK at 8 ms.
fn four() -> Recording {
    ["a", "b", "c", "d"]
        .into_iter()
        .fold(Recording::job(1, "x"), Recording::received)
        .ok()
}

fn call(recording: &Recording) -> Call {
    let mut scan = Scan::default();
    recording.events.iter().for_each(|event| scan.take(event));
    scan.jobs("x").remove(0).calls.remove(0)
}

/// Drives a timeline over a recording as the reader does; each step as text with its offset in ms.
fn play(recording: &Recording, timeline: Timeline) -> Vec<String> {
    play_at_most(recording, timeline, usize::MAX)
}

fn play_at_most(recording: &Recording, mut timeline: Timeline, most: usize) -> Vec<String> {
    let (mut out, mut next) = (Vec::new(), Next::Seek(timeline.begins_at().0));
    let mut events = recording.events.iter();
    while out.len() < most {
        match next {
            Next::Stop => break,
            Next::Read => {}
            Next::Seek(from_ns) => {
                let from = recording.events.partition_point(|event| event.offset_ns < from_ns);
                events = recording.events[from..].iter();
            }
        }
        next = if let Some(event) = events.next() {
            timeline.take(event.clone(), &mut out)
        } else {
            timeline.finish(&mut out);
            Next::Stop
        };
    }
    let text = |step: Step| {
        let act = match step.act {
            Act::Headers(_) => "head".to_owned(),
            Act::Message { data, .. } => String::from_utf8(data.to_vec()).unwrap(),
            Act::End(PlayedEnding::Status(status)) => format!("status {}", status.code),
            Act::End(ending) => format!("{ending:?}"),
        };
        format!("{act}@{}", step.offset_ns / MS)
    };
    out.into_iter().map(text).collect()
}

fn played(playback: &Playback) -> Vec<String> {
    let recording = four();
    play(
        &recording,
        Timeline::new(&call(&recording), MaxFrames::Unlimited, playback),
    )
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn without_options_a_call_is_played_as_it_was_recorded() {
    assert_eq!(
        played(&Playback::default()),
        ["head@3", "a@4", "b@5", "c@6", "d@7", "status 0@8"]
    );
}

#[test]
fn a_window_keeps_the_metadata_and_ends_with_ok() {
    let playback = Playback {
        start_offset: ms(4),
        playback_duration: Some(ms(2)),
        ..Playback::default()
    };
    // 4 ms after the opening is 5 ms; the metadata is due at once.
    assert_eq!(played(&playback), ["head@5", "b@5", "c@6", "status 0@7"]);
}

#[test]
fn a_start_beyond_the_end_leaves_the_recorded_ending() {
    let playback = Playback {
        start_offset: ms(4000),
        ..Playback::default()
    };
    assert_eq!(played(&playback), ["head@8", "status 0@8"]);
}

#[test]
fn passes_follow_each_other_and_the_ending_comes_last() {
    let playback = Playback {
        loops: Loops::Times(NonZeroU64::new(2).unwrap()),
        start_offset: ms(5),
        ..Playback::default()
    };
    // A pass is the 2 ms from 6 ms to the ending at 8 ms.
    assert_eq!(played(&playback), ["head@6", "c@6", "d@7", "c@8", "d@9", "status 0@10"]);
}

#[test]
fn an_endless_loop_does_not_end() {
    let playback = Playback {
        loops: Loops::Forever,
        ..Playback::default()
    };
    let recording = four();
    let timeline = Timeline::new(&call(&recording), MaxFrames::Unlimited, &playback);
    let steps = play_at_most(&recording, timeline, 4001);
    assert_eq!(steps.last().unwrap(), "d@7000");
}

#[test]
fn an_endless_loop_of_nothing_ends_at_once() {
    let playback = Playback {
        loops: Loops::Forever,
        ..Playback::default()
    };
    let recording = Recording::job(1, "x").ok();
    let timeline = Timeline::new(&call(&recording), MaxFrames::Unlimited, &playback);
    assert_eq!(play(&recording, timeline), ["head@3", "status 0@4"]);
}

#[test]
fn a_client_that_wants_so_many_frames_gets_them_over_several_passes() {
    let playback = Playback {
        loops: Loops::Forever,
        ..Playback::default()
    };
    let recording = four();
    let timeline = Timeline::new(&call(&recording), MaxFrames::First(6), &playback);
    let steps = play(&recording, timeline);
    assert_eq!(steps[5..], ["a@11", "b@12", "status 0@12"]);
}

#[test]
fn long_pauses_are_clipped_as_the_client_sees_them() {
    let mut recording = four();
    for event in &mut recording.events[5..] {
        event.offset_ns += 3_600_000 * MS;
    }
    let play_with = |rate: &str, wait| {
        let playback = Playback {
            max_wait: Some(ms(wait)),
            rate: rate.parse().unwrap(),
            ..Playback::default()
        };
        play(
            &recording,
            Timeline::new(&call(&recording), MaxFrames::Unlimited, &playback),
        )
    };
    let clipped = ["head@3", "a@4", "b@5", "c@25", "d@26", "status 0@27"];
    assert_eq!(play_with("1", 20), clipped);
    // Twice as fast, the recorded pause may be twice as long.
    assert_eq!(play_with("2", 10), clipped);
}

#[test]
fn the_silence_that_tells_an_idle_end_is_not_clipped_away() {
    let mut recording = Recording::job(1, "x").received("a").end(Ending::Broken(Broken {
        goaway: true,
        error: String::new(),
        ..Broken::default()
    }));
    recording.events.last_mut().unwrap().offset_ns += 30_000 * MS;
    let playback = Playback {
        max_wait: Some(ms(10)),
        ..Playback::default()
    };
    let steps = play(
        &recording,
        Timeline::new(&call(&recording), MaxFrames::Unlimited, &playback),
    );
    assert_eq!(steps.last().unwrap(), "Break { goaway: true }@1254");
}

#[test]
fn the_ending_can_be_another() {
    for (end, text) in [
        (End::Ok, "status 0@8"),
        (End::Hold, "Hold@8"),
        (End::Unavailable, "status 14@8"),
    ] {
        let playback = Playback {
            end,
            ..Playback::default()
        };
        assert_eq!(played(&playback).last().unwrap(), text);
    }
}

#[test]
fn a_lost_rest_is_never_called_another_ending() {
    let mut recording = four();
    recording.events.pop();
    let playback = Playback {
        end: End::Ok,
        loops: Loops::Forever,
        ..Playback::default()
    };
    let steps = play(
        &recording,
        Timeline::new(&call(&recording), MaxFrames::Unlimited, &playback),
    );
    assert_eq!(steps.last().unwrap(), "status 15@7");
}

#[test]
fn an_idle_end_replaces_what_is_no_error() {
    let playback = Playback {
        idle_goaway: Some(ms(30_000)),
        ..Playback::default()
    };
    assert_eq!(played(&playback).last().unwrap(), "Hold@8");
    let failed = Ending::Status(Status {
        code: 5,
        message: String::new(),
        trailers: Metadata::default(),
        trailers_only: false,
    });
    let recording = Recording::job(1, "x").end(failed);
    let timeline = Timeline::new(&call(&recording), MaxFrames::Unlimited, &playback);
    assert_eq!(play(&recording, timeline).last().unwrap(), "status 5@4");
}

#[test]
fn a_seek_goes_on_from_there_without_the_metadata() {
    let recording = four();
    let timeline = Timeline::new(&call(&recording), MaxFrames::Unlimited, &Playback::default());
    let timeline = timeline.starting_at(ms(5), Head::Sent);
    assert_eq!(timeline.begins_at(), (6 * MS, 6 * MS));
    assert_eq!(play(&recording, timeline), ["c@6", "d@7", "status 0@8"]);
}

#[test]
fn frames_that_a_client_had_before_a_seek_count() {
    let recording = four();
    let timeline = Timeline::new(&call(&recording), MaxFrames::First(3), &Playback::default());
    assert_eq!(
        play(&recording, timeline.starting_at(ms(0), Head::Sent).after(2)),
        ["a@4", "status 0@4"]
    );
}

#[test]
fn a_call_whose_messages_are_gone_has_its_metadata_and_ending() {
    let recording = four();
    let ended = call(&recording).end.map(|(_, ending)| PlayedEnding::of(ending, true));
    let timeline = Timeline::new(&call(&recording), MaxFrames::Unlimited, &Playback::default());
    assert_eq!(play(&recording, timeline.drained(ended)), ["head@3", "status 0@3"]);
}

#[test]
fn a_seek_before_anything_was_sent_sends_the_metadata_first() {
    let recording = four();
    let timeline = Timeline::new(&call(&recording), MaxFrames::Unlimited, &Playback::default());
    let timeline = timeline.starting_at(ms(5), Head::Owed);
    assert_eq!(play(&recording, timeline), ["head@6", "c@6", "d@7", "status 0@8"]);
}
