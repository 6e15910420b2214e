//! `capture serve` as a process: its ready line, and its end.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::support::{Dir, Serve, received, run, shipped};

#[test]
fn the_ready_line_names_where_everything_is() {
    let serve = Serve::start(&[&shipped("nan.gcap"), &shipped("zero-ids.gcap")]);
    let keys: Vec<_> = serve.ready.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["event", "grpc", "rest", "job_ids"]);
    assert_eq!(serve.ready["event"], "ready");
    assert_eq!(serve.ready["job_ids"], json!(["nan", "zero-ids"]));
    assert!(serve.grpc().starts_with("127.0.0.1:"));
    assert!(serve.rest().starts_with("http://127.0.0.1:"));
}

#[test]
fn without_captures_it_serves_the_built_in_scene() {
    let dir = Dir::new();
    let out = dir.file("scene.gcap");
    let serve = Serve::start(&["--rate", "max"]);
    assert_eq!(serve.ready["job_ids"], json!(["optodas-quake"]));
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "optodas-quake"];
    run(&[&["record", "-o", &out], &target[..]].concat()).expect(0);
    assert!(received(&out) == received(shipped("optodas-quake.gcap")));
}

#[test]
fn signals_end_it_with_success() {
    for signal in ["INT", "TERM", "HUP", "QUIT", "ALRM"] {
        let mut serve = Serve::start(&[&shipped("nan.gcap")]);
        // Neither means anything to a server, nor ends it.
        serve.signal("USR1");
        serve.signal("USR2");
        serve.signal(signal);
        assert_eq!(serve.wait(), Some(0), "{signal}");
    }
}

#[test]
fn several_clients_get_the_whole_job_each() {
    let dir = Dir::new();
    let serve = Serve::start(&[&shipped("febus-jitter.gcap"), "--rate", "max"]);
    let outs: Vec<_> = (0..3).map(|number| dir.file(&format!("{number}.gcap"))).collect();
    let clients: Vec<_> = outs
        .iter()
        .map(|out| {
            let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "febus-jitter"];
            crate::support::Running::start(&[&["record", "-o", out], &target[..]].concat())
        })
        .collect();
    for client in clients {
        client.finish().expect(0);
    }
    let all = received(shipped("febus-jitter.gcap"));
    for out in outs {
        assert!(received(out) == all);
    }
}

/// The answer to a request over HTTP/1.1: status and body.
fn http(serve: &Serve, method: &str, path: &str, body: &str) -> (u16, String) {
    let host = serve.rest().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let head = "content-type: application/json\r\nconnection: close";
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[test]
fn rest_answers_as_a_focus_server_does() {
    let serve = Serve::start(&[&shipped("nan.gcap")]);
    let request = json!({
        "displayTimeAxisDuration": 10, "nfftSelection": 1024, "displayInfo": {"height": 1000},
        "channels": {"min": 1, "max": 4}, "frequencyRange": {"min": 0, "max": 500},
        "start_time": null, "end_time": null, "view_type": "0",
    });
    for path in ["/configure", "/focus-server/configure", "/focus-server/configure/"] {
        let (status, body) = http(&serve, "POST", path, &request.to_string());
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &answer["job_id"]), (200, &"nan".into()), "{path}: {body}");
    }
    assert_eq!(http(&serve, "GET", "/ack", "").0, 200);
    assert_eq!(http(&serve, "GET", "/metadata/nan", "").0, 200);
    assert!(http(&serve, "GET", "/metadata/nobody", "").1.contains("Invalid job_id"));
    assert_eq!(http(&serve, "GET", "/nowhere", "").0, 404);
}

#[test]
fn what_cannot_be_served_is_said_and_exits_4() {
    let dir = Dir::new();
    run(&["serve", &dir.file("missing.gcap")])
        .expect(4)
        .says(&["missing.gcap"]);
    let text = dir.write("notes.txt", "no capture");
    run(&["serve", &text]).expect(4).says(&["notes.txt"]);
    let nan = shipped("nan.gcap");
    run(&["serve", &nan, &nan]).expect(4).says(&["nan"]);
    let taken = Serve::start(&[&nan]);
    run(&["serve", &nan, "--grpc", taken.grpc()])
        .expect(4)
        .says(&[taken.grpc()]);
}

#[test]
fn all_shipped_captures_are_served_together() {
    let captures: Vec<_> = crate::captures::all().iter().map(|name| shipped(name)).collect();
    let args: Vec<_> = captures.iter().map(String::as_str).collect();
    let serve = Serve::start(&args);
    let served = serve.ready["job_ids"].as_array().unwrap().len();
    assert_eq!(served, captures.len(), "one job for each: {}", serve.ready);
}

#[test]
fn a_served_window_of_a_capture_is_recorded_as_such() {
    let dir = Dir::new();
    let out = dir.file("window.gcap");
    let serve = Serve::start(&[
        &shipped("optodas-quake.gcap"),
        "--rate=max",
        "--start-offset=2s",
        "--playback-duration=3s",
        "--loop=2",
        "--end=ok",
    ]);
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "optodas-quake"];
    run(&[&["record", "-o", &out], &target[..]].concat()).expect(0);
    let (all, window) = (received(shipped("optodas-quake.gcap")), received(&out));
    let half = window.len() / 2;
    assert!(half > 0 && window[..half] == window[half..]);
    assert!(all.windows(half).any(|part| part == &window[..half]));
}

#[test]
fn a_self_signed_server_is_recorded_from_with_its_ca() {
    let dir = Dir::new();
    let (ca, out) = (dir.file("ca.pem"), dir.file("tls.gcap"));
    let serve = Serve::start(&[
        &shipped("febus-jitter.gcap"),
        "--rate=max",
        &format!("--self-signed={ca}"),
    ]);
    assert!(serve.rest().starts_with("https://"));
    run(&["record", "--server", serve.rest(), "--cacert", &ca, "-o", &out]).expect(0);
    assert!(received(&out) == received(shipped("febus-jitter.gcap")));
    run(&["serve", &shipped("nan.gcap"), &format!("--self-signed={ca}")])
        .expect(4)
        .says(&["--force"]);
}

#[test]
fn flags_that_make_no_sense_together_are_a_usage_error() {
    let nan = shipped("nan.gcap");
    for (flags, word) in [
        (&["--compete", "--once"][..], "--once"),
        (&["--end", "soon"], "unavailable"),
        (&["--quirks", "odd"], "error-in-200"),
        (&["--cert", "x.pem"], "--key"),
        (&["--client-ca", "x.pem"], "--self-signed"),
        (&["--rate", "0"], "--rate"),
    ] {
        run(&[&["serve", &nan], flags].concat()).expect(2).says(&[word]);
    }
}

#[test]
fn a_request_as_large_as_the_proxy_records_is_read() {
    let dir = Dir::new();
    let (request, out) = (dir.file("request"), dir.file("x.gcap"));
    std::fs::write(&request, vec![0; 5 << 20]).unwrap();
    let serve = Serve::start(&[&shipped("nan.gcap")]);
    let method = "/datastream.DataStreamService/StreamSpectrograms";
    let asked = ["--method", method, "--request-file", &request, "--reflect=never"];
    let target = ["-t", serve.grpc(), "--plaintext", "-o", &out];
    // It is no StreamRequest (INVALID_ARGUMENT), which only who has read it can tell.
    run(&[&["record"], &target[..], &asked[..]].concat()).expect(64 + 3);
}
