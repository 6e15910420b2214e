//! Pages of captures that nobody would make on purpose.

use std::io::Cursor;

use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::datastream,
        proto::datastream::{DataStream, SensorIntensity, SpectrogramRow},
    },
    file::{Attribute, Header, Reader, Writer, WriterOptions},
    model::event::{CallStart, Direction, Ending, Event, EventKind, Message, Note, Status},
    report::{
        input::{CollectOptions, collect},
        markdown,
        picture::{Cell, SensorState},
    },
};

/// Ends scripts, opens elements, leaves attributes, tables and fences.
const HOSTILE: &str =
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" ' & | `````` \u{202e}\u{0}\n# x";

fn row(start_ms: i64, sensors: &[(i32, &[f32])]) -> SpectrogramRow {
    SpectrogramRow {
        canvas_id: HOSTILE.to_owned(),
        sensors: sensors
            .iter()
            .map(|(id, values)| SensorIntensity {
                id: *id,
                intensity: values.to_vec(),
            })
            .collect(),
        start_timestamp: start_ms,
        end_timestamp: start_ms + 100,
    }
}

fn header() -> Header {
    let mut header = Header::new(1_698_416_617_000_000_000);
    for name in [Attribute::JOB_ID, Attribute::SOURCE, Attribute::TOOL, "tag.</td><b>"] {
        header.set(name, HOSTILE);
    }
    header.set(Attribute::DIALECT, "datastream");
    header.set(
        Attribute::CONFIGURE_REQUEST,
        format!("{{\"a\": {}}}", serde_json::json!(HOSTILE)),
    );
    header.set(Attribute::CONFIGURE_RESPONSE, HOSTILE);
    header
}

/// A capture of one call with these messages, 100 ms apart.
fn input(method: &str, messages: Vec<Vec<u8>>) -> ReportInput {
    let mut writer = Writer::new(Vec::new(), &header(), WriterOptions::default()).unwrap();
    let mut seq = 0;
    let mut write = |offset_ns, kind| {
        seq += 1;
        let call = 1;
        writer
            .write(&Event {
                call,
                seq,
                offset_ns,
                kind,
            })
            .unwrap();
    };
    let start = CallStart {
        method: method.to_owned(),
        ..CallStart::default()
    };
    write(0, EventKind::CallStart(start));
    let note = Note {
        author: HOSTILE.to_owned(),
        text: HOSTILE.to_owned(),
    };
    write(1, EventKind::Note(note));
    let mut at = 0;
    for message in messages {
        at += 100_000_000;
        write(at, EventKind::Message(Message::plain(Direction::Received, message)));
    }
    let status = Status {
        message: HOSTILE.to_owned(),
        ..Status::default()
    };
    write(at + 1, EventKind::End(Ending::Status(status)));
    let (bytes, _) = writer.finish_into().unwrap();
    let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
    let options = CollectOptions {
        commands: Some(crate::report::commands::tests::COMMANDS),
        ..CollectOptions::default()
    };
    collect(&mut reader, HOSTILE, &options).unwrap()
}

/// One frame of one row for each.
fn frames(rows: Vec<SpectrogramRow>) -> ReportInput {
    let frame = |row| {
        DataStream {
            rows: vec![row],
            ..DataStream::default()
        }
        .encode_to_vec()
    };
    input(datastream::METHOD, rows.into_iter().map(frame).collect())
}

/// What every page must be, whatever it tells.
fn check(input: &ReportInput) -> String {
    let page = render(input);
    assert_eq!(
        page.matches("<script").count(),
        2,
        "the page's own scripts and no other"
    );
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(
        !page.contains("<img src=x") && !page.contains("<b>\""),
        "nothing of the capture is markup"
    );
    assert!(!page.contains(['\u{0}', '\u{202e}']));
    for outside in ["http://", "https://", "src=\"/", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} leads out of the page");
    }
    let data = page
        .split("id=\"data\">")
        .nth(1)
        .and_then(|rest| rest.split("</script>").next())
        .unwrap();
    serde_json::from_str::<serde_json::Value>(data).unwrap();
    let text = markdown::render(input);
    assert!(text.contains("Reproduce"));
    let mut inside = false;
    for line in text.lines() {
        // Longer than any row of backticks in the text.
        inside ^= line.starts_with("```````") || line.starts_with("```sh") || line == "```";
        assert!(inside || !line.starts_with("# x"), "{line:?} is markup: {text}");
    }
    assert!(!inside, "{text}");
    page
}

#[test]
fn hostile_names_stay_text() {
    let input = frames(vec![row(1_000_000, &[(1, &[-1.0, -2.0])])]);
    let page = check(&input);
    assert_eq!(page, render(&input), "the same input gives the same page");
    assert!(page.contains("&lt;script&gt;alert(1)"));
    // Neither in an element nor in an attribute is anything of it markup, and its control characters are seen.
    for piece in HOSTILE.split_whitespace().filter(|piece| piece.contains(['<', '"'])) {
        assert!(!page.contains(piece), "{piece}");
    }
    assert!(page.contains("\\u{202e}\\u{0}\n# x"));
}

#[test]
fn captures_without_a_picture_still_give_a_report() {
    for (method, messages) in [
        (datastream::METHOD, vec![]),
        (datastream::METHOD, vec![vec![0xff, 0xff], b"no frame".to_vec()]),
        (datastream::METHOD, vec![Vec::new()]),
        ("/any.Service/Method", vec![b"anything".to_vec()]),
    ] {
        let input = input(method, messages);
        assert!(input.validation.fails());
        let page = check(&input);
        assert!(page.contains("no spectrum to draw"), "{method}");
        assert!(page.contains("id=\"timeline\""));
    }
}

#[test]
fn odd_frames_are_drawn_as_far_as_they_go() {
    let odd: [&[f32]; 6] = [
        &[f32::NAN; 4],
        &[f32::INFINITY; 4],
        &[f32::NEG_INFINITY; 4],
        &[],
        &[0.0],
        &[f32::MAX, f32::MIN],
    ];
    check(&frames(vec![row(0, &[(0, odd[0]), (1, odd[1])])]));
    check(&frames(vec![row(0, &[(0, odd[3])])]));
    let all: Vec<_> = (-3..3).zip(odd).collect();
    check(&frames((0..9).map(|at| row(at * 100, &all)).collect()));
    let times = [0, i64::MAX - 100, i64::MIN, 5, 5];
    check(&frames(times.map(|at| row(at, &[(1, &[1.0, 2.0])])).to_vec()));
}

#[test]
fn dead_and_stuck_sensors_are_told_and_gaps_stay_gaps() {
    let rows = (0..40_i64).filter(|at| !(10..20).contains(at));
    let rows = rows.map(|at| {
        let lively = [-100.0 - at as f32, -90.0];
        row(
            1_000_000 + at * 100,
            &[(1, &lively), (2, &[f32::NEG_INFINITY; 2]), (3, &[-5.0, -6.0])],
        )
    });
    let input = frames(rows.collect());
    let pictures = &input.pictures;
    let states: Vec<_> = pictures.plan.sensors.iter().map(|sensor| sensor.state).collect();
    assert_eq!(states, [SensorState::Alive, SensorState::Dead, SensorState::Stuck]);
    assert_eq!(pictures.slots.count, 40);
    for slot in 0..40 {
        let gap = (10..20).contains(&slot);
        assert_eq!(pictures.waterfall.get(slot, 0) == Cell::Gap, gap, "slot {slot}");
        assert_eq!(pictures.waterfall.get(slot, 1) == Cell::Dead, !gap, "slot {slot}");
    }
    let page = check(&input);
    assert!(page.contains("Sensor 2 is dead.") && page.contains("Sensor 3 is stuck."));
}

#[test]
fn many_sensors_share_lines_and_the_page_stays_small() {
    let spectra: Vec<Vec<f32>> = (0..2000)
        .map(|id| (0..40).map(|bin| (id * bin % 17) as f32).collect())
        .collect();
    let rows = (0..12).map(|at| {
        let sensors: Vec<_> = spectra
            .iter()
            .enumerate()
            .map(|(id, values)| (id as i32, values.as_slice()))
            .collect();
        row(at * 100, &sensors)
    });
    let input = frames(rows.collect());
    assert_eq!((input.pictures.columns.each, input.pictures.columns.count), (4, 500));
    assert_eq!(input.pictures.sensors(499), Some((1996, 1999)));
    let page = check(&input);
    assert!(page.len() < 2_500_000, "{}", page.len());
}

#[test]
fn a_finding_leads_to_its_place_in_the_pictures() {
    let quiet = [-100.0, -90.0, -95.0];
    let rows = (0..50_i64).map(|at| {
        let values = if at == 30 {
            [-100.0, f32::NAN, -95.0]
        } else {
            quiet.map(|db| db - at as f32)
        };
        row(
            1_000_000 + at * 100,
            &[(4, &values), (5, &quiet.map(|db| db + (at % 7) as f32))],
        )
    });
    let input = frames(rows.collect());
    let at = input
        .validation
        .findings
        .iter()
        .position(|finding| finding.rule == "nan")
        .unwrap();
    assert_eq!(input.place_us(at).0, Some(3_000_000));
    let page = check(&input);
    assert!(
        page.contains("<a href=\"#t=3.000000&amp;s=4\">"),
        "the link names time and sensor"
    );
}
