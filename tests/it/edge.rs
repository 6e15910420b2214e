//! No content of a capture can control a terminal, add a line or become markup. The test runs every command on a
//! capture with special characters in every string.

mod pages;
mod planted;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Child, Stdio},
    thread::JoinHandle,
};

use crate::support::{Dir, Run, command, run};
use pages::{clean, html, markdown, xml};
use planted::{NAME, PLANT, Schema};

/// Captures with plants, in files whose names are plants.
struct Ground {
    dir: Dir,
    /// Of a Focus job, two that differ, and one whose schema is planted.
    captures: [String; 3],
}

impl Ground {
    fn new() -> Self {
        let dir = Dir::new();
        let name = |at: usize| dir.file(&format!("{NAME}{at}.gcap"));
        let captures = [name(1), name(2), name(3)];
        planted::write(&captures[0], Schema::Focus, "a");
        planted::write(&captures[1], Schema::Focus, "b");
        planted::write(&captures[2], Schema::Planted, "c");
        Self { dir, captures }
    }

    fn focus(&self) -> &str {
        &self.captures[0]
    }

    fn out(&self, name: &str) -> String {
        self.dir.file(&format!("{NAME}-{name}"))
    }
}

/// Runs a command, which may fail and must be clean.
#[track_caller]
fn ran(args: &[&str]) -> Run {
    let run = run(args);
    judge(args, &run);
    run
}

#[track_caller]
fn judge(args: &[&str], run: &Run) {
    let what = format!("{:?}", &args[..args.len().min(3)]);
    assert!(
        run.code.is_some_and(|code| code != 101),
        "{what}: {:?}: {}",
        run.code,
        run.stderr
    );
    assert!(run.code != Some(2), "{what}: usage: {}", run.stderr);
    clean(&what, &run.stderr);
    clean(&what, run.text());
}

/// Runs it as text and as JSON.
fn both(args: &[&str]) {
    ran(args);
    let json = ran(&[args, &["--format", "json"]].concat());
    json.json_lines();
}

fn info(ground: &Ground) {
    for capture in &ground.captures {
        both(&["info", capture]);
    }
}

fn cat(ground: &Ground) {
    for capture in &ground.captures {
        both(&["cat", capture]);
        let out = ground.out("cat.txt");
        ran(&["cat", capture, "-o", &out, "--force"]);
        clean("cat -o", &fs::read_to_string(out).unwrap());
    }
    let raw = run(&["cat", ground.focus(), "--raw"]).expect(0).stdout;
    assert!(
        raw.windows(PLANT.len()).any(|part| part == PLANT.as_bytes()),
        "raw messages stay byte for byte"
    );
}

fn verify(ground: &Ground) {
    let torn = torn(ground);
    both(&["verify", ground.focus(), &torn, &ground.out("missing")]);
}

/// A capture without its end and with damage in it.
fn torn(ground: &Ground) -> String {
    let mut bytes = fs::read(ground.focus()).unwrap();
    bytes.truncate(bytes.len() - 300);
    let path = ground.out("torn.gcap");
    fs::write(&path, bytes).unwrap();
    path
}

fn recover(ground: &Ground) {
    let torn = torn(ground);
    let out = ground.out("recovered.gcap");
    both(&["recover", &torn, "-o", &out, "--force"]);
    ran(&["cat", &out]);
}

fn validate(ground: &Ground) {
    for capture in &ground.captures {
        both(&["validate", capture, "--strict"]);
        let junit = ground.out("junit.xml");
        ran(&["validate", capture, "--junit", &junit]);
        xml(&fs::read_to_string(junit).unwrap());
        ran(&["validate", capture, "--init"]);
        let expect = ground.dir.write("expect.toml", format!("x = \"{NAME}\"\n"));
        clean("expect", &run(&["validate", capture, "--expect", &expect]).stderr);
    }
}

fn stats(ground: &Ground) {
    for capture in &ground.captures {
        both(&["stats", capture]);
    }
    ran(&["stats", ground.focus(), "--save-baseline", &ground.out("baseline")]);
    ran(&["validate", ground.focus(), "--baseline", &ground.out("baseline")]);
}

fn snapshot(ground: &Ground) {
    let goldens = ground.out("goldens");
    for capture in &ground.captures {
        ran(&["snapshot", capture]);
    }
    ran(&["snapshot", ground.focus(), "--check", &goldens]);
    ran(&["snapshot", ground.focus(), "--check", &goldens, "--update"]);
    for golden in fs::read_dir(&goldens).unwrap() {
        let path = golden.unwrap().path();
        clean("golden", &fs::read_to_string(&path).unwrap());
        fs::write(path, format!("{PLANT}\n")).unwrap();
    }
    ran(&["snapshot", ground.focus(), "--check", &goldens]);
    // Our own colours are there, and nothing else.
    let coloured = run(&["snapshot", ground.focus(), "--check", &goldens, "--color", "always"]);
    assert!(coloured.text().contains("\u{1b}[32m"));
    let mut plain = coloured.text().to_owned();
    for colour in ["31", "32", "36", "0"] {
        plain = plain.replace(&format!("\u{1b}[{colour}m"), "");
    }
    clean("colours", &plain);
}

fn diff(ground: &Ground) {
    let [a, b, c] = &ground.captures;
    for (a, b) in [(a, b), (a, c)] {
        both(&["diff", a, b, "--all-metadata"]);
        let page = ground.out("diff.html");
        ran(&["diff", a, b, "--html", &page, "--force"]);
        html("diff", &fs::read_to_string(page).unwrap());
    }
}

fn drift(ground: &Ground) {
    let [a, b, c] = &ground.captures;
    for (a, b) in [(a, b), (b, a), (a, c)] {
        both(&["drift", a, "--against", b]);
    }
}

fn merge(ground: &Ground) {
    let [a, b, c] = &ground.captures;
    let out = ground.out("merged.gcap");
    both(&["merge", a, b, c, "-o", &out, "--force"]);
    ran(&["info", &out]);
}

fn note(ground: &Ground) {
    let out = ground.out("noted.gcap");
    both(&["note", ground.focus(), PLANT, "--author", PLANT, "-o", &out, "--force"]);
    ran(&["cat", &out]);
}

fn slice(ground: &Ground) {
    let out = ground.out("slice.gcap");
    both(&["slice", ground.focus(), "--end-offset", "10ms", "-o", &out, "--force"]);
    ran(&["info", &out]);
}

fn redact(ground: &Ground) {
    let out = ground.out("redacted.gcap");
    for capture in &ground.captures {
        both(&["redact", capture, "-o", &out, "--force", "--status", "mask"]);
        ran(&["redact", capture, "--dry-run"]);
    }
}

fn report(ground: &Ground) {
    for capture in &ground.captures {
        let page = ground.out("report.html");
        ran(&["report", capture, "-o", &page, "--force"]);
        html("report", &fs::read_to_string(page).unwrap());
        let page = ground.out("report.md");
        ran(&["report", capture, "-o", &page, "--force"]);
        markdown("report.md", &fs::read_to_string(page).unwrap());
    }
}

fn bundle(ground: &Ground) {
    for (at, capture) in ground.captures.iter().enumerate() {
        let (zip, xray, folder) = (
            ground.out("b.zip"),
            ground.out("x.json"),
            ground.out(&format!("open{at}")),
        );
        both(&["bundle", capture, "-o", &zip, "--force"]);
        ran(&[
            "bundle",
            capture,
            "-o",
            &zip,
            "--force",
            "--xray",
            &xray,
            "--xray-test",
            "A-1",
        ]);
        ran(&["bundle", "--open", &zip, "-o", &folder]);
        let member = |name: &str| fs::read_to_string(format!("{folder}/{name}")).unwrap();
        markdown("summary.md", &member("summary.md"));
        markdown("README.md", &member("README.md"));
        html("report.html", &member("report.html"));
        xml(&member("junit.xml"));
    }
    let odd = ground.dir.write("odd.zip", odd_zip());
    let open = run(&["bundle", "--open", &odd, "-o", &ground.out("odd")]).expect(4);
    clean("a bundle of somebody else", &open.stderr);
}

/// An archive whose one member is named by a plant.
fn odd_zip() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for name in [NAME, "MANIFEST.json"] {
        zip.start_file(name, options).unwrap();
        let manifest = serde_json::json!({"bundle": 1, "members": [{"name": NAME, "size": 1, "sha256": PLANT}]});
        zip.write_all(manifest.to_string().as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const EXPORTS: [&str; 7] = ["png", "frames", "jsonl", "npy", "parquet", "mcap", "binlog"];

fn export(ground: &Ground) {
    for capture in &ground.captures {
        for form in EXPORTS {
            ran(&["export", capture, &format!("--{form}"), &ground.out(form), "--force"]);
        }
    }
}

fn import(ground: &Ground) {
    for form in ["frames", "mcap", "binlog"] {
        let made = ground.out(form);
        run(&["export", ground.focus(), &format!("--{form}"), &made, "--force"]);
        let out = ground.out("imported.gcap");
        both(&["import", &made, "-o", &out, "--force"]);
        ran(&["info", &out]);
    }
    let odd = ground.dir.write("odd.bin", PLANT);
    run(&["import", &odd, "-o", &ground.out("odd.gcap")]);
}

/// A command that goes on until it is stopped.
struct Server {
    child: Child,
    ready: String,
    stderr: Option<JoinHandle<String>>,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut child = command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            String::from_utf8(text).unwrap()
        });
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut ready).unwrap();
        clean("ready", &ready);
        Self {
            child,
            ready,
            stderr: Some(stderr),
        }
    }

    fn addr(&self) -> String {
        let ready: serde_json::Value = serde_json::from_str(&self.ready).unwrap();
        ready["grpc"].as_str().unwrap().to_owned()
    }

    /// Stops it, and looks at all that it said.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap();
        clean("server", &self.stderr.take().unwrap().join().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }
}

fn serve(ground: &Ground) {
    for capture in &ground.captures {
        let server = Server::start(&["serve", capture, "--rate", "max"]);
        both(&["replay", capture, "-t", &server.addr(), "--plaintext"]);
        server.stop();
    }
}

fn replay(ground: &Ground) {
    let [a, b, _] = &ground.captures;
    let server = Server::start(&["serve", a, "--rate", "max"]);
    let addr = server.addr();
    both(&["replay", b, "-t", &addr, "--plaintext", "--metadata", "x-plain"]);
    server.stop();
    ran(&["replay", a, "-t", &addr, "--plaintext", "--connect-timeout", "100ms"]);
}

fn record(ground: &Ground) {
    let server = Server::start(&["serve", ground.focus(), "--rate", "max"]);
    let (addr, out) = (server.addr(), ground.out("recorded.gcap"));
    let job = ["--job-id", PLANT, "--plaintext", "--connect-timeout", "5s"];
    for format in ["text", "json"] {
        let args = [
            "record",
            "--target",
            &addr,
            "-o",
            &out,
            "--force",
            "--format",
            format,
            "-v",
            "--validate",
        ];
        ran(&[&args[..], &job].concat());
    }
    server.stop();
    let rest = rest_stub();
    let spec = ground.dir.write("job.json", "{}");
    run(&[
        "record",
        "--server",
        &rest,
        "--job",
        &spec,
        "-o",
        &ground.out("none.gcap"),
    ]);
    let refused = run(&[
        "record",
        "--server",
        &rest,
        "--job",
        &spec,
        "-o",
        &ground.out("none.gcap"),
        "--no-health-check",
    ]);
    clean("refused", &refused.stderr);
}

fn proxy(ground: &Ground) {
    let server = Server::start(&["serve", ground.focus(), "--rate", "max"]);
    let (addr, out) = (server.addr(), ground.out("proxied.gcap"));
    let stand = [
        "proxy",
        "-l",
        "127.0.0.1:0",
        "-t",
        &addr,
        "--plaintext",
        "-o",
        &out,
        "-v",
        "--reflect=never",
    ];
    let proxy = Server::start(&stand);
    ran(&["replay", ground.focus(), "-t", &proxy.addr(), "--plaintext"]);
    proxy.stop();
    ran(&["cat", &out]);
    server.stop();
}

/// A server that refuses everything, with a plant for its reason.
fn rest_stub() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // What it asks for does not matter, only that it was read.
            let _ = stream.read(&mut [0; 4096]);
            let body = serde_json::json!({"detail": PLANT, "errorMessages": [PLANT], "error": PLANT}).to_string();
            let head =
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            let _ = stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    url
}

fn attach(ground: &Ground) {
    let file = ground.dir.write("a.txt", PLANT);
    let token = ground.dir.write("token", "t");
    let args = ["attach", "--jira", &rest_stub(), "DAS-1", &file, "--token-file", &token];
    ran(&args);
}

fn demo(ground: &Ground) {
    ran(&["demo", "-o", &ground.out("demo"), "--rate", "max"]);
}

fn completions(_: &Ground) {
    ran(&["completions", "bash"]);
}

fn man(_: &Ground) {
    ran(&["man"]);
}

/// What a command does with a capture; the cases of a group run one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Shows,
    Makes,
    Speaks,
}

type Case = (&'static str, Group, fn(&Ground));

/// One case for each command.
const CASES: [Case; 25] = [
    ("info", Group::Shows, info),
    ("cat", Group::Shows, cat),
    ("verify", Group::Shows, verify),
    ("recover", Group::Shows, recover),
    ("validate", Group::Shows, validate),
    ("stats", Group::Shows, stats),
    ("snapshot", Group::Shows, snapshot),
    ("diff", Group::Shows, diff),
    ("drift", Group::Shows, drift),
    ("merge", Group::Makes, merge),
    ("note", Group::Makes, note),
    ("slice", Group::Makes, slice),
    ("redact", Group::Makes, redact),
    ("report", Group::Makes, report),
    ("bundle", Group::Makes, bundle),
    ("export", Group::Makes, export),
    ("import", Group::Makes, import),
    ("serve", Group::Speaks, serve),
    ("replay", Group::Speaks, replay),
    ("record", Group::Speaks, record),
    ("proxy", Group::Speaks, proxy),
    ("attach", Group::Speaks, attach),
    ("demo", Group::Speaks, demo),
    ("completions", Group::Speaks, completions),
    ("man", Group::Speaks, man),
];

#[test]
fn every_command_has_a_case() {
    let help = run(&["--help"]).expect(0);
    let commands = help.text().split_once("Commands:\n").unwrap().1;
    let commands = commands.lines().take_while(|line| line.starts_with("  "));
    // A description that goes on in the next line is indented further.
    let names = commands.filter(|line| !line.starts_with("   "));
    let names: BTreeSet<_> = names.filter_map(|line| line.split_whitespace().next()).collect();
    let cases: BTreeSet<_> = CASES.iter().map(|(name, ..)| *name).chain(["help"]).collect();
    assert_eq!(names, cases, "a new command needs a case here");
}

#[test]
fn commands_that_show_a_capture_are_clean() {
    cases(Group::Shows);
}

#[test]
fn commands_that_make_something_of_a_capture_are_clean() {
    cases(Group::Makes);
}

#[test]
fn commands_that_speak_with_others_are_clean() {
    cases(Group::Speaks);
}

fn cases(wanted: Group) {
    let ground = Ground::new();
    for (_, group, case) in CASES {
        if group == wanted {
            case(&ground);
        }
    }
}
