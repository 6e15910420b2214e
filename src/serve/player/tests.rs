use super::*;
use crate::{
    model::event::{Broken, Deadline, Gap, Limit},
    serve::testing::Recording,
};

fn play(recording: Recording, max_frames: MaxFrames) -> Vec<Act> {
    let mut player = Player::new(1, max_frames, true);
    let mut steps = Vec::new();
    for event in recording.events {
        player.take(event, &mut steps);
    }
    player.finish(&mut steps);
    assert!(player.ended);
    steps.into_iter().map(|step| step.act).collect()
}

fn played(ending: Ending) -> PlayedEnding {
    match play(Recording::job(1, "a").end(ending), MaxFrames::Unlimited).pop() {
        Some(Act::End(ending)) => ending,
        other => panic!("{other:?}"),
    }
}

fn messages(acts: &[Act]) -> usize {
    acts.iter().filter(|act| matches!(act, Act::Message { .. })).count()
}

fn three() -> Recording {
    Recording::job(1, "a").received("x").received("y").received("z")
}

#[test]
fn sent_messages_and_other_calls_are_not_replayed() {
    let mut recording = Recording::job(1, "a").received("mine").ok();
    recording
        .events
        .extend(Recording::job(2, "b").received("theirs").events);
    let acts = play(recording, MaxFrames::Unlimited);
    assert_eq!(acts.len(), 3);
    assert_eq!(
        acts[1],
        Act::Message {
            compressed: false,
            data: Bytes::from("mine")
        }
    );
}

#[test]
fn steps_keep_their_recorded_offsets() {
    let mut player = Player::new(1, MaxFrames::Unlimited, true);
    let mut steps = Vec::new();
    for event in Recording::job(1, "a").received("x").ok().events {
        player.take(event, &mut steps);
    }
    let offsets: Vec<u64> = steps.iter().map(|step| step.offset_ns).collect();
    assert_eq!(offsets, [3_000_000, 4_000_000, 5_000_000]);
}

#[test]
fn a_recorder_that_stopped_is_not_an_ending_of_the_job() {
    for by in [Party::Us, Party::Client] {
        assert_eq!(
            played(Ending::Cancelled(Cancelled {
                by,
                reason: String::new(),
                code: None,
                cut: false,
            })),
            PlayedEnding::complete()
        );
    }
    let deadline = Deadline {
        limit: Limit::Idle,
        after_ns: 1,
    };
    assert_eq!(played(Ending::Deadline(deadline)), PlayedEnding::complete());
}

#[test]
fn a_server_that_gave_up_or_broke_does_so_again() {
    let cancelled = Cancelled {
        by: Party::Server,
        reason: String::new(),
        code: None,
        cut: false,
    };
    assert_eq!(played(Ending::Cancelled(cancelled)), PlayedEnding::Cancel);
    for goaway in [true, false] {
        let broken = Broken {
            error: String::new(),
            goaway,
            ..Broken::default()
        };
        assert_eq!(played(Ending::Broken(broken)), PlayedEnding::Break { goaway });
    }
}

#[test]
fn a_call_without_a_recorded_ending_does_not_end_well() {
    let acts = play(Recording::job(1, "a").received("x"), MaxFrames::Unlimited);
    let Some(Act::End(PlayedEnding::Status(status))) = acts.last() else {
        panic!("{acts:?}")
    };
    assert_eq!(status.code, DATA_LOSS);
    assert!(status.message.contains("before this call does"), "{}", status.message);
}

#[test]
fn max_frames_ends_the_call_well_at_once() {
    let acts = play(three().end(Ending::Broken(Broken::default())), MaxFrames::First(2));
    assert_eq!(messages(&acts), 2);
    assert_eq!(acts.last(), Some(&Act::End(PlayedEnding::complete())));
}

#[test]
fn max_frames_beyond_the_recording_leaves_the_recorded_ending() {
    let acts = play(three().end(Ending::Broken(Broken::default())), MaxFrames::First(4));
    assert_eq!(messages(&acts), 3);
    assert_eq!(acts.last(), Some(&Act::End(PlayedEnding::Break { goaway: false })));
}

#[test]
fn max_frames_as_recorded_ends_as_recorded_but_never_sends_more() {
    let acts = play(three().end(Ending::Broken(Broken::default())), MaxFrames::AsRecorded(3));
    assert_eq!(
        (messages(&acts), acts.last()),
        (3, Some(&Act::End(PlayedEnding::Break { goaway: false })))
    );
    let acts = play(three().ok(), MaxFrames::AsRecorded(2));
    assert_eq!(
        (messages(&acts), acts.last()),
        (2, Some(&Act::End(PlayedEnding::complete())))
    );
}

#[test]
fn a_gap_is_passed_over() {
    let mut recording = Recording::job(1, "a").received("x");
    let gap = Gap {
        direction: Direction::Received,
        messages: 4,
        reason: "slow disk".to_owned(),
    };
    recording.push(EventKind::Gap(gap));
    assert_eq!(messages(&play(recording.received("y").ok(), MaxFrames::Unlimited)), 2);
}
