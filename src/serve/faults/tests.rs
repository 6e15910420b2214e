use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::Dialect,
        proto::{datastream, pandadatastream},
    },
    model::event::Metadata,
    serve::{
        player::{Act, PlayedEnding, Step},
        testing::frame,
    },
};

const METHOD: &str = "/datastream.DataStreamService/StreamSpectrograms";

fn plan(specs: &[&str]) -> FaultPlan {
    let add = |plan: FaultPlan, spec: &&str| plan.fault(spec.parse().unwrap());
    specs.iter().fold(FaultPlan::new(7), add)
}

fn message(data: impl Into<Bytes>) -> Act {
    Act::Message {
        compressed: false,
        data: data.into(),
    }
}

fn end() -> Act {
    Act::End(PlayedEnding::complete())
}

/// What becomes of a head, `messages` a second apart, and an ending.
fn struck_by(plan: FaultPlan, method: &str, call: u32, messages: Vec<Bytes>) -> Vec<Step> {
    let mut injector = Injector::new(&Running::new(plan), call, method, 0);
    let mut out = Vec::new();
    injector.take(Step::new(0, Act::Headers(Metadata::default())), &mut out);
    let mut at = 0;
    for data in messages {
        at += 1_000_000_000;
        injector.take(Step::new(at, message(data)), &mut out);
    }
    injector.take(Step::new(at, end()), &mut out);
    assert!(injector.ended());
    out
}

/// What becomes of the messages 1 … 9, each one byte.
fn numbers(specs: &[&str]) -> (Vec<u8>, PlayedEnding) {
    let mut steps = struck_by(plan(specs), METHOD, 1, (1..10_u8).map(|n| vec![n].into()).collect());
    let Some(Act::End(ending)) = steps.pop().map(|step| step.act) else {
        panic!("no ending")
    };
    let numbers = steps.iter().filter_map(|step| match &step.act {
        Act::Message { data, .. } => data.first().copied(),
        _ => None,
    });
    (numbers.collect(), ending)
}

#[test]
fn every_kind_is_written_as_it_is_documented_and_comes_back() {
    for entry in CATALOG {
        let fault: Fault = entry.example.parse().unwrap();
        assert_eq!(fault.name(), entry.name);
        let again: Fault = fault.to_string().parse().unwrap();
        assert_eq!(again, fault, "{fault}");
        assert!(crate::serve::faults::FaultEntry::of(entry.name).is_some());
    }
    let fault: Fault = "abort:status=5,message=no, not now".parse().unwrap();
    assert_eq!(fault.to_string(), "abort:after=0,status=NOT_FOUND,message=no, not now");
}

#[test]
fn what_is_misspelt_is_told_with_the_nearest_word() {
    for (spec, says) in [
        ("dorp:every=3", "did you mean \"drop\"?"),
        ("drop:evry=3", "did you mean \"every\"?"),
        ("drop:every=0", "every=0 is not a whole number from 1"),
        ("drop:p=2", "probability from 0 to 1"),
        ("drop:at=1,every=2", "give one of at"),
        ("drop:count=2", "count needs at"),
        ("drop:at=1,at=2", "given twice"),
        ("drop:now", "not KEY=VALUE"),
        ("stall:for=long", "length of time"),
        ("abort:status=NEVER", "a gRPC status"),
        ("drip:rate=fast", "number of bytes"),
        ("abort:every=2", "has no key \"every\""),
        ("", "there is no fault \"\""),
    ] {
        let error = spec.parse::<Fault>().unwrap_err().to_string();
        assert!(error.contains(says), "{spec}: {error}");
    }
    for (text, says) in [
        ("sead = 1", "\"sead\""),
        ("[[fault]]\nat = 1", "no kind"),
        ("[[fault]]\nkind = \"nam\"", "did you mean \"nan\"?"),
        ("seed = [", "plan"),
    ] {
        let error = text.parse::<FaultPlan>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn messages_are_left_out_repeated_and_moved_by_their_recorded_numbers() {
    let (all, ending) = numbers(&[]);
    assert_eq!((all, ending), ((1..10).collect(), PlayedEnding::complete()));
    assert_eq!(numbers(&["drop:every=3"]).0, [1, 2, 4, 5, 7, 8]);
    assert_eq!(numbers(&["drop:at=2,count=3"]).0, [1, 5, 6, 7, 8, 9]);
    assert_eq!(numbers(&["drop"]).0, [0; 0]);
    assert_eq!(
        numbers(&["duplicate:at=2,copies=2"]).0,
        [1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9]
    );
    assert_eq!(numbers(&["reorder:at=2,by=2"]).0, [1, 3, 4, 2, 5, 6, 7, 8, 9]);
    // What waits for messages that never come is sent before the ending.
    assert_eq!(numbers(&["reorder:at=9"]).0, (1..10).collect::<Vec<_>>());
    assert_eq!(numbers(&["reorder"]).0, (1..10).collect::<Vec<_>>());
    // The second fault counts as if there were no first.
    assert_eq!(numbers(&["drop:at=1", "drop:at=2"]).0, [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(numbers(&["drop:call=2"]).0, (1..10).collect::<Vec<_>>());
}

#[test]
fn a_call_ends_after_so_many_messages_and_nothing_follows() {
    let (sent, ending) = numbers(&["abort:after=3,status=RESOURCE_EXHAUSTED,message=full"]);
    assert_eq!(sent, [1, 2, 3]);
    let PlayedEnding::Status(status) = ending else {
        panic!("{ending:?}")
    };
    assert_eq!((status.code, status.message.as_str()), (8, "full"));
    assert_eq!(numbers(&["abort"]).0, [0; 0]);
    assert_eq!(
        numbers(&["reset:after=2,code=2"]),
        (vec![1, 2], PlayedEnding::Reset { code: 2 })
    );
    assert_eq!(
        numbers(&["goaway:after=1"]),
        (vec![1], PlayedEnding::Sever { goaway: true })
    );
    assert_eq!(
        numbers(&["close:after=1"]),
        (vec![1], PlayedEnding::Sever { goaway: false })
    );
    // It never comes to that.
    assert_eq!(numbers(&["close:after=10"]).1, PlayedEnding::complete());
    // The number counts messages as they were recorded, dropped ones too.
    assert_eq!(numbers(&["drop:at=1", "reset:after=3,code=2"]).0, [2, 3]);
}

#[test]
fn times_are_moved_and_messages_are_not() {
    let second = Duration::from_secs(1);
    let steps = struck_by(
        plan(&["delay:at=1,by=2s", "stall:at=2,for=3s", "burst:size=2"]),
        METHOD,
        1,
        (1..4_u8).map(|n| vec![n].into()).collect(),
    );
    let times: Vec<_> = steps
        .iter()
        .map(|step| (step.offset_ns / 1_000_000_000, step.hold))
        .collect();
    assert_eq!((times[1].0, times[1].1.late), (2, 2 * second));
    assert_eq!((times[2].0, times[2].1.silence), (2, 3 * second));
    // The odd one out comes before the ending.
    assert_eq!((times[3].0, times.len()), (3, 5));
    let late = |seed| {
        let plan = plan(&["jitter:by=50ms"]).seed(seed);
        let steps = struck_by(plan, METHOD, 1, (1..9_u8).map(|n| vec![n].into()).collect());
        steps.iter().map(|step| step.hold.late).collect::<Vec<_>>()
    };
    assert!(late(1).iter().all(|late| *late < Duration::from_millis(50)));
    assert_eq!(late(1), late(1));
    assert_ne!(late(1), late(2));
}

fn bytes_of(steps: &[Step]) -> Vec<Bytes> {
    let bytes = steps.iter().filter_map(|step| match &step.act {
        Act::Message { data, .. } => Some(data.clone()),
        _ => None,
    });
    bytes.collect()
}

fn frames(specs: &[&str]) -> Vec<datastream::DataStream> {
    let messages = (1..5).map(|row| frame(row).encode_to_vec().into()).collect();
    let steps = struck_by(plan(specs), METHOD, 1, messages);
    let decode = |data: &Bytes| datastream::DataStream::decode(&data[..]).unwrap();
    bytes_of(&steps).iter().map(decode).collect()
}

fn values(frame: &datastream::DataStream) -> Vec<f32> {
    let sensors = frame.rows.iter().flat_map(|row| &row.sensors);
    sensors.flat_map(|sensor| &sensor.intensity).copied().collect()
}

#[test]
fn values_are_changed_in_place_and_everything_else_stays() {
    let zeroed = frames(&["zero:at=2"]);
    assert!(values(&zeroed[1]).iter().all(|value| *value == 0.0));
    assert_eq!(zeroed[0], frame(1));
    assert_eq!(zeroed[1].rows[0].start_timestamp, 500);
    assert!(values(&frames(&["nan:at=2"])[1]).iter().all(|value| value.is_nan()));
    let frozen = frames(&["freeze:at=2,count=2"]);
    assert_eq!(values(&frozen[1]), values(&frame(1)));
    assert_eq!(values(&frozen[2]), values(&frame(1)));
    assert_eq!(
        (frozen[2].rows[0].start_timestamp, values(&frozen[3])),
        (750, values(&frame(4)))
    );
    let whole = frames(&["freeze"]);
    assert!(whole.iter().all(|frame| values(frame) == values(&whole[0])));
    let unknown = frames(&["unknown:at=2"]);
    assert_eq!(unknown, (1..5).map(frame).collect::<Vec<_>>());
    let raw = struck_by(
        plan(&["unknown:size=3"]),
        METHOD,
        1,
        vec![Bytes::from_static(b"\x12\x01x")],
    );
    assert_eq!(&bytes_of(&raw)[0][..], b"\x12\x01x\xfa\x7c\x03\0\0\0");
}

#[test]
fn production_values_are_written_in_their_own_width() {
    for (width, nan) in [
        (2_usize, &[0, 0x7e][..]),
        (4, &f32::NAN.to_le_bytes()),
        (8, &f64::NAN.to_le_bytes()),
    ] {
        let frame = pandadatastream::DataStream {
            data_shape_x: 3,
            data_shape_y: 1,
            main_data: vec![vec![1; 3 * width]],
            ..Default::default()
        };
        let method = Dialect::PandaDataStream.method();
        let steps = struck_by(plan(&["nan"]), method, 1, vec![frame.encode_to_vec().into()]);
        let struck = pandadatastream::DataStream::decode(&bytes_of(&steps)[0][..]).unwrap();
        assert_eq!(struck.main_data, vec![nan.repeat(3)]);
    }
}

#[test]
fn what_was_compressed_is_struck_too_and_goes_on_plain() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &frame(1).encode_to_vec()).unwrap();
    let data = Bytes::from(gzip.finish().unwrap());
    let running = Running::new(plan(&["zero"]));
    let mut injector = Injector::new(&running, 1, METHOD, 0);
    let (mut out, mut head) = (Vec::new(), Metadata::default());
    head.push("grpc-encoding", "gzip");
    injector.take(Step::new(0, Act::Headers(head)), &mut out);
    let compressed = true;
    injector.take(Step::new(1, Act::Message { compressed, data }), &mut out);
    let Act::Message {
        compressed: false,
        data,
    } = &out[1].act
    else {
        panic!("{out:?}")
    };
    let zeroed = datastream::DataStream::decode(&data[..]).unwrap();
    assert!(values(&zeroed).iter().all(|value| *value == 0.0));
    assert_eq!(running.counts()[0].struck, 1);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let run = |seed, call| {
        let specs = ["corrupt:p=0.5", "truncate:p=0.3", "drop:p=0.2"];
        let messages = (0..50_u8).map(|n| vec![n; 40].into()).collect();
        bytes_of(&struck_by(plan(&specs).seed(seed), METHOD, call, messages))
    };
    assert_eq!(run(3, 1), run(3, 1));
    assert_ne!(run(3, 1), run(4, 1));
    assert_ne!(run(3, 1), run(3, 2));
}

#[test]
fn sizes_and_bytes_are_those_that_were_asked_for() {
    let struck = |spec| bytes_of(&struck_by(plan(&[spec]), "/x.Y/Z", 1, vec![vec![1; 10].into()])).remove(0);
    assert_eq!(&struck("truncate:to=4")[..], [1; 4]);
    assert_eq!(&struck("corrupt:byte=2")[..4], [1, 1, 254, 1]);
    assert!(struck("oversize:size=1000").len() >= 1000);
    assert!(struck("truncate").len() < 10);
    // Nothing to do: the message stays.
    for spec in [
        "truncate:to=10",
        "corrupt:byte=10",
        "nan",
        "zero",
        "freeze",
        "oversize:size=5",
    ] {
        assert_eq!(&struck(spec)[..], [1; 10], "{spec}");
    }
}

#[test]
fn connections_are_refused_in_the_order_in_which_they_come() {
    let running = Running::new(plan(&["refuse:at=2,count=2"]));
    let gate = Gate::new(running.clone());
    let seen: Vec<_> = (0..4).map(|_| gate.admit() == Admission::Refused).collect();
    assert_eq!(seen, [false, true, true, false]);
    assert_eq!(running.counts()[0].struck, 2);
}
