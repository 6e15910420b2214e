//! The process and its environment: an output that nobody reads, a full disk, and limits of the system.

use std::{fs::OpenOptions, process::Stdio};

use crate::support::{Dir, Run, Running, command, delimited, frames, raw_job::RawJob, run, shell, shipped};

/// Arguments of every command that prints results; `OUT` is a new file each time.
const COMMANDS: &[&[&str]] = &[
    &["info", "A"],
    &["info", "A", "--format", "json"],
    &["info", "TORN"],
    &["cat", "A"],
    &["cat", "A", "--raw"],
    &["cat", "A", "--format", "json"],
    &["verify", "A", "B"],
    &["verify", "TORN"],
    &["validate", "A", "B"],
    &["validate", "BAD", "--format", "json"],
    &["validate", "A", "--init"],
    &["stats", "A"],
    &["stats", "TORN"],
    &["diff", "A", "A"],
    &["diff", "A", "B"],
    &["snapshot", "A"],
    &["snapshot", "B", "--check", "GOLDEN"],
    &["report", "BAD", "-o", "-"],
    &["report", "A", "-o", "-", "--format", "markdown"],
    &["export", "A", "--jsonl", "-"],
    &["recover", "TORN", "-o", "OUT"],
    &["merge", "A", "B", "-o", "OUT"],
    &["slice", "A", "--end-offset", "1s", "-o", "OUT"],
    &["note", "A", "hello", "-o", "OUT"],
    &["redact", "A", "-o", "OUT"],
    &["import", "FRAMES", "-o", "OUT"],
    &["bundle", "A", "-o", "OUT"],
    &["completions", "bash"],
    &["man"],
    &["serve", "--fault", "help"],
    &["record", "--target", "JOB", "--plaintext", "--job-id", "x", "-o", "OUT"],
    &[
        "record",
        "--target",
        "EMPTY",
        "--plaintext",
        "--job-id",
        "x",
        "-o",
        "OUT",
    ],
];

/// The files and servers that the commands speak of.
struct World {
    dir: Dir,
    names: Vec<(&'static str, String)>,
    made: u32,
    _jobs: [RawJob; 2],
}

impl World {
    fn new() -> Self {
        let dir = Dir::new();
        let whole = std::fs::read(shipped("febus-jitter.gcap")).unwrap();
        let torn = dir.write("torn.gcap", &whole[..whole.len() * 2 / 3]);
        let messages = dir.write("frames.bin", delimited(&frames(3, 4)));
        let jobs = [
            RawJob::builder().frames(&frames(3, 4)).start(),
            RawJob::builder().start(),
        ];
        let names = vec![
            ("A", shipped("febus-jitter.gcap")),
            ("B", shipped("nan.gcap")),
            ("BAD", shipped("nan.gcap")),
            ("TORN", torn),
            ("GOLDEN", dir.file("golden")),
            ("FRAMES", messages),
            ("JOB", jobs[0].addr.to_string()),
            ("EMPTY", jobs[1].addr.to_string()),
        ];
        Self {
            dir,
            names,
            made: 0,
            _jobs: jobs,
        }
    }

    fn args(&mut self, args: &[&str]) -> Vec<String> {
        self.made += 1;
        let new = self.dir.file(&format!("out-{}", self.made));
        let name = |arg: &&str| match self.names.iter().find(|(name, _)| name == arg) {
            Some((_, path)) => path.clone(),
            None if *arg == "OUT" => new.clone(),
            None => (*arg).to_owned(),
        };
        args.iter().map(name).collect()
    }

    /// Runs a command whose stdout is this.
    fn run(&mut self, args: &[&str], stdout: impl Into<Stdio>) -> Run {
        let args = self.args(args);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = command(&args).stdout(stdout).output().unwrap();
        Run::new(output.status, output.stdout, String::from_utf8(output.stderr).unwrap())
    }
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn the_exit_code_is_the_verdicts_whether_or_not_somebody_reads_the_results() {
    let mut world = World::new();
    let mut codes = Vec::new();
    for args in COMMANDS {
        let usual = world.run(args, Stdio::piped());
        let unread = world.run(args, closed());
        assert_eq!(unread.code, usual.code, "{args:?}, nobody reads: {}", unread.stderr);
        // A shell's `>&-`.
        let shown = world.args(args);
        let shown: Vec<_> = shown.iter().map(String::as_str).collect();
        let none = shell("exec \"$0\" \"$@\" >&-", &shown).output().unwrap();
        assert_eq!(none.status.code(), usual.code, "{args:?}, no stdout");
        codes.push(usual.code.unwrap());
    }
    // The table is worth something: there are verdicts of every kind.
    assert!([0, 1, 3].iter().all(|code| codes.contains(code)), "{codes:?}");
}

#[test]
fn results_that_could_not_be_written_are_a_failure_that_says_so() {
    let mut world = World::new();
    for args in COMMANDS {
        let usual = world.run(args, Stdio::piped());
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let unwritten = world.run(args, full);
        if usual.stdout.is_empty() {
            assert_eq!(unwritten.code, usual.code, "{args:?}: {}", unwritten.stderr);
        } else {
            unwritten
                .expect(4)
                .says(&["could not write", "No space left on device"]);
        }
    }
}

#[test]
fn talk_that_nobody_hears_changes_nothing() {
    let mut world = World::new();
    for args in COMMANDS {
        let usual = world.run(args, Stdio::piped());
        let args = world.args(args);
        let loud: Vec<_> = ["-vv"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let run = command(&loud).stderr(closed()).output().unwrap();
        assert_eq!(run.status.code(), usual.code, "{loud:?}");
    }
}

#[test]
fn a_limit_for_the_size_of_files_is_an_error_that_names_it() {
    let mut world = World::new();
    let many = world.dir.write("many.bin", delimited(&frames(400, 256)));
    let large = world.dir.file("large.gcap");
    run(&["import", &many, "-o", &large]).expect(0);
    let job = RawJob::builder().frames(&frames(400, 256)).start();
    let addr = job.addr.to_string();
    world.names.extend([("MANY", many), ("LARGE", large), ("BIG", addr)]);
    for args in [
        &["record", "--target", "BIG", "--plaintext", "--job-id", "x", "-o", "OUT"][..],
        &["import", "MANY", "-o", "OUT"],
        &["slice", "LARGE", "--end-offset", "30s", "-o", "OUT"],
        &["redact", "LARGE", "-o", "OUT"],
        &["note", "LARGE", "hello", "-o", "OUT"],
        &["merge", "LARGE", "LARGE", "-o", "OUT"],
        &["recover", "LARGE", "-o", "OUT"],
        &["cat", "LARGE", "--raw", "-o", "OUT"],
        &["export", "LARGE", "--jsonl", "OUT"],
        &["export", "LARGE", "--mcap", "OUT"],
        &["export", "LARGE", "--binlog", "OUT"],
        &["export", "LARGE", "--parquet", "OUT"],
        &["export", "LARGE", "--npy", "OUT"],
        &["report", "LARGE", "-o", "OUT"],
        &["bundle", "LARGE", "-o", "OUT"],
    ] {
        let args = world.args(args);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        // Sixteen blocks of half a kilobyte or more.
        let limited = Running::spawn(shell("ulimit -f 16; exec \"$0\" \"$@\"", &args));
        limited.finish().expect(4).says(&["ulimit -f"]);
    }
}
