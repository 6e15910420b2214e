//! The REST side of the proxy: `--rest-target`.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread::{self, JoinHandle},
};

use grpc_capture::model::EventKind;
use serde_json::Value;

use crate::support::{Dir, Serve, events, peel::Peeled, proxying::Proxying, received, run, shipped};

/// What the proxy noted of REST, in its order.
fn notes(path: &str) -> Vec<Value> {
    let notes = events(path).into_iter().filter_map(|event| match event.kind {
        EventKind::Note(note) if note.author == "proxy" => Some(note.text),
        _ => None,
    });
    notes
        .map(|text| serde_json::from_str::<Value>(&text).unwrap()["rest"].take())
        .collect()
}

fn json(note: &Value, name: &str) -> Value {
    serde_json::from_str(note[name].as_str().unwrap()).unwrap()
}

#[test]
fn a_front_end_pointed_at_the_proxy_gets_its_job_through_it() {
    let dir = Dir::new();
    for capture in ["febus-jitter.gcap", "nan.gcap"] {
        let serve = Serve::start(&[&shipped(capture), "--rate", "max"]);
        let (through, out) = (
            dir.file(&format!("through-{capture}")),
            dir.file(&format!("out-{capture}")),
        );
        let proxy = Proxying::start(&["--rest-target", serve.rest(), "-o", &through]);
        assert!(proxy.ready["grpc"].is_null());
        let rest = proxy.ready["rest"].as_str().unwrap().to_owned();
        run(&["record", "--server", &rest, "-o", &out]).expect(0);
        proxy.stop().expect(0);
        let frames = received(shipped(capture));
        assert!(received(&out) == frames, "{capture}");
        // Before them came the answer to the question whether the job is ready.
        assert!(received(&through).ends_with(&frames), "{capture}");
        let notes = notes(&through);
        assert_eq!(notes.len(), 1, "{notes:?}");
        let note = &notes[0];
        assert_eq!(
            (note["method"].as_str(), note["status"].as_u64()),
            (Some("POST"), Some(200))
        );
        assert!(json(note, "request")["channels"].is_object(), "{note}");
        // What the server answered, and what the front end was told instead.
        let answered = json(note, "response");
        let port = answered["stream_port"].to_string().trim_matches('"').to_owned();
        assert!(serve.grpc().ends_with(&format!(":{port}")), "{note}");
        let proxied = note["proxied"].as_str().unwrap();
        assert_ne!(proxied, serve.grpc());
        assert!(proxied.starts_with("127.0.0.1:"), "{note}");
        assert_eq!(note["job"].as_str().unwrap().rsplit(':').next(), Some(port.as_str()));
    }
}

#[test]
fn tls_towards_clients_covers_rest_and_the_jobs() {
    let dir = Dir::new();
    let serve = Serve::start(&[&shipped("nan.gcap"), "--rate", "max"]);
    let (through, out, ca) = (dir.file("through.gcap"), dir.file("out.gcap"), dir.file("ca.pem"));
    let self_signed = format!("--self-signed={ca}");
    let args = [
        "--rest-target",
        serve.rest(),
        "-t",
        serve.grpc(),
        "-o",
        &through,
        &self_signed,
    ];
    let proxy = Proxying::start(&args);
    let rest = proxy.ready["rest"].as_str().unwrap().to_owned();
    assert!(rest.starts_with("https://") && proxy.ready["grpc"].is_string());
    run(&["record", "--server", &rest, "--cacert", &ca, "-o", &out]).expect(0);
    proxy.stop().expect(0);
    assert!(received(&out) == received(shipped("nan.gcap")));
    assert!(received(&through).ends_with(&received(&out)));
}

/// A server that answers each connection's request with the next answer, and says what it was asked.
fn target(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let served = thread::spawn(move || {
        let serve = |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = request(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        };
        let asked: Vec<_> = answers.into_iter().map(serve).collect();
        // What comes beyond that was waiting before the last answer was given, or comes never.
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "a request too many");
        asked
    });
    (addr, served)
}

fn request(stream: &mut TcpStream) -> String {
    let mut asked = Vec::new();
    let mut some = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&asked).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let read = stream.read(&mut some).unwrap();
        assert_ne!(read, 0, "{text}");
        asked.extend_from_slice(&some[..read]);
    }
}

fn ask(rest: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(rest.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn answer(status: &str, more: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn requests_go_on_as_they_are_and_answers_too_but_for_the_address() {
    let dir = Dir::new();
    let out = dir.file("rest.gcap");
    let job = r#"{ "stream_url":"http://10.1.2.3", "stream_port":"12301", "lines_dt": 1e-1 }"#;
    let (addr, served) = target(vec![
        answer(
            "418 Odd",
            "x-own: yes\r\nconnection: x-hop\r\nx-hop: 1\r\n",
            "short and stout",
        ),
        answer("200 OK", "content-type: application/json\r\n", job),
        answer("200 OK", "", job),
        answer("422 Unprocessable Entity", "", job),
    ]);
    let url = format!("http://{addr}/focus-server");
    let proxy = Proxying::start(&["--rest-target", &url, "-o", &out, "--allow-empty"]);
    let rest = proxy.ready["rest"].as_str().unwrap().to_owned();
    let odd = ask(
        &rest,
        "PUT /a%20b/c?d=%2F&e HTTP/1.1\r\nhost: front\r\nx-mine: 1\r\nconnection: close, x-hop\r\nx-hop: 1\r\n\
         content-length: 4\r\n\r\nbody",
    );
    assert!(
        odd.starts_with("HTTP/1.1 418 ") && odd.ends_with("\r\n\r\nshort and stout"),
        "{odd}"
    );
    assert!(odd.contains("x-own: yes") && !odd.contains("x-hop"), "{odd}");
    let post = "POST /configure HTTP/1.1\r\nhost: front\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    let first = ask(&rest, post);
    let (_, body) = first.split_once("\r\n\r\n").unwrap();
    let told: Value = serde_json::from_str(body).unwrap();
    let number = told["stream_port"].as_str().unwrap();
    assert_eq!(body, job.replace("10.1.2.3", "127.0.0.1").replace("12301", number));
    // The same job is found at the same port.
    let get = "GET /metadata/1-1 HTTP/1.1\r\nhost: front\r\nconnection: close\r\n\r\n";
    assert!(ask(&rest, get).ends_with(body));
    assert!(ask(&rest, post).ends_with(job));
    proxy.stop().expect(0);
    let asked = served.join().unwrap();
    assert!(
        asked[0].starts_with("PUT /focus-server/a%20b/c?d=%2F&e HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(
        asked[0].contains("x-mine: 1\r\n") && asked[0].contains(&format!("host: {addr}\r\n")),
        "{}",
        asked[0]
    );
    assert!(
        !asked[0].contains("x-hop") && asked[0].ends_with("\r\n\r\nbody"),
        "{}",
        asked[0]
    );
    let notes = notes(&out);
    let statuses: Vec<_> = notes.iter().map(|note| note["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 422]);
    assert_eq!(
        (notes[0]["response"].as_str(), notes[0]["request"].as_str()),
        (Some(job), Some("{}"))
    );
}

#[test]
fn nothing_is_added_to_a_request_and_its_path_is_not_resolved() {
    let dir = Dir::new();
    let (addr, served) = target(vec![answer("200 OK", "", "{}")]);
    let url = format!("http://{addr}/focus-server");
    let proxy = Proxying::start(&["--rest-target", &url, "-o", &dir.file("x.gcap"), "--allow-empty"]);
    let rest = proxy.ready["rest"].as_str().unwrap().to_owned();
    let get = "GET /../admin/./x?y=/../z HTTP/1.1\r\nhost: front\r\nx-mine: 1\r\nconnection: close\r\n\r\n";
    assert!(ask(&rest, get).starts_with("HTTP/1.1 200 "));
    proxy.stop().expect(0);
    let asked = served.join().unwrap();
    let mut lines: Vec<&str> = asked[0].trim_end().lines().collect();
    lines.sort_unstable();
    let host = format!("host: {addr}");
    let path = "GET /focus-server/../admin/./x?y=/../z HTTP/1.1";
    assert_eq!(lines, [path, &host, "x-mine: 1"]);
}

#[test]
fn secrets_pass_through_and_are_in_no_note() {
    let dir = Dir::new();
    let out = dir.file("rest.gcap");
    let job = r#"{"stream_url":"http://10.1.2.3","stream_port":"12301","said":"head-4711 and pass-4711","refreshToken":"back-4711","next":"http://me:user-4711@h/?code=1"}"#;
    let (addr, served) = target(vec![answer("200 OK", "", job)]);
    let proxy = Proxying::start(&["--rest-target", &format!("http://{addr}"), "-o", &out, "--allow-empty"]);
    let rest = proxy.ready["rest"].as_str().unwrap().to_owned();
    let body = r#"{"n":[{"password":"pass-4711"}]}"#;
    let post = format!(
        "POST /configure?site=a&access_token=path-4711 HTTP/1.1\r\nhost: front\r\nauthorization: Bearer head-4711\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(
        ask(&rest, &post).contains("head-4711 and pass-4711"),
        "the client is answered as by the server"
    );
    let said = proxy.stop().expect(0);
    let asked = served.join().unwrap().remove(0);
    assert!(
        asked.contains("access_token=path-4711") && asked.ends_with(body),
        "{asked}"
    );
    let written = Peeled::file(Path::new(&out));
    let said = Peeled::new([said.stdout, said.stderr.into()].concat());
    for secret in ["head-4711", "pass-4711", "back-4711", "path-4711", "user-4711"] {
        assert_eq!((written.holds(secret), said.holds(secret)), (None, None), "{secret}");
    }
    let notes = notes(&out);
    assert_eq!(notes[0]["path"], "/configure?site=a&access_token=[redacted]");
    assert_eq!(
        json(&notes[0], "request"),
        serde_json::json!({"n": [{"password": "[redacted]"}]})
    );
    assert_eq!(json(&notes[0], "response")["stream_port"], "12301");
    // What names a site goes as it does from a configure exchange.
    let (clean, rule) = (dir.file("clean.gcap"), "said=drop");
    run(&["redact", &out, "-o", &clean, "--configure", rule]).expect(0);
    let clean = self::notes(&clean);
    let response = json(&clean[0], "response");
    assert_eq!(
        (response.get("said"), &response["stream_url"]),
        (None, &"http://redacted.invalid".into())
    );
    assert_eq!(clean[0]["job"], "http://redacted.invalid:12301");
}

#[test]
fn a_configure_that_is_not_answered_is_not_sent_again_and_is_recorded() {
    let dir = Dir::new();
    let out = dir.file("once.gcap");
    let (addr, served) = target(vec![String::new()]);
    let proxy = Proxying::start(&["--rest-target", &format!("http://{addr}"), "-o", &out, "--allow-empty"]);
    let rest = proxy.ready["rest"].as_str().unwrap().to_owned();
    let post = "POST /configure HTTP/1.1\r\nhost: front\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    assert!(ask(&rest, post).starts_with("HTTP/1.1 502 "));
    proxy.stop().expect(0).says(&["POST /configure"]);
    assert_eq!(served.join().unwrap().len(), 1);
    let notes = notes(&out);
    assert!(
        notes[0]["error"].is_string() && notes[0]["status"].is_null(),
        "{notes:?}"
    );
}

#[test]
fn without_any_target_it_is_a_usage_error() {
    run(&["proxy"]).expect(2).says(&["--target", "--rest-target"]);
    run(&["proxy", "-t", "127.0.0.1:1", "--rest-listen", "127.0.0.1:0"])
        .expect(2)
        .says(&["--rest-target"]);
    let dir = Dir::new();
    run(&["proxy", "--rest-target", "nonsense", "-o", &dir.file("no.gcap")]).expect(4);
    assert!(dir.names().is_empty());
}
