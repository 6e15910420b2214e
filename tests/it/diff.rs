//! `capture diff`: nothing after record → serve → record, and each change for what it is.

use crate::{
    captures,
    support::{Dir, Serve, run, shipped},
};

/// Records what a capture is served as.
fn record(dir: &Dir, source: &str, job_id: &str, name: &str) -> String {
    let recorded = dir.file(name);
    let serve = Serve::start(&[source, "--rate", "max"]);
    run(&[
        "record",
        "-o",
        &recorded,
        "--target",
        serve.grpc(),
        "--plaintext",
        "--job-id",
        job_id,
    ])
    .expect(0);
    recorded
}

#[test]
fn a_recording_that_is_served_and_recorded_again_is_the_same() {
    for job_id in ["optodas-quake", "febus-jitter"] {
        let dir = Dir::new();
        let first = record(&dir, &shipped(&format!("{job_id}.gcap")), job_id, "first.gcap");
        let second = record(&dir, &first, job_id, "second.gcap");
        let diff = run(&["diff", &first, &second, "--format", "json"]).expect(0).json();
        assert_eq!(diff["differs"], false, "{diff}");
        assert!(diff["totals"]["rows"].as_u64().unwrap() >= 50);
        run(&["diff", &shipped(&format!("{job_id}.gcap")), &second]).expect(0);
    }
}

#[test]
fn every_capture_is_the_same_as_itself_and_none_as_another() {
    let all = captures::all();
    for name in &all {
        let same = run(&["diff", &shipped(name), &shipped(name)]).expect(0);
        assert!(same.text().starts_with("SAME"), "{name}: {}", same.text());
        let other = if name == "zero-ids.gcap" {
            "nan.gcap"
        } else {
            "zero-ids.gcap"
        };
        let differs = run(&["diff", &shipped(name), &shipped(other)]).expect(1);
        assert!(differs.text().contains("DIFFERENT"), "{name}");
    }
}

#[test]
fn a_slice_lacks_rows_and_the_page_shows_where() {
    let dir = Dir::new();
    let (quake, slice, page) = (
        shipped("optodas-quake.gcap"),
        dir.file("slice.gcap"),
        dir.file("diff.html"),
    );
    run(&["slice", &quake, "-o", &slice, "--frames", "0..40"]).expect(0);
    let diff = run(&["diff", &quake, &slice, "--html", &page]).expect(1);
    assert!(diff.text().contains("missing row at message 41"), "{}", diff.text());
    assert!(diff.text().contains("changed ending"), "{}", diff.text());
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("The captures differ") && html.contains("data:image/png;base64,"));
    assert!(
        !html.contains("<script") && !html.contains("http"),
        "it needs no network"
    );
    run(&["diff", &quake, &slice, "--html", &page])
        .expect(4)
        .says(&["--force"]);
    run(&["diff", &quake, &dir.file("nowhere.gcap")]).expect(4);
    run(&["diff", &quake, &slice, "--abs", "-1"]).expect(2);
}
