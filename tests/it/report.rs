//! `capture report` and `capture export --png` as processes.

use std::fs;

use serde_json::json;

use crate::support::{Dir, run, shipped};

const CAPTURES: [(&str, i32); 9] = [
    ("optodas-quake", 0),
    ("febus-jitter", 0),
    ("zero-ids", 0),
    ("unknown-fields", 0),
    ("production", 0),
    ("format-1.0", 0),
    ("nan", 1),
    ("empty-stream", 1),
    ("trailers-only-error", 1),
];

fn png_size(path: &str) -> (u32, u32) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let reader = decoder.read_info().unwrap();
    reader.info().size()
}

#[test]
fn every_shipped_capture_has_a_report_that_needs_no_other_file() {
    for (name, code) in CAPTURES {
        let dir = Dir::new();
        let page = dir.file("page.html");
        let path = shipped(&format!("{name}.gcap"));
        let code = match name {
            // Judged as `validate` judges it.
            "format-1.0" => run(&["validate", &path]).code.unwrap(),
            _ => code,
        };
        run(&["report", &path, "-o", &page]).expect(code);
        let page = fs::read_to_string(page).unwrap();
        let word = if code == 0 { "PASS" } else { "FAIL" };
        assert!(page.contains(&format!("<strong>{word}</strong>")), "{name}");
        assert!(page.contains(&format!("capture serve {name}.gcap")), "{name}");
        assert!(page.len() < 2_200_000, "{name}: {} bytes", page.len());
        for attribute in ["src=\"http", "href=\"http", "<link rel=\"stylesheet", "<script src"] {
            assert!(!page.contains(attribute), "{name} needs the network: {attribute}");
        }
    }
}

#[test]
fn the_same_capture_gives_the_same_report_wherever_it_lies() {
    let (here, there) = (Dir::new(), Dir::new());
    let copy = there.write("optodas-quake.gcap", fs::read(shipped("optodas-quake.gcap")).unwrap());
    let (a, b) = (here.file("a.html"), there.file("optodas-quake.report.html"));
    run(&["report", &shipped("optodas-quake.gcap"), "-o", &a])
        .expect(0)
        .says(&["PASS"]);
    run(&["report", &copy]).expect(0);
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
}

#[test]
fn a_report_for_a_ticket_is_markdown() {
    let dir = Dir::new();
    let path = dir.file("ticket.md");
    run(&["report", &shipped("nan.gcap"), "-o", &path])
        .expect(1)
        .says(&["FAIL: nan"]);
    let text = fs::read_to_string(&path).unwrap();
    for part in [
        "# FAIL: nan.gcap",
        "| error | nan | 1 |",
        "capture validate nan.gcap",
        "d8ef8072e3f51a42a717165a43bbb447",
    ] {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
    let printed = run(&["report", &shipped("nan.gcap"), "-o", "-", "--format", "markdown"]).expect(1);
    assert_eq!(printed.text(), text);
    run(&["report", &shipped("nan.gcap"), "-o", &path])
        .expect(4)
        .says(&["exists", "--force"]);
    run(&["report", &shipped("nan.gcap"), "-o", &path, "--force", "--allow", "nan"]).expect(0);
}

#[test]
fn a_damaged_capture_is_reported_as_far_as_it_goes() {
    let mut bytes = fs::read(shipped("optodas-quake.gcap")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    let dir = Dir::new();
    let (capture, page) = (dir.write("damaged.gcap", bytes), dir.file("page.html"));
    run(&["report", &capture, "-o", &page]).expect(4).says(&["checksum"]);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("The capture is damaged") && page.contains("id=\"waterfall\""));
}

#[test]
fn pictures_have_the_size_that_was_asked_for() {
    let dir = Dir::new();
    let quake = shipped("optodas-quake.gcap");
    for what in ["waterfall", "spectrogram", "timeline", "histogram"] {
        let path = dir.file(&format!("{what}.png"));
        run(&[
            "export", &quake, "--png", &path, "--what", what, "--width", "500", "--height", "300",
        ])
        .expect(0);
        assert_eq!(png_size(&path), (500, 300), "{what}");
    }
    let path = dir.file("sensor.png");
    run(&[
        "export",
        &quake,
        "--png",
        &path,
        "--what",
        "spectrogram",
        "--sensor",
        "34050",
    ])
    .expect(0);
    assert_eq!(png_size(&path), (1200, 640));
    run(&["export", &quake, "--png", &path]).expect(4).says(&["exists"]);
    run(&[
        "export",
        &quake,
        "--png",
        &dir.file("x.png"),
        "--what",
        "spectrogram",
        "--sensor",
        "1",
    ])
    .expect(4)
    .says(&["no sensor 1", "32500 to 35000"]);
    run(&["export", &quake, "--png", &dir.file("y.png"), "--sensor", "34050"]).expect(2);
    run(&["export", &quake]).expect(2);
    run(&["export", &quake, "--png", &quake, "--force"]).expect(2);
    let empty = dir.file("empty.png");
    run(&["export", &shipped("empty-stream.gcap"), "--png", &empty])
        .expect(1)
        .says(&["no spectrum"]);
    assert_eq!(png_size(&empty), (1200, 640));
}

#[test]
fn an_earthquake_is_seen_where_it_was() {
    use grpc_capture::{
        file::Reader,
        report::{Cell, CollectOptions, collect},
    };
    let mut reader = Reader::open(shipped("optodas-quake.gcap")).unwrap();
    let input = collect(&mut reader, "quake", &CollectOptions::default()).unwrap();
    let pictures = &input.pictures;
    assert_eq!(
        (pictures.slots.count, pictures.slots.length_us, pictures.columns.count),
        (190, 50_000, 51)
    );
    // The mean level before the P wave, between P and S, and after the S wave (rows of 50 ms).
    let mean = |slots: std::ops::Range<usize>| {
        let cells = slots.flat_map(|slot| (0..51).map(move |column| (slot, column)));
        let values: Vec<_> = cells
            .filter_map(|(slot, column)| match pictures.waterfall.get(slot, column) {
                Cell::Value(value) => Some(value),
                _ => None,
            })
            .collect();
        values.iter().sum::<f32>() / values.len() as f32
    };
    let (before, between, after) = (mean(0..40), mean(70..120), mean(150..190));
    assert!(between - before > 10.0, "P: {before} to {between} dB");
    assert!(after - between > 2.0, "S: {between} to {after} dB");
}

/// What a shell does with the commands of a report, in a folder that holds only what its reader has.
fn obey(dir: &Dir, commands: &str) -> crate::support::Run {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_capture"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", binary.parent().unwrap().display());
    // The program is there already.
    let script = commands.replace("cargo install", ": cargo install");
    let done = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(dir.file(""))
        .env("PATH", path)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    crate::support::Run::new(done.status, done.stdout, stderr)
}

#[test]
fn a_reports_own_commands_say_what_the_report_says() {
    let asked = [
        "--expect-bins",
        "9",
        "--amplitude=-300..300",
        "--allow",
        "nan",
        "--strict",
        "--max-gap",
        "50ms",
    ];
    let there = Dir::new();
    let page = there.file("page.md");
    let nan = shipped("nan.gcap");
    run(&[&["report", &nan, "-o", &page][..], &asked].concat()).expect(1);
    let text = fs::read_to_string(&page).unwrap();
    let told = run(&[&["validate", &nan, "--format", "json"][..], &asked].concat())
        .expect(1)
        .json();
    let again = text.split_once("## Reproduce").unwrap().1;
    let commands = again.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    assert!(commands.contains("cargo install grpc-capture@"), "{commands}");
    let here = Dir::new();
    here.write("nan.gcap", fs::read(shipped("nan.gcap")).unwrap());
    let (before, _) = commands.split_once("capture serve").unwrap();
    let done = obey(
        &here,
        &before.replace("capture validate", "capture validate --format json"),
    );
    let repeated = done.expect(1).json();
    // What was a flag comes as a file, and the messages say so.
    let judged = |report: &serde_json::Value| {
        let findings = report["findings"].as_array().unwrap().iter();
        let findings =
            findings.map(|finding| json!([finding["rule"], finding["severity"], finding["count"], finding["first"]]));
        json!([report["verdict"], report["fails_from"], findings.collect::<Vec<_>>()])
    };
    assert_eq!(judged(&repeated), judged(&told));
    assert!(told["findings"].as_array().unwrap().len() > 1, "{told}");
}

#[test]
fn a_bundles_own_command_says_what_its_validation_says() {
    let dir = Dir::new();
    let (zip, out) = (dir.file("b.zip"), dir.file("out"));
    let asked = ["--expect-bins", "9", "--element", "f32", "--strict"];
    run(&[&["bundle", &shipped("production.gcap"), "-o", &zip][..], &asked].concat()).expect(0);
    run(&["bundle", "--open", &zip, "-o", &out]).expect(0);
    let folder = std::path::Path::new(&out);
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(readme.contains("`cargo install grpc-capture@"), "{readme}");
    let command = readme.lines().find_map(|line| line.strip_prefix("$ capture validate "));
    let here = Dir::new();
    for name in ["capture.gcap", "expectations.toml"] {
        here.write(name, fs::read(folder.join(name)).unwrap());
    }
    let done = obey(&here, &format!("capture validate --format json {}", command.unwrap()));
    let told: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("validation.json")).unwrap()).unwrap();
    assert_eq!(done.expect(1).json(), told);
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains(&format!("$ capture validate {}", command.unwrap())));
}
