//! `capture serve --fault`: the effect of each fault, as a recorder sees it, and the finding of the validator.

use std::collections::BTreeSet;

use grpc_capture::serve::FAULTS;
use serde_json::Value;

use crate::support::{Dir, Run, Running, Serve, received, run, shipped};

const JOB: &str = "optodas-quake";

fn serve(flags: &[&str]) -> Serve {
    let capture = shipped("optodas-quake.gcap");
    let rate = if flags.contains(&"--rate") {
        &[][..]
    } else {
        &["--rate", "max"]
    };
    Serve::start(&[&[capture.as_str()], rate, flags].concat())
}

fn record(serve: &Serve, out: &str) -> Run {
    record_within(serve, out, "60s")
}

fn record_within(serve: &Serve, out: &str, connect_timeout: &str) -> Run {
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", JOB];
    let limits = ["--no-health-check", "--connect-timeout", connect_timeout];
    run(&[&["record", "-o", out], &target[..], &limits[..]].concat())
}

/// A fault, how the recording of it ends, and what makes the validator look closely enough.
struct Case {
    fault: &'static str,
    code: i32,
    finding: &'static str,
    validate: &'static [&'static str],
    serve: &'static [&'static str],
}

const fn case(fault: &'static str, code: i32, finding: &'static str) -> Case {
    Case {
        fault,
        code,
        finding,
        validate: &[],
        serve: &[],
    }
}

impl Case {
    const fn judged(self, validate: &'static [&'static str]) -> Self {
        Self { validate, ..self }
    }
}

const CASES: &[Case] = &[
    case("drop:every=10", 0, "missing-rows"),
    case("duplicate:at=5", 0, "duplicate-rows"),
    case("reorder:at=5,by=2", 0, "backwards-time"),
    case("corrupt:at=3,byte=0", 0, "malformed-message"),
    case("truncate:at=3,to=100", 0, "malformed-message"),
    case("delay:at=1,by=400ms", 0, "late-first-frame").judged(&["--first-frame", "200ms"]),
    case("jitter:by=20ms", 0, "stall").judged(&["--max-gap", "10ms"]),
    case("stall:at=10,for=600ms", 0, "stall").judged(&["--max-gap", "300ms"]),
    Case {
        serve: &["--rate", "8"],
        ..case("burst:size=20", 0, "stall").judged(&["--max-gap", "100ms"])
    },
    case("drip:rate=4MB", 0, "low-throughput").judged(&["--min-fps", "1000"]),
    // 64 + 14: the server ended the call with UNAVAILABLE.
    case("abort:after=20,status=UNAVAILABLE", 78, "error-status"),
    case("reset:after=20", 4, "broken-call"),
    case("goaway:after=20", 4, "broken-call"),
    case("close:after=20", 4, "broken-call"),
    case("refuse", 4, "zero-frames"),
    case("nan:at=5", 0, "nan"),
    case("zero:at=5", 0, "all-zero"),
    case("freeze:at=5,count=10", 0, "frozen-payload"),
    case("unknown:at=4", 0, "unknown-fields"),
    case("oversize:at=5,size=110MB", 4, "gap"),
];

#[test]
fn every_fault_is_recorded_and_the_validator_names_it() {
    let names = |names: &mut dyn Iterator<Item = String>| names.collect::<BTreeSet<_>>();
    let tried = names(
        &mut CASES
            .iter()
            .map(|case| case.fault.split(':').next().unwrap().to_owned()),
    );
    assert_eq!(tried, names(&mut FAULTS.iter().map(|entry| entry.name.to_owned())));
    for case in CASES {
        let entry = FAULTS.iter().find(|entry| case.fault.starts_with(entry.name)).unwrap();
        assert_eq!(entry.finding, case.finding, "{}", case.fault);
        let dir = Dir::new();
        let out = dir.file("faulty.gcap");
        let serve = serve(&[&["--seed", "3", "--fault", case.fault], case.serve].concat());
        // Nobody waits longer than he must for a server that never lets him in.
        let connect = if case.fault == "refuse" { "1s" } else { "60s" };
        let recorded = record_within(&serve, &out, connect);
        assert_eq!(recorded.code, Some(case.code), "{}: {}", case.fault, recorded.stderr);
        if case.fault == "refuse" {
            assert_eq!(dir.names(), [""; 0], "where nothing came, there is nothing to judge");
            continue;
        }
        let validated = run(&[&["validate", &out, "--format", "json"], case.validate].concat());
        let findings = validated.json()["findings"].as_array().unwrap().clone();
        let rules: Vec<_> = findings
            .iter()
            .map(|finding: &Value| finding["rule"].as_str().unwrap())
            .collect();
        assert!(rules.contains(&case.finding), "{}: {rules:?}", case.fault);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_to_every_client_of_every_server() {
    let dir = Dir::new();
    let mut streams = Vec::new();
    for (at, seed) in ["5", "5", "6"].into_iter().enumerate() {
        let faults = ["--fault", "corrupt:p=0.3", "--fault", "drop:p=0.1", "--seed", seed];
        let serve = serve(&faults);
        for client in 0..2 {
            let out = dir.file(&format!("{at}-{client}.gcap"));
            record(&serve, &out).expect(0);
            streams.push(received(out));
        }
    }
    assert!(streams[0] != received(shipped("optodas-quake.gcap")));
    assert!(streams[..4].iter().all(|stream| *stream == streams[0]));
    assert!(streams[4] == streams[5] && streams[4] != streams[0]);
}

#[test]
fn a_refused_client_tries_again_and_gets_everything() {
    let dir = Dir::new();
    let out = dir.file("again.gcap");
    let serve = serve(&["--fault", "refuse:at=1,count=2"]);
    record(&serve, &out).expect(0);
    assert!(received(out) == received(shipped("optodas-quake.gcap")));
}

#[test]
fn the_plan_is_said_at_the_start_and_what_struck_at_the_end() {
    let dir = Dir::new();
    let plan = dir.write("plan.toml", "seed = 7\n[[fault]]\nkind = \"drop\"\nevery = 2\n");
    let capture = shipped("nan.gcap");
    let mut serve = Running::start(&["serve", &capture, "--fault-plan", &plan, "--fault", "nan:at=900"]);
    serve.wait_until_it_says("faults, seed 7: drop:every=2; nan:at=900");
    serve.signal("INT");
    let ended = serve.finish();
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
}

#[test]
fn a_misspelt_fault_is_a_usage_error_that_names_the_right_one() {
    let capture = shipped("nan.gcap");
    run(&["serve", &capture, "--fault", "dorp:at=1"])
        .expect(2)
        .says(&["did you mean \"drop\"?"]);
    run(&["serve", &capture, "--fault", "drop:evry=2"])
        .expect(2)
        .says(&["did you mean \"every\"?"]);
    let dir = Dir::new();
    let plan = dir.write("plan.toml", "[[fault]]\nkind = \"nan\"\nevry = 2\n");
    run(&["serve", &capture, "--fault-plan", &plan])
        .expect(2)
        .says(&["plan.toml", "did you mean \"every\"?"]);
    let help = run(&["serve", "--fault", "help"]).expect(0);
    assert!(FAULTS.iter().all(|entry| help.text().contains(entry.example)));
}
