//! `capture merge` and `capture note`.

use grpc_capture::model::EventKind;

use crate::support::{Dir, events, received, run, shipped, verify};

#[test]
fn captures_are_joined_on_the_wall_clock_and_their_calls_are_numbered_anew() {
    let dir = Dir::new();
    let (merged, again) = (dir.file("merged.gcap"), dir.file("again.gcap"));
    let (zero, nan) = (shipped("zero-ids.gcap"), shipped("nan.gcap"));
    let report = run(&["merge", &zero, &nan, "-o", &merged, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["messages"], 10);
    assert!(
        report["conflicts"].to_string().contains("job-id is not the same"),
        "{report}"
    );
    assert!(verify(&merged).is_whole());
    let all = events(&merged);
    assert!(all.is_sorted_by_key(|event| event.offset_ns));
    for (number, source) in [(1, &zero), (2, &nan)] {
        let of_call: Vec<_> = all.iter().filter(|event| event.call == number).collect();
        let original: Vec<_> = events(source).into_iter().filter(|event| event.call == 1).collect();
        assert_eq!(of_call.len(), original.len());
        let same = of_call
            .iter()
            .zip(&original)
            .all(|(a, b)| a.seq == b.seq && a.kind == b.kind);
        assert!(same, "call {number}: what happened is what it was");
    }
    let info = run(&["info", &merged]).expect(0);
    assert!(
        info.text().contains("merged.1.job-id") || info.text().contains("merged from"),
        "{}",
        info.text()
    );
    // A slice that begins 2 s later stands 2 s later.
    let quake = shipped("optodas-quake.gcap");
    let slice = dir.file("slice.gcap");
    run(&["slice", &quake, "-o", &slice, "--start-offset", "2s"]).expect(0);
    let report = run(&["merge", &slice, &quake, "-o", &again, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["sources"][0]["begins_ns"], 2_000_000_000_u64);
    assert_eq!(received(&again).len(), received(&quake).len() + received(&slice).len());
    run(&["merge", &quake, "-o", &again]).expect(2);
    run(&["merge", &quake, &again, "-o", &again])
        .expect(2)
        .says(&["both input and output"]);
}

#[test]
fn a_remark_stands_at_its_time_and_nothing_else_changes() {
    let dir = Dir::new();
    let (source, noted) = (shipped("nan.gcap"), dir.file("noted.gcap"));
    let text = "a truck passes";
    let report = run(&[
        "note", &source, text, "--at", "250ms", "--author", "me", "-o", &noted, "--format", "json",
    ]);
    let report = report.expect(0).json();
    assert_ne!(report["digest"], report["digest_before"]);
    assert!(verify(&noted).is_whole());
    let all = events(&noted);
    let at = all
        .iter()
        .position(|event| matches!(&event.kind, EventKind::Note(note) if note.text == text))
        .unwrap();
    assert_eq!(all[at].offset_ns, 250_000_000);
    assert!(all.is_sorted_by_key(|event| event.offset_ns));
    let rest: Vec<_> = all.into_iter().filter(|event| event.call != 0).collect();
    assert_eq!(
        rest,
        events(&source)
            .into_iter()
            .filter(|event| event.call != 0)
            .collect::<Vec<_>>()
    );
    run(&["diff", &source, &noted]).expect(0);
    let other = dir.file("other.gcap");
    run(&["note", &source, text, "--at", "1h", "-o", &other])
        .expect(4)
        .says(&["ends at 0.504 s"]);
    assert!(!std::path::Path::new(&other).exists());
}
