//! Captures of services without spectrograms: verdicts, statistics, goldens and reports as processes.

use grpc_capture::{
    file::{Header, Writer, WriterOptions},
    model::{CallStart, Direction, Ending, Event, EventKind, Message, Metadata, Status},
};
use serde_json::Value;

use crate::support::{Dir, run};

/// The three methods of the service.
const METHODS: [&str; 3] = ["/shop.Orders/Get", "/shop.Orders/Put", "/shop.Stock/Watch"];

/// Words that a service without spectrograms never reads.
const FOREIGN: [&str; 8] = ["frame", "row", "sensor", " db", "spectro", "canvas", "fibre", "job"];

/// Writes a capture of `calls` calls of the three methods in turn; the call `fails` ends with this code.
fn capture(dir: &Dir, name: &str, calls: u32, fails: Option<(u32, u32)>) -> String {
    let path = dir.file(name);
    let mut writer = Writer::create(&path, &Header::new(1_700_000_000_000_000_000), WriterOptions::default()).unwrap();
    let mut put = |call: u32, seq: u64, us: u64, kind| {
        let event = Event {
            call,
            seq,
            offset_ns: u64::from(call) * 10_000_000 + us * 1000,
            kind,
        };
        writer.write(&event).unwrap();
    };
    for call in 1..=calls {
        let code = fails
            .filter(|(failing, _)| *failing == call)
            .map_or(0, |(_, code)| code);
        let mut metadata = Metadata::default();
        if fails.is_some_and(|(failing, _)| failing + 3 == call) {
            metadata.push("grpc-previous-rpc-attempts", "1");
        }
        let start = CallStart {
            method: METHODS[call as usize % 3].to_owned(),
            authority: "shop:1".to_owned(),
            metadata,
            ..CallStart::default()
        };
        put(call, 1, 0, EventKind::CallStart(start));
        put(
            call,
            2,
            0,
            EventKind::Message(Message::plain(Direction::Sent, &b"\x0a\x01q"[..])),
        );
        let answer = Message::plain(Direction::Received, &b"\x0a\x05hello"[..]);
        put(call, 3, 2000, EventKind::Message(answer));
        let status = Status {
            code,
            message: if code == 0 {
                String::new()
            } else {
                "out of memory".to_owned()
            },
            ..Status::default()
        };
        put(call, 4, 2500, EventKind::End(Ending::Status(status)));
    }
    writer.finish().unwrap();
    path
}

fn rules(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect()
}

#[test]
fn one_internal_among_a_thousand_calls_fails_and_the_first_line_names_it() {
    let dir = Dir::new();
    let good = capture(&dir, "good.gcap", 1000, None);
    let report = run(&["validate", "--strict", "--format", "json", &good])
        .expect(0)
        .json();
    assert_eq!(
        (rules(&report), &report["verdict"]),
        (vec!["not-decoded"], &"pass".into())
    );
    assert_eq!(
        (&report["other_calls"], &report["other_messages"]),
        (&1000.into(), &1000.into())
    );
    let bad = capture(&dir, "bad.gcap", 1000, Some((700, 13)));
    let text = run(&["validate", &bad]).expect(1);
    let first = text.text().lines().next().unwrap();
    for part in [
        "FAIL",
        "error-status",
        METHODS[1],
        "INTERNAL: out of memory",
        "call 700",
        "1,000 calls",
    ] {
        assert!(first.contains(part), "{part} is not in {first}");
    }
}

#[test]
fn what_is_expected_of_a_method_comes_from_a_file() {
    let dir = Dir::new();
    let path = capture(&dir, "a.gcap", 30, Some((7, 5)));
    let judge = |text: &str, code| {
        let file = dir.write("expect.toml", text);
        run(&["validate", "--format", "json", "--expect", &file, &path])
            .expect(code)
            .json()
    };
    let allowed = "[method.'/shop.Orders/*']\nstatuses = ['OK', 'NOT_FOUND']\nminimum_calls = 20\n\
                   latency_s = { p99 = 0.1 }\n";
    assert_eq!(rules(&judge(allowed, 0)), ["not-decoded"]);
    let slow = judge(&format!("{allowed}first_message_s = {{ p50 = 0.001 }}\n"), 1);
    assert_eq!(rules(&slow)[0], "latency");
    assert!(
        slow["findings"][0]["message"].as_str().unwrap().contains("0.002 s"),
        "{slow}"
    );
    let few = judge(
        "[method.'/shop.Orders/*']\nstatuses = ['OK', 'NOT_FOUND']\nminimum_calls = 21\n",
        1,
    );
    assert_eq!(rules(&few)[0], "too-few-calls");
    let none = judge("[method.'*']\nstatuses = ['OK']\n", 1);
    assert_eq!(rules(&none)[0], "error-status");
    let slip = dir.write("slip.toml", "[method.'*']\nstatus = ['OK']\n");
    run(&["validate", "--expect", &slip, &path])
        .expect(2)
        .says(&["slip.toml", "`status`", "`statuses`"]);
}

#[test]
fn an_empty_capture_of_a_service_is_never_green() {
    let dir = Dir::new();
    let path = capture(&dir, "empty.gcap", 0, None);
    let report = run(&["validate", "--format", "json", &path]).expect(1).json();
    assert_eq!(rules(&report), ["zero-messages"]);
    run(&["validate", "--allow-empty", &path]).expect(0);
    run(&["stats", &path]).expect(1).says(&["holds no call"]);
}

#[test]
fn init_makes_expectations_of_a_service_which_another_run_must_meet() {
    let dir = Dir::new();
    let good = capture(&dir, "good.gcap", 90, None);
    let made = run(&["validate", "--init", &good]).expect(0);
    let file = dir.write("made.toml", made.text());
    run(&["validate", "--expect", &file, &good]).expect(0);
    let other = capture(&dir, "other.gcap", 2, None);
    let report = run(&["validate", "--format", "json", "--expect", &file, &other])
        .expect(1)
        .json();
    assert_eq!(rules(&report)[0], "too-few-calls");
}

#[test]
fn statistics_of_a_service_are_those_of_its_methods() {
    let dir = Dir::new();
    let path = capture(&dir, "a.gcap", 30, Some((7, 14)));
    let stats = run(&["stats", "--format", "json", &path]).expect(0).json();
    let methods = stats["methods"].as_array().unwrap();
    let names: Vec<_> = methods
        .iter()
        .map(|method| method["method"].as_str().unwrap())
        .collect();
    assert_eq!(names, METHODS);
    let put = &methods[1];
    assert_eq!(put["calls"], 10);
    assert_eq!(put["statuses"], serde_json::json!({ "OK": 9, "UNAVAILABLE": 1 }));
    assert_eq!(
        (&put["duration_ns"]["max"], &put["duration_ns"]["count"]),
        (&2_500_000.into(), &10.into())
    );
    assert_eq!(put["first_message_ns"]["p99"], 2_000_000);
    assert_eq!(
        (&put["sent_bytes"], &put["message_size_bytes"]["max"]),
        (&30.into(), &7.into())
    );
    assert_eq!(
        (&put["most_open"], &put["retries"], &stats["retries"]),
        (&1.into(), &1.into(), &1.into())
    );
    let retry = stats["calls"]
        .as_array()
        .unwrap()
        .iter()
        .find(|call| call["call"] == 10)
        .unwrap();
    assert_eq!(retry["retry_of"], 7);
    let text = run(&["stats", &path]).expect(0);
    for part in [METHODS[1], "9 OK, 1 UNAVAILABLE", "call 7", "1 retry of earlier calls"] {
        assert!(text.text().contains(part), "{part} is not in {}", text.text());
    }
}

/// Captures of five services: one whose calls succeed, one with an error, with several, with few calls, and with none.
fn services(dir: &Dir) -> [String; 5] {
    [
        capture(dir, "well.gcap", 30, None),
        capture(dir, "error.gcap", 30, Some((7, 13))),
        capture(dir, "unavailable.gcap", 300, Some((300, 14))),
        capture(dir, "single.gcap", 1, None),
        capture(dir, "empty.gcap", 0, None),
    ]
}

#[test]
fn what_a_service_reads_speaks_of_no_spectrogram() {
    let dir = Dir::new();
    let services = services(&dir);
    let other = services[0].clone();
    let made = |name: &str| dir.file(name);
    let (part, masked, whole) = (made("part.gcap"), made("masked.gcap"), made("whole.gcap"));
    let (joined, noted, archive) = (made("joined.gcap"), made("noted.gcap"), made("bundle.tar.zst"));
    let (page, web) = (made("page.md"), made("page.html"));
    let commands: [&[&str]; 16] = [
        &["info"],
        &["cat"],
        &["verify"],
        &["validate"],
        &["stats"],
        &["snapshot"],
        &["snapshot", "--timing"],
        &["diff", &other],
        &["replay", "-t", "127.0.0.1:1", "--connect-timeout", "100ms"],
        &["slice", "--force", "-o", &part],
        &["redact", "--force", "-o", &masked],
        &["recover", "--force", "-o", &whole],
        &["merge", &other, "--force", "-o", &joined],
        &["note", "seen by the night shift", "--force", "-o", &noted],
        &["bundle", "--force", "-o", &archive],
        &["report", "--force", "-o", &page],
    ];
    for service in &services {
        let mut texts: Vec<_> = commands
            .iter()
            .map(|command| {
                let (name, rest) = command.split_first().unwrap();
                let arguments: Vec<&str> = [*name, service.as_str()]
                    .into_iter()
                    .chain(rest.iter().copied())
                    .collect();
                let done = run(&arguments);
                (format!("{command:?}"), format!("{}{}", done.text(), done.stderr))
            })
            .collect();
        texts.push(("the Markdown page".to_owned(), std::fs::read_to_string(&page).unwrap()));
        run(&["report", service, "--force", "-o", &web]);
        texts.push(("the page".to_owned(), shown(&std::fs::read_to_string(&web).unwrap())));
        for (command, text) in texts {
            let text = text.to_lowercase();
            for word in FOREIGN {
                let found = text.lines().find(|line| line.contains(word));
                assert!(found.is_none(), "{command} of {service}: {word} in {found:?}");
            }
        }
    }
}

/// What a page shows: without its style, its scripts and its tags.
fn shown(page: &str) -> String {
    let without = |text: &str, open, close| {
        let mut parts = text.split(open);
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |kept, part| kept + part.split_once(close).unwrap().1)
    };
    let page = without(page, "<style", "</style>");
    without(&without(&page, "<script", "</script>"), "<", ">")
}

#[test]
fn a_baseline_of_a_service_fails_calls_that_got_slower_and_methods_that_are_gone() {
    let dir = Dir::new();
    let (path, baseline) = (capture(&dir, "a.gcap", 90, None), dir.file("baseline.json"));
    run(&["stats", "--save-baseline", &baseline, &path]).expect(0);
    run(&["validate", "--baseline", &baseline, &path]).expect(0);
    let text = std::fs::read_to_string(&baseline).unwrap();
    let mut faster: Value = serde_json::from_str(&text).unwrap();
    let duration = &mut faster["methods"][METHODS[0]]["duration_ns"];
    assert_eq!(
        (&duration["count"], &duration["p50"]),
        (&30.into(), &2_500_000.0.into())
    );
    duration["p50"] = 1_000_000.0.into();
    faster["methods"]["/shop.Cart/Get"] = serde_json::json!({});
    let faster = dir.write("faster.json", faster.to_string());
    let report = run(&["validate", "--format", "json", "--baseline", &faster, &path])
        .expect(1)
        .json();
    let said: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["message"].as_str().unwrap())
        .collect();
    assert_eq!(rules(&report)[..2], ["regression", "regression"]);
    assert!(said[0].starts_with("/shop.Cart/Get is not called"), "{said:?}");
    assert!(
        said[1].contains("/shop.Orders/Get: duration_ns p50 is 2.50 ms") && said[1].contains("worse by 150.0 %"),
        "{said:?}"
    );
    run(&["validate", "--baseline", &faster, "--tolerance", "200", &path]).expect(1);
    let wrong = dir.write("wrong.json", text.replace("\"p50\"", "\"p51\""));
    run(&["validate", "--baseline", &wrong, &path])
        .expect(4)
        .says(&["wrong.json", "`methods`"]);
}

#[test]
fn the_report_of_a_service_draws_its_calls_and_lists_its_methods() {
    let dir = Dir::new();
    let path = capture(&dir, "a.gcap", 1000, Some((700, 13)));
    let page = dir.file("page.html");
    run(&["report", &path, "-o", &page]).expect(1);
    let html = std::fs::read_to_string(&page).unwrap();
    let (_, body) = html.split_once("<body>").unwrap();
    let (body, _) = body.split_once("<script").unwrap();
    for part in [
        "<b>error-status</b>: /shop.Orders/Put: the call ended with INTERNAL: out of memory",
        "1,000 calls, 1,000 messages",
        "333 OK, 1 INTERNAL",
        "href=\"#call-700\"",
        // A link to a place in a folded part opens it.
        "<details><summary>messages of call 700</summary><pre id=\"call-700\"",
        "&lt;- message 1, 7 B: 1: &quot;hello&quot;",
        "class=\"failed\"",
        "Calls over time",
    ] {
        assert!(body.contains(part), "{part} is not in the page");
    }
    assert!(!body.contains("spectrum") && !body.contains("Configure"), "{body}");
}
