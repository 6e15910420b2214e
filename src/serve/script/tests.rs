use prost::Message as _;

use super::*;
use crate::serve::testing::{Recording, frame, stream_request};

fn jobs(recordings: impl IntoIterator<Item = Recording>) -> Vec<Job> {
    let mut scan = Scan::default();
    for recording in recordings {
        recording.events.iter().for_each(|event| scan.take(event));
    }
    scan.jobs("fallback")
}

fn ids(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.job_id.as_str()).collect()
}

#[test]
fn each_job_id_is_a_job_with_its_calls() {
    let jobs = jobs([Recording::job(1, "a"), Recording::job(2, "b"), Recording::job(3, "a")]);
    assert_eq!(ids(&jobs), ["a", "b"]);
    assert_eq!(jobs[0].calls.iter().map(|call| call.call).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_stream_that_names_no_job_has_the_captures_name() {
    let unnamed = Recording::job(1, "");
    let imported = Recording::of(2, STREAM_SPECTROGRAMS).received("x");
    let unreadable = Recording::of(3, STREAM_SPECTROGRAMS).sent(&[0x0a, 0xff][..]);
    assert_eq!(ids(&jobs([unnamed, imported, unreadable])), ["fallback"]);
}

#[test]
fn the_streams_of_a_production_capture_are_one_job() {
    let jobs = jobs([
        Recording::stream(1, 2),
        Recording::stream(2, 0),
        Recording::stream(3, 1),
    ]);
    assert_eq!(ids(&jobs), ["fallback"]);
    assert!(jobs[0].is_production());
    assert_eq!(jobs[0].stream_ids(), [0, 1, 2]);
}

#[test]
fn other_methods_belong_to_the_first_job() {
    let jobs = jobs([Recording::of(1, "/x.Y/Z"), Recording::job(2, "a")]);
    assert_eq!(ids(&jobs), ["a"]);
    assert_eq!(jobs[0].calls.len(), 2);
}

#[test]
fn other_methods_alone_make_a_job() {
    assert_eq!(ids(&jobs([Recording::of(1, "/x.Y/Z")])), ["fallback"]);
}

#[test]
fn the_health_of_a_focus_job_is_no_job_and_what_was_recorded_of_other_health_is_served() {
    assert!(jobs([Recording::of(1, HEALTH_METHOD)]).is_empty());
    let asked = [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ];
    let health = asked.iter().zip(1..).map(|(method, call)| Recording::of(call, method));
    let jobs = jobs(health.chain([Recording::job(9, "a")]));
    assert_eq!((ids(&jobs), jobs[0].calls.len()), (vec!["a"], 3));
}

#[test]
fn a_call_keeps_its_request_and_the_shape_of_its_first_frame() {
    let jobs = jobs([Recording::job(1, "a")
        .received(frame(4).encode_to_vec())
        .received(frame(5).encode_to_vec())]);
    let call = &jobs[0].calls[0];
    assert_eq!(call.request.as_ref().unwrap().data, stream_request("a", 0));
    assert!(call.answered);
    let shape = call.shape.as_ref().unwrap();
    assert_eq!(
        (shape.sensors.as_slice(), shape.bins, shape.lines_dt_s),
        (&[7, 9][..], 3, Some(0.25))
    );
}

#[test]
fn a_huge_request_is_not_kept() {
    let recording = Recording::of(1, "/x.Y/Z").sent(vec![0; MAX_REQUEST_BYTES + 1]);
    assert_eq!(jobs([recording])[0].calls[0].request, None);
}

#[test]
fn a_production_block_shows_channels_and_bins() {
    use crate::das::proto::pandadatastream::DataStream;
    let block = DataStream {
        start_channel: 3,
        end_channel: 5,
        data_shape_x: 12,
        data_shape_y: 2,
        timestamp_in_milis: vec![1000, 1500],
        ..DataStream::default()
    };
    let shape = JobShape::of_frame(STREAM_DATA, &block.encode_to_vec()).unwrap();
    assert_eq!(
        (shape.sensors.as_slice(), shape.bins, shape.lines_dt_s),
        (&[3, 4, 5][..], 4, Some(0.5))
    );
    for (start_channel, end_channel) in [(5, 3), (i32::MIN, i32::MAX)] {
        let absurd = DataStream {
            start_channel,
            end_channel,
            ..block.clone()
        };
        assert_eq!(JobShape::of_frame(STREAM_DATA, &absurd.encode_to_vec()), None);
    }
}
