//! `capture snapshot` as a process: golden files without Rust.

use crate::support::{Dir, Run, run, shipped};

fn prints(run: &Run, parts: &[&str]) {
    for part in parts {
        assert!(run.text().contains(part), "{part:?} is missing in {}", run.text());
    }
}

#[test]
fn a_golden_is_written_checked_and_found_different() {
    let dir = Dir::new();
    let goldens = dir.file("goldens");
    let captures = [shipped("zero-ids.gcap"), shipped("febus-jitter.gcap")];
    let call = |more: &[&str]| run(&[&["snapshot", &captures[0], &captures[1], "--check", &goldens], more].concat());
    prints(&call(&[]).expect(1), &["there is no golden", "--update"]);
    prints(&call(&["--update"]).expect(0), &["zero-ids.golden.txt: new"]);
    prints(&call(&["--update"]).expect(0), &["zero-ids.golden.txt: unchanged"]);
    prints(&call(&[]).expect(0), &["2 of 2 equal their golden files"]);

    let golden = format!("{goldens}/zero-ids.golden.txt");
    let text = std::fs::read_to_string(&golden).unwrap();
    let mean = text
        .lines()
        .find(|line| line.trim_start().starts_with("mean"))
        .unwrap()
        .to_owned();
    let number: f64 = mean.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    let changed = text.replace(&format!("{number}"), &format!("{}", number * 1.001));
    assert_ne!(changed, text);
    std::fs::write(&golden, &changed).unwrap();
    prints(
        &call(&[]).expect(1),
        &["zero-ids.golden.txt", "1 of 2 equal their golden files, 1 differ"],
    );
    call(&["--rel", "0.01"]).expect(0);
    let coloured = call(&["--color", "always"]).expect(1);
    assert!(coloured.text().contains('\u{1b}'));
    assert!(!call(&["--color", "never"]).expect(1).text().contains('\u{1b}'));
    assert_eq!(
        std::fs::read_to_string(&golden).unwrap(),
        changed,
        "a check never writes"
    );
    prints(&call(&["--update"]).expect(0), &["zero-ids.golden.txt: updated"]);
    call(&[]).expect(0);
}

#[test]
fn a_golden_of_a_live_stream_that_differs_by_its_digest_says_how_to_compare_it() {
    let dir = Dir::new();
    let (goldens, live) = (dir.file("goldens"), dir.file("febus-jitter.gcap"));
    let original = shipped("febus-jitter.gcap");
    run(&["snapshot", &original, "--check", &goldens, "--update"]).expect(0);
    // The same values an hour later: other bytes, as in the next recording of a live stream.
    let serve = crate::support::Serve::start(&[&original, "--rate", "max", "--restamp"]);
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "febus-jitter"];
    run(&[&["record", "-o", &live], &target[..]].concat()).expect(0);
    let check = |more: &[&str]| run(&[&["snapshot", &live, "--check", &goldens], more].concat());
    let differs = check(&[]).expect(1);
    prints(&differs, &["only the digest of the messages differs", "--rel 0 "]);
    check(&["--rel", "0"]).expect(0);
    check(&["--abs", "0"]).expect(0);

    // A number that is a little off is told, and with which tolerance it agrees.
    let golden = format!("{goldens}/febus-jitter.golden.txt");
    let text = std::fs::read_to_string(&golden).unwrap();
    let line = text.lines().find(|line| line.starts_with("mean")).unwrap().to_owned();
    let mean = line.split_whitespace().nth(1).unwrap();
    let near = format!("{:.4}", mean.parse::<f64>().unwrap() * 1.012);
    std::fs::write(&golden, text.replace(&line, &line.replace(mean, &near))).unwrap();
    let differs = check(&[]).expect(1);
    prints(
        &differs,
        &["measured numbers differ by up to 1.19 %", "--rel 0.02 compares"],
    );
    check(&["--rel", "0.02"]).expect(0);
    check(&["--rel", "0"]).expect(1);
    // What changed in structure gets no such advice.
    std::fs::write(&golden, text.replace("rows", "lines")).unwrap();
    assert!(!check(&[]).expect(1).text().contains("--rel"));
}

#[test]
fn a_golden_without_a_capture_is_named() {
    let dir = Dir::new();
    let goldens = dir.file("goldens");
    run(&[
        "snapshot",
        &shipped("nan.gcap"),
        &shipped("zero-ids.gcap"),
        "--check",
        &goldens,
        "--update",
    ])
    .expect(0);
    run(&["snapshot", &shipped("nan.gcap"), "--check", &goldens])
        .expect(0)
        .says(&["zero-ids.golden.txt", "belongs to no capture"]);
}

#[test]
fn text_is_the_same_for_a_capture_and_for_a_recording_of_its_replay() {
    let dir = Dir::new();
    let out = dir.file("again.gcap");
    let serve = crate::support::Serve::start(&[&shipped("febus-jitter.gcap"), "--rate", "max"]);
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "febus-jitter"];
    run(&[&["record", "-o", &out], &target[..]].concat()).expect(0);
    let (served, recorded) = (
        run(&["snapshot", &shipped("febus-jitter.gcap")]),
        run(&["snapshot", &out]),
    );
    assert_eq!(served.expect(0).text(), recorded.expect(0).text());
}

#[test]
fn an_unfinished_capture_has_no_golden_text() {
    let dir = Dir::new();
    let whole = std::fs::read(shipped("optodas-quake.gcap")).unwrap();
    let cut = dir.write("cut.gcap", &whole[..whole.len() / 2]);
    run(&["snapshot", &cut])
        .expect(4)
        .says(&["unfinished", "capture recover"]);
    run(&["snapshot", &shipped("nan.gcap"), "--update"]).expect(2);
    run(&[
        "snapshot",
        &shipped("nan.gcap"),
        "--check",
        &dir.file("x"),
        "--abs",
        "-1",
    ])
    .expect(2);
}
