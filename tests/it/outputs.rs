//! Output files of commands: a file is complete when it has its name, even after failures. An existing file stays until
//! then. Only the owner can read files with recorded content.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Output},
};

use crate::{
    incomplete::{Kind, capture},
    support::{Dir, Run, command, delimited, frames, run},
};

/// A command that makes a file.
struct Row {
    /// `IN` is a capture, `FRAMES` length-delimited messages, `OUT` the file.
    args: &'static [&'static str],
    /// It may be read by others: there is no recorded content in it.
    shared: bool,
    /// An old file is replaced without `--force`.
    replaces: bool,
}

impl Row {
    /// The exit code for a whole capture: the messages alone do not tell all of it.
    fn whole_code(&self) -> i32 {
        if self.args.contains(&"--frames") { 3 } else { 0 }
    }
}

const fn private(args: &'static [&'static str]) -> Row {
    Row {
        args,
        shared: false,
        replaces: false,
    }
}

const ROWS: &[Row] = &[
    private(&["redact", "IN", "-o", "OUT"]),
    private(&["note", "IN", "a remark", "-o", "OUT"]),
    private(&["slice", "IN", "-o", "OUT"]),
    private(&["merge", "IN", "IN", "-o", "OUT"]),
    private(&["recover", "IN", "-o", "OUT"]),
    private(&["import", "FRAMES", "-o", "OUT"]),
    private(&["bundle", "IN", "-o", "OUT"]),
    private(&["cat", "IN", "-o", "OUT"]),
    private(&["report", "IN", "-o", "OUT"]),
    private(&["diff", "IN", "IN", "--html", "OUT"]),
    private(&["export", "IN", "--jsonl", "OUT"]),
    private(&["export", "IN", "--frames", "OUT"]),
    private(&["export", "IN", "--npy", "OUT"]),
    private(&["export", "IN", "--parquet", "OUT"]),
    private(&["export", "IN", "--mcap", "OUT"]),
    private(&["export", "IN", "--binlog", "OUT"]),
    private(&["export", "IN", "--png", "OUT"]),
    Row {
        args: &["stats", "IN", "--save-baseline", "OUT"],
        shared: true,
        replaces: false,
    },
    Row {
        args: &["validate", "IN", "--junit", "OUT"],
        shared: true,
        replaces: true,
    },
];

/// The folder, the inputs, and the file that is made.
struct Bench {
    dir: Dir,
    input: String,
    frames: String,
    out: String,
}

impl Bench {
    fn new(kind: Kind) -> Self {
        let dir = Dir::new();
        let (input, frames) = (capture(&dir, kind), dir.write("in.bin", delimited(&frames(3, 8))));
        let out = dir.file("out");
        Self {
            dir,
            input,
            frames,
            out,
        }
    }

    fn args(&self, row: &Row, force: bool) -> Vec<String> {
        let place = |arg: &&str| match *arg {
            "IN" => self.input.clone(),
            "FRAMES" => self.frames.clone(),
            "OUT" => self.out.clone(),
            other => other.to_owned(),
        };
        let force = (force && !row.replaces).then(|| "--force".to_owned());
        row.args.iter().map(place).chain(force).collect()
    }

    fn run(&self, row: &Row, force: bool) -> Run {
        let args = self.args(row, force);
        run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs it where a file may hold so many blocks, and a write beyond them fails.
    fn run_limited(&self, row: &Row, force: bool, blocks: u32) -> Output {
        let args = self.args(row, force);
        let program = command(&[]);
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut limited = Command::new("sh");
        limited.args(["-c", &script]).arg(program.get_program()).args(args);
        limited.output().unwrap()
    }

    /// What is in the folder beside the inputs.
    fn made(&self) -> Vec<String> {
        let is_input = |name: &String| self.input.ends_with(name.as_str()) || self.frames.ends_with(name.as_str());
        self.dir.names().into_iter().filter(|name| !is_input(name)).collect()
    }
}

#[test]
fn a_disk_that_takes_nothing_leaves_nothing_and_what_stood_there_stays() {
    let bench = Bench::new(Kind::Whole);
    for row in ROWS {
        // Nothing at all, and the beginning of what is large.
        for blocks in [0, 1] {
            let ran = bench.run_limited(row, false, blocks);
            let said = String::from_utf8_lossy(&ran.stderr);
            if blocks > 0 && ran.status.success() {
                fs::remove_file(&bench.out).unwrap();
                continue;
            }
            assert_eq!(ran.status.code(), Some(4), "{:?}: {said}", row.args);
            assert!(
                said.contains("too large") && said.contains("ulimit -f"),
                "{:?}: {said}",
                row.args
            );
            assert_eq!(bench.made(), [""; 0], "{:?}", row.args);
        }
        fs::write(&bench.out, "old").unwrap();
        let ran = bench.run_limited(row, true, 0);
        assert_eq!(ran.status.code(), Some(4), "{:?}", row.args);
        assert_eq!(bench.made(), ["out"], "{:?}", row.args);
        assert_eq!(fs::read(&bench.out).unwrap(), b"old", "{:?}", row.args);
        fs::remove_file(&bench.out).unwrap();
    }
}

#[test]
fn an_input_that_cannot_be_read_to_its_end_costs_no_old_file() {
    let bench = Bench::new(Kind::Damaged);
    // A recovery saves what is there, frames are whole; pages and test reports tell of the damage.
    let reads =
        |row: &&Row| !matches!(row.args[0], "recover" | "import" | "report" | "validate") && row.args[2] != "--png";
    for row in ROWS.iter().filter(reads) {
        fs::write(&bench.out, "old").unwrap();
        bench.run(row, true).expect(4);
        assert_eq!(bench.made(), ["out"], "{:?}", row.args);
        assert_eq!(fs::read(&bench.out).unwrap(), b"old", "{:?}", row.args);
    }
}

#[test]
fn an_existing_file_is_replaced_only_by_force_and_a_link_is_not_followed() {
    let bench = Bench::new(Kind::Whole);
    let victim = bench.dir.write("victim", "not ours");
    for row in ROWS {
        symlink(&victim, &bench.out).unwrap();
        if row.args[0] == "validate" {
            bench.run(row, true).expect(4).says(&["not a JUnit report"]);
            assert_eq!(fs::read(&victim).unwrap(), b"not ours", "{:?}", row.args);
            fs::remove_file(&bench.out).unwrap();
            continue;
        }
        if !row.replaces {
            bench.run(row, false).expect(4).says(&["exists", "--force"]);
        }
        bench.run(row, true).expect(row.whole_code());
        assert_eq!(fs::read(&victim).unwrap(), b"not ours", "{:?}", row.args);
        let made = fs::symlink_metadata(&bench.out).unwrap();
        assert!(made.is_file() && made.len() > 8, "{:?}", row.args);
        fs::remove_file(&bench.out).unwrap();
        assert_eq!(bench.made(), ["victim"], "{:?}", row.args);
    }
}

#[test]
fn what_holds_recorded_content_is_its_owners_alone() {
    let bench = Bench::new(Kind::Whole);
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let ordinary = mode(&bench.dir.write("ordinary", ""));
    for row in ROWS {
        bench.run(row, false).expect(row.whole_code());
        let expected = if row.shared { ordinary } else { 0o600 };
        assert_eq!(mode(&bench.out), expected, "{:?}", row.args);
        fs::remove_file(&bench.out).unwrap();
    }
    let (archive, folder) = (bench.dir.file("b.zip"), bench.dir.file("b"));
    run(&["bundle", &bench.input, "-o", &archive]).expect(0);
    run(&["bundle", "--open", &archive, "-o", &folder]).expect(0);
    assert_eq!(mode(&format!("{folder}/capture.gcap")), 0o600);
}

#[test]
fn goldens_are_written_all_or_none_when_a_capture_cannot_be_read() {
    let bench = Bench::new(Kind::Whole);
    let (torn, goldens) = (capture(&bench.dir, Kind::Torn), bench.dir.file("goldens"));
    fs::create_dir(&goldens).unwrap();
    let args = ["snapshot", &bench.input, &torn, "--check", &goldens, "--update"];
    run(&args).expect(4).says(&["unfinished"]);
    assert_eq!(fs::read_dir(&goldens).unwrap().count(), 0);
    run(&["snapshot", &bench.input, "--check", &goldens, "--update"]).expect(0);
    assert_eq!(fs::read_dir(&goldens).unwrap().count(), 1);
}

#[test]
fn a_bundle_that_cannot_be_unpacked_leaves_no_folder() {
    let bench = Bench::new(Kind::Whole);
    let (archive, folder) = (bench.dir.file("b.zip"), bench.dir.file("b"));
    run(&["bundle", &bench.input, "-o", &archive]).expect(0);
    let unpack = Row {
        args: &["bundle", "--open", "FRAMES", "-o", "OUT"],
        shared: false,
        replaces: true,
    };
    let bench = Bench {
        frames: archive.clone(),
        out: folder.clone(),
        ..bench
    };
    let ran = bench.run_limited(&unpack, false, 1);
    assert_eq!(ran.status.code(), Some(4), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(!fs::exists(&folder).unwrap());
    fs::create_dir(&folder).unwrap();
    bench.run_limited(&unpack, false, 1);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    run(&["bundle", "--open", &archive, "-o", &folder]).expect(0);
    let names = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = names.collect();
    assert!(
        names.len() > 5 && names.iter().all(|name| !name.starts_with('.')),
        "{names:?}"
    );
}

#[test]
fn a_test_report_can_go_to_stdout() {
    let bench = Bench::new(Kind::Whole);
    let ran = run(&["validate", &bench.input, "--junit", "-"]).expect(0);
    assert!(ran.text().contains("<testsuites"), "{}", ran.text());
    assert_eq!(bench.made(), [""; 0]);
}
