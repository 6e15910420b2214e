//! Jobs that are configured first, and jobs of the production dialect.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    thread,
};

use grpc_capture::{
    file::{Reader, call_digests},
    model::{Broken, Ending},
};
use serde_json::{Value, json};

use super::holds;
use crate::support::{Dir, Serve, endings, frames, raw_job::RawJob, received, run, shipped, verify};

/// 30 s of silence become 1.5 s, which is still one that tells an idle job.
const FAST: &str = "20";

fn attributes(out: &str) -> Value {
    run(&["info", "--format", "json", out]).expect(0).json()["attributes"].take()
}

fn message_digests(path: &str) -> Vec<(u32, u64, String)> {
    let digests = call_digests(&mut Reader::open(path).unwrap()).unwrap();
    let digests = digests
        .iter()
        .map(|call| (call.call, call.messages, call.digest.to_string()));
    digests.collect()
}

#[test]
fn all_streams_of_a_production_job_are_recorded_and_its_idle_goodbye_is_no_failure() {
    let dir = Dir::new();
    let (production, out) = (shipped("production.gcap"), dir.file("out.gcap"));
    let serve = Serve::start(&[&production, "--rate", FAST]);
    let target = ["--target", serve.grpc(), "--plaintext"];
    let flags = ["--dialect", "pandadatastream", "--streams", "3", "--format", "json"];
    let report = run(&[&["record", "-o", &out], &target[..], &flags].concat())
        .expect(0)
        .json();
    assert_eq!((&report["calls"], &report["messages"]), (&3.into(), &24.into()));
    for ending in report["endings"].as_array().unwrap() {
        assert_eq!((&ending["messages"], &ending["idle_close"]), (&8.into(), &true.into()));
    }
    assert!(verify(&out).is_whole());
    assert_eq!(message_digests(&out), message_digests(&production));
    let endings = endings(&out);
    assert_eq!(endings.len(), 3);
    let idle = |ending: &Ending| matches!(ending, Ending::Broken(Broken { goaway: true, .. }));
    assert!(endings.iter().all(idle), "{endings:?}");
}

#[test]
fn the_job_description_can_be_flags_json_or_toml_and_the_capture_keeps_what_was_said() {
    let dir = Dir::new();
    let serve = Serve::start(&[&shipped("nan.gcap"), "--rate", "max"]);
    let json = dir.write(
        "job.json",
        r#"{"sensors": "3..9", "frequency": "10..250.5", "nfft": 512, "height": 700, "view": "waterfall",
            "start": 1795507200, "end": 1795507201}"#,
    );
    let toml = dir.write(
        "job.toml",
        "sensors = '3..9'\nfrequency = '10..250.5'\nnfft = 512\nheight = 700\nview = 'waterfall'\n\
         start = 1795507200\nend = 1795507201\n",
    );
    let flags = [
        "--sensors",
        "3..9",
        "--frequency",
        "10..250.5",
        "--nfft",
        "512",
        "--height",
        "700",
        "--view",
        "waterfall",
        "--start",
        "2026-11-24T08:00:00Z",
        "--end",
        "1795507201",
    ];
    for (name, description) in [
        ("flags", &flags[..]),
        ("json", &["--job", &json]),
        ("toml", &["--job", &toml]),
    ] {
        let out = dir.file(&format!("{name}.gcap"));
        let args = ["record", "-o", &out, "--server", serve.rest()];
        run(&[&args, description].concat()).expect(0);
        holds(&out, &received(shipped("nan.gcap")));

        let attributes = attributes(&out);
        let request = &attributes["configure.request"];
        assert_eq!(request["channels"], json!({"min": 3, "max": 9}), "{name}: {request}");
        assert_eq!(request["frequencyRange"]["min"].as_f64(), Some(10.0), "{name}");
        assert_eq!(request["frequencyRange"]["max"].as_f64(), Some(250.5), "{name}");
        assert_eq!(request["nfftSelection"], 512, "{name}");
        assert_eq!(request["displayInfo"]["height"], 700, "{name}");
        assert_eq!(request["view_type"], "2", "{name}");
        assert_eq!(request["start_time"], 1_795_507_200_i64, "{name}");
        assert_eq!(request["end_time"], 1_795_507_201_i64, "{name}");
        let response = &attributes["configure.response"];
        assert_eq!(response["job_id"], "nan", "{name}: {response}");
        assert_eq!(attributes["job-id"], "nan", "{name}");
        let port = serve.grpc().rsplit(':').next().unwrap();
        // A number or a text: servers do both.
        let named = response["stream_port"].to_string();
        assert_eq!(named.trim_matches('"'), port, "{name}: {response}");
    }
}

#[test]
fn flags_stand_over_the_file_and_a_job_is_live_by_default() {
    let dir = Dir::new();
    let serve = Serve::start(&[&shipped("nan.gcap"), "--rate", "max"]);
    let (file, out) = (
        dir.write("job.toml", "sensors = '3..9'\nnfft = 512\n"),
        dir.file("out.gcap"),
    );
    let args = ["record", "-o", &out, "--server", serve.rest()];
    run(&[&args[..], &["--job", &file, "--nfft", "2048"]].concat()).expect(0);
    let request = &attributes(&out)["configure.request"];
    assert_eq!(
        (&request["nfftSelection"], &request["channels"]["max"]),
        (&2048.into(), &9.into())
    );
    assert_eq!(
        (&request["start_time"], &request["end_time"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn the_configure_answer_knows_how_many_streams_a_production_job_has() {
    let dir = Dir::new();
    let (production, out) = (shipped("production.gcap"), dir.file("out.gcap"));
    let serve = Serve::start(&[&production, "--rate", FAST]);
    let server = format!("{}/focus-server/", serve.rest());
    let flags = ["--dialect", "pandadatastream", "--sensors", "1..50", "--format", "json"];
    let report = run(&[&["record", "-o", &out, "--server", &server], &flags[..]].concat())
        .expect(0)
        .json();
    assert_eq!((&report["calls"], &report["messages"]), (&3.into(), &24.into()));
    assert_eq!(message_digests(&out), message_digests(&production));
    let attributes = attributes(&out);
    assert_eq!(attributes["configure.response"]["stream_amount"], 3);
    assert_eq!(attributes["dialect"], "pandadatastream");
}

#[test]
fn a_server_that_cannot_be_reached_leaves_no_empty_capture() {
    let dir = Dir::new();
    let (out, port) = (dir.file("out.gcap"), crate::support::raw_job::Port::reserve());
    let url = format!("http://{}", port.addr);
    let args = ["record", "-o", &out, "--server", &url, "--connect-timeout", "700ms"];
    run(&args).expect(4).says(&[&port.addr.to_string()]);
    assert_eq!(dir.names(), Vec::<String>::new());

    dir.write("out.gcap", "an earlier capture");
    run(&[&args[..], &["--force"]].concat()).expect(4);
    assert_eq!(dir.names(), ["out.gcap"]);
    assert_eq!(
        std::fs::read(&out).unwrap(),
        b"an earlier capture",
        "nothing came that could replace it"
    );
}

/// A Focus Server that gives every request this answer.
fn answering(body: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let body = body.to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                request.read_line(&mut line).unwrap();
                let line = line.to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            request.read_exact(&mut vec![0; length]).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    format!("http://{addr}")
}

#[test]
fn a_plain_stream_whose_address_has_no_scheme_is_recorded_whatever_the_rest_side_needs() {
    let (dir, frames) = (Dir::new(), frames(3, 4));
    let job = RawJob::builder().frames(&frames).start();
    let server = answering(&json!({
        "status": "", "job_id": "12-70788", "stream_url": "127.0.0.1", "stream_port": job.addr.port().to_string(),
    }));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cacert = dir.write("ca.pem", made.cert.pem());
    for (name, flags) in [
        ("none", &[][..]),
        ("insecure", &["--insecure"]),
        ("named", &["--cacert", &cacert, "--plaintext"]),
    ] {
        let out = dir.file(&format!("{name}.gcap"));
        run(&[&["record", "-o", &out, "--server", &server, "--live"], flags].concat()).expect(0);
        holds(&out, &frames);
    }
    // What must be verified is not given up in silence.
    let out = dir.file("verified.gcap");
    run(&["record", "-o", &out, "--server", &server, "--live", "--cacert", &cacert])
        .expect(4)
        .says(&["add --plaintext"]);
    let target = job.addr.to_string();
    run(&[
        "record",
        "--target",
        &target,
        "--job-id",
        "a",
        "--plaintext",
        "--insecure",
    ])
    .expect(2)
    .says(&["--plaintext", "--target"]);
}
