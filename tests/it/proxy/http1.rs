//! Calls of gRPC-Web and Connect over HTTP/1.1, through a proxy whose target answers as it is told.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use grpc_capture::{
    grpc::encode_message,
    model::{Direction, Ending, Event, EventKind, Metadata, Party, Status},
};
use serde_json::json;

use crate::support::{Dir, Serve, endings, events, proxying::Proxying, wait};

const PATH: &str = "/a.B/C";

/// A server of HTTP/1.1 that gives each request the next of its answers, and closes its connection after the last. An
/// empty answer closes it at once.
struct Canned {
    addr: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Canned {
    fn start(answers: &[&[u8]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let (seen, answers) = (
            Arc::clone(&requests),
            answers.iter().map(|a| a.to_vec()).collect::<Vec<_>>(),
        );
        thread::spawn(move || {
            let (mut stream, mut reader) = accept(&listener);
            for answer in answers {
                let mut request = read_request(&mut reader);
                if request.is_none() {
                    (stream, reader) = accept(&listener);
                    request = read_request(&mut reader);
                }
                let Some(request) = request else { return };
                seen.lock().unwrap().push(request);
                if answer.is_empty() {
                    return;
                }
                (&stream).write_all(&answer).unwrap();
            }
            // What was sent must arrive before the connection is gone.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = reader.read_to_end(&mut Vec::new());
        });
        Self { addr, requests }
    }

    fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }
}

/// Accepts the next connection of HTTP/1: before the first, the proxy asks for a schema in HTTP/2.
fn accept(listener: &TcpListener) -> (TcpStream, BufReader<TcpStream>) {
    loop {
        let (stream, _) = listener.accept().unwrap();
        let mut first = [0; 3];
        if stream.peek(&mut first).is_ok_and(|read| read > 0) && first != *b"PRI" {
            let reader = BufReader::new(stream.try_clone().unwrap());
            return (stream, reader);
        }
    }
}

/// The next request of a connection with its body; `None` at its end.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut request, mut length) = (Vec::new(), 0);
    loop {
        let start = request.len();
        if reader.read_until(b'\n', &mut request).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&request[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.starts_with("transfer-encoding:") {
            length = usize::MAX;
        }
        if line == "\r\n" {
            break;
        }
    }
    if length == usize::MAX {
        while !request.ends_with(b"\r\n0\r\n\r\n") {
            if reader.read_until(b'\n', &mut request).ok()? == 0 {
                return None;
            }
        }
        return Some(request);
    }
    let start = request.len();
    request.resize(start + length, 0);
    reader.read_exact(&mut request[start..]).ok()?;
    Some(request)
}

fn post(content_type: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: job\r\nX-Case: Kept\r\ncontent-type: {content_type}\r\n{more}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn answer(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn proxy(server: &Canned, out: &str, more: &[&str]) -> Proxying {
    let target = server.addr.to_string();
    Proxying::start(&[&["-t", &target, "--plaintext", "-o", out, "--allow-empty"], more].concat())
}

/// Sends `request` to the proxy, closes that side, and reads to the end of the answer.
fn ask(proxy: &Proxying, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    stream.write_all(request).unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    all
}

/// The bodies that a client got, for requests whose connection is closed after the last.
fn with_close(request: &[u8]) -> Vec<u8> {
    let text = b"X-Case: Kept\r\n";
    let at = request.windows(text.len()).position(|part| part == text).unwrap();
    [&request[..at], b"connection: close\r\n", &request[at..]].concat()
}

struct Recorded {
    events: Vec<Event>,
}

impl Recorded {
    fn of(out: &str) -> Self {
        Self { events: events(out) }
    }

    fn messages(&self, call: u32, direction: Direction) -> Vec<(bool, Vec<u8>)> {
        let of_call = self.events.iter().filter(|event| event.call == call);
        let messages = of_call.filter_map(|event| match &event.kind {
            EventKind::Message(message) if message.direction == direction => {
                Some((message.compressed, message.data.to_vec()))
            }
            _ => None,
        });
        messages.collect()
    }

    fn start(&self, call: u32) -> Metadata {
        let found = self.events.iter().find_map(|event| match &event.kind {
            EventKind::CallStart(start) if event.call == call => {
                assert_eq!(start.method, PATH);
                Some(start.metadata.clone())
            }
            _ => None,
        });
        found.unwrap()
    }

    fn half_closes(&self) -> usize {
        self.events
            .iter()
            .filter(|event| event.kind == EventKind::HalfClose)
            .count()
    }

    fn gaps(&self) -> Vec<String> {
        let gaps = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Gap(gap) => Some(gap.reason.clone()),
            _ => None,
        });
        gaps.collect()
    }
}

fn status(ending: &Ending) -> &Status {
    match ending {
        Ending::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = encode_message(false, payload);
    frame[0] = flags;
    frame
}

/// The body after the head of an HTTP answer.
fn body(answer: &[u8]) -> &[u8] {
    let end = answer
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .expect("an answer");
    &answer[end + 4..]
}

#[test]
fn unary_calls_of_connect_are_recorded_and_reach_both_sides_as_they_were() {
    let dir = Dir::new();
    let (out, error) = (dir.file("unary.gcap"), br#"{"code":"not_found","message":"no job"}"#);
    let ok = answer("200 OK", "application/proto", b"\x08\x02");
    let refused = answer("404 Not Found", "application/json", error);
    let server = Canned::start(&[&ok, &refused]);
    let proxy = proxy(&server, &out, &[]);
    let first = post("application/proto", "Connect-Timeout-Ms: 60000\r\n", b"\x08\x01");
    let second = with_close(&post("application/proto", "", b""));
    // Both at once: the second waits for the answer to the first.
    let seen = ask(&proxy, &[&first[..], &second].concat());
    proxy.stop().expect(0);
    assert!(
        seen.starts_with(b"HTTP/1.1 200 OK\r\n") && seen.ends_with(error),
        "{}",
        String::from_utf8_lossy(&seen)
    );
    assert!(seen.windows(2).any(|part| part == b"\x08\x02"));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let head = String::from_utf8_lossy(&requests[0]);
    assert!(
        head.starts_with("POST /a.B/C HTTP/1.1\r\n") && head.contains("X-Case: Kept\r\n"),
        "{head}"
    );
    assert!(
        head.contains("Host: job\r\n") && requests[0].ends_with(b"\x08\x01"),
        "{head}"
    );
    let recorded = Recorded::of(&out);
    assert_eq!(recorded.messages(1, Direction::Sent), [(false, b"\x08\x01".to_vec())]);
    assert_eq!(
        recorded.messages(1, Direction::Received),
        [(false, b"\x08\x02".to_vec())]
    );
    assert_eq!(recorded.messages(2, Direction::Sent), [(false, Vec::new())]);
    assert_eq!(recorded.messages(2, Direction::Received), []);
    assert_eq!(recorded.start(1).get_text("connect-timeout-ms"), Some("60000"));
    assert_eq!(recorded.half_closes(), 2);
    let endings = endings(&out);
    assert_eq!(status(&endings[0]), &Status::default());
    assert_eq!(
        (status(&endings[1]).code, status(&endings[1]).message.as_str()),
        (5, "no job")
    );
    assert_eq!(status(&endings[1]).trailers.get(":body"), Some(&error[..]));
}

#[test]
fn calls_by_get_are_recorded_with_their_message_and_a_broken_query_goes_on_as_it_is() {
    let (dir, ok) = (Dir::new(), answer("200 OK", "application/json", b"{}"));
    let out = dir.file("get.gcap");
    let server = Canned::start(&[&ok, &ok]);
    let proxy = proxy(&server, &out, &[]);
    let queries = [
        "connect=v1&encoding=json&message=%7B%22a%22%3A1%7D",
        "connect=v1&encoding=proto&base64=1&message=%ZZ%%%",
    ];
    let get = |query: &str| format!("GET {PATH}?{query} HTTP/1.1\r\nHost: job\r\nX-Case: Kept\r\n\r\n").into_bytes();
    let both = [get(queries[0]), with_close(&get(queries[1]))].concat();
    let seen = ask(&proxy, &both);
    proxy.stop().expect(0);
    assert!(seen.ends_with(b"{}"));
    for (request, query) in server.requests().iter().zip(queries) {
        let first = format!("GET {PATH}?{query} HTTP/1.1\r\n");
        assert!(
            request.starts_with(first.as_bytes()),
            "{}",
            String::from_utf8_lossy(request)
        );
    }
    let recorded = Recorded::of(&out);
    assert_eq!(recorded.messages(1, Direction::Sent), [(false, br#"{"a":1}"#.to_vec())]);
    assert_eq!(recorded.messages(2, Direction::Sent), []);
    let start = recorded.start(1);
    assert_eq!(start.get_text(":method"), Some("GET"));
    // The message is in the capture once.
    assert_eq!(
        start.get_text(":path"),
        Some("/a.B/C?connect=v1&encoding=json&message=")
    );
    assert!(endings(&out).iter().all(|ending| status(ending).code == 0));
}

#[test]
fn streams_are_recorded_message_by_message_with_the_status_of_their_last_frame() {
    let dir = Dir::new();
    let out = dir.file("streams.gcap");
    let trailers = b"grpc-status: 9\r\ngrpc-message: not%20yet\r\nx-t: 1\r\n";
    let web = [
        encode_message(false, b"one"),
        encode_message(true, b"two"),
        frame(0x80, trailers),
    ]
    .concat();
    let end = br#"{"error":{"code":"aborted"}}"#;
    let connect = [encode_message(false, b"{}"), frame(2, end), b"more".to_vec()].concat();
    let server = Canned::start(&[
        &answer("200 OK", "application/grpc-web+proto", &web),
        &answer("200 OK", "application/connect+json", &connect),
    ]);
    let proxy = proxy(&server, &out, &[]);
    let first = post("application/grpc-web+proto", "", &encode_message(false, b"ask"));
    let second = with_close(&post("application/connect+json", "", &encode_message(false, b"{}")));
    let seen = ask(&proxy, &[first, second].concat());
    proxy.stop().expect(0);
    assert!(seen.ends_with(&connect) && seen.windows(web.len()).any(|part| part == web));
    let recorded = Recorded::of(&out);
    assert_eq!(recorded.messages(1, Direction::Sent), [(false, b"ask".to_vec())]);
    let two = [(false, b"one".to_vec()), (true, b"two".to_vec())];
    assert_eq!(recorded.messages(1, Direction::Received), two);
    assert_eq!(recorded.messages(2, Direction::Received), [(false, b"{}".to_vec())]);
    let endings = endings(&out);
    let first = status(&endings[0]);
    assert_eq!(
        (first.code, first.message.as_str(), first.trailers.0.len()),
        (9, "not yet", 3)
    );
    let second = status(&endings[1]);
    assert_eq!(second.code, 10);
    // What followed the last frame is kept, and is remarked.
    assert_eq!(
        second.trailers.get(":body"),
        Some(&connect[encode_message(false, b"{}").len()..])
    );
    let notes = recorded
        .events
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::Note(note) if note.text.contains("4 bytes followed")));
    assert_eq!(notes.count(), 1);
}

#[test]
fn the_text_of_grpc_web_is_recorded_decoded_and_what_is_no_text_is_a_gap() {
    let dir = Dir::new();
    let out = dir.file("text.gcap");
    // The message and the trailers in base64, each padded.
    let text = b"AAAAAANvbmU=gAAAABBncnBjLXN0YXR1czogMA0K";
    let kind = "application/grpc-web-text";
    let server = Canned::start(&[&answer("200 OK", kind, text), &answer("200 OK", kind, b"AAAAA*==")]);
    let proxy = proxy(&server, &out, &[]);
    let both = [post(kind, "", b"AAAAAAA="), with_close(&post(kind, "", b"AAAAAA!="))].concat();
    let seen = ask(&proxy, &both);
    proxy.stop().expect(3);
    assert!(seen.windows(text.len()).any(|part| part == text));
    let recorded = Recorded::of(&out);
    assert_eq!(recorded.messages(1, Direction::Sent), [(false, Vec::new())]);
    assert_eq!(recorded.messages(1, Direction::Received), [(false, b"one".to_vec())]);
    let gaps = recorded.gaps();
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!(gaps.iter().all(|reason| reason.contains("not base64")), "{gaps:?}");
    let endings = endings(&out);
    assert_eq!(status(&endings[0]).code, 0);
    assert!(
        matches!(&endings[1], Ending::Broken(broken) if broken.ended),
        "{:?}",
        endings[1]
    );
}

#[test]
fn an_answer_that_is_cut_is_cut_for_the_client_too() {
    let dir = Dir::new();
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web\r\ntransfer-encoding: chunked\r\n\r\n\
        9\r\n\x00\x00\x00\x00\x04abcd\r\n9\r\n\x00\x00\x00\x00\x04ab";
    for (name, answer, messages, gaps) in [("cut", &cut[..], 1, 1), ("silent", b"", 0, 0)] {
        let out = dir.file(&format!("{name}.gcap"));
        let server = Canned::start(&[answer]);
        let proxy = proxy(&server, &out, &[]);
        let seen = ask(&proxy, &post("application/grpc-web", "", &encode_message(false, b"")));
        proxy.stop();
        // No last chunk: the client can tell that something is missing, as it could without the proxy.
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&seen));
        assert_eq!(seen.is_empty(), answer.is_empty());
        let recorded = Recorded::of(&out);
        assert_eq!(recorded.messages(1, Direction::Received).len(), messages, "{name}");
        assert_eq!(recorded.gaps().len(), gaps, "{name}");
        assert!(
            matches!(&endings(&out)[..], [Ending::Broken(_)]),
            "{name}: {:?}",
            endings(&out)
        );
    }
}

#[test]
fn a_message_that_claims_4_gb_takes_no_memory_and_a_large_body_is_a_gap() {
    let dir = Dir::new();
    let out = dir.file("large.gcap");
    let claim = [&[0, 0xff, 0xff, 0xff, 0xff][..], b"abc"].concat();
    let large = vec![7; 3000];
    let server = Canned::start(&[
        &answer("200 OK", "application/connect+proto", &claim),
        &answer("200 OK", "application/proto", &large),
    ]);
    let proxy = proxy(&server, &out, &["--max-msg-sz", "1kB"]);
    let first = post("application/connect+proto", "", &encode_message(false, b""));
    let second = with_close(&post("application/proto", "", b""));
    let seen = ask(&proxy, &[first, second].concat());
    proxy.stop();
    assert!(seen.ends_with(&large) && seen.windows(claim.len()).any(|part| part == claim));
    let recorded = Recorded::of(&out);
    let gaps = recorded.gaps();
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!(
        gaps[0].contains("4294967295 bytes") && gaps[1].contains("3000 bytes"),
        "{gaps:?}"
    );
    assert_eq!(recorded.messages(2, Direction::Received), []);
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let dir = Dir::new();
    let out = dir.file("expect.gcap");
    let server = Canned::start(&[&answer("200 OK", "application/proto", b"ok")]);
    let proxy = proxy(&server, &out, &[]);
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    let request = with_close(&post("application/proto", "Expect: 100-continue\r\n", b"ask"));
    let (head, rest) = request.split_at(request.len() - 3);
    stream.write_all(head).unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    stream.write_all(rest).unwrap();
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(b"ok"));
    proxy.stop().expect(0);
    assert_eq!(
        Recorded::of(&out).messages(1, Direction::Sent),
        [(false, b"ask".to_vec())]
    );
}

#[test]
fn who_breaks_off_is_recorded() {
    let dir = Dir::new();
    // The target reads the request and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let (heard, hear) = mpsc::channel();
    thread::spawn(move || {
        loop {
            let ((_, mut reader), heard) = (accept(&listener), heard.clone());
            thread::spawn(move || {
                let asked = read_request(&mut reader).is_some();
                heard.send(asked).unwrap();
                // Closed when the proxy closes it.
                heard.send(reader.read(&mut [0]).is_ok_and(|read| read > 0)).unwrap();
            });
        }
    });
    let request = post("application/connect+proto", "", &encode_message(false, b"ask"));
    for (name, by) in [("client", Party::Client), ("us", Party::Us)] {
        let out = dir.file(&format!("{name}.gcap"));
        let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
        let mut stream = TcpStream::connect(proxy.addr()).unwrap();
        stream.write_all(&request).unwrap();
        assert!(hear.recv().unwrap());
        if by == Party::Client {
            drop(stream);
            assert!(!hear.recv().unwrap(), "the target learns that its client is gone");
            let ended = || std::fs::read(&out).is_ok();
            assert!(wait(ended));
            proxy.stop().expect(0);
        } else {
            proxy.stop().expect(0);
            assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap_or_default(), 0);
            assert!(!hear.recv().unwrap());
        }
        let endings = endings(&out);
        assert!(
            matches!(&endings[..], [Ending::Cancelled(cancelled)] if cancelled.by == by),
            "{name}: {endings:?}"
        );
    }
    // A request that is cut in the middle of a chunk.
    let out = dir.file("cut.gcap");
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: job\r\ncontent-type: application/connect+proto\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
        .write_all(b"transfer-encoding: chunked\r\n\r\n40\r\n\0\0\0\0\x10abc")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    // The proxy gives it up.
    stream.read_to_end(&mut Vec::new()).unwrap();
    proxy.stop().expect(0);
    let endings = endings(&out);
    assert!(
        matches!(&endings[..], [Ending::Cancelled(cancelled)] if cancelled.by == Party::Client),
        "{endings:?}"
    );
}

/// Asks a server for each request on a connection of its own; the bodies of the answers and their heads.
fn ask_each(addr: &str, requests: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let answers = requests.iter().map(|request| {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(&with_close(request)).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let body = body(&answer).to_vec();
        let head = String::from_utf8_lossy(&answer[..answer.len() - body.len()]).into_owned();
        let body = unchunked(&head, &body);
        (head, body)
    });
    answers.collect()
}

#[test]
fn what_was_recorded_is_served_again_in_the_same_bytes() {
    let (dir, error) = (Dir::new(), br#"{"code": "not_found", "message": "no job"}"#);
    let out = dir.file("served.gcap");
    let web = [
        encode_message(false, b"one"),
        frame(0x80, b"Grpc-Status:5\r\ngrpc-message:no\r\n"),
    ]
    .concat();
    let stream = [
        encode_message(false, b"{}"),
        frame(2, br#"{ "error": {"code":"aborted"} }"#),
    ]
    .concat();
    let text = b"AAAAAANvbmU=gAAAABBncnBjLXN0YXR1czogMA0K";
    let (kind, json) = ("application/grpc-web-text", "application/json");
    let answers = [
        answer("200 OK", "application/grpc-web+proto", &web),
        answer("200 OK", "application/connect+json", &stream),
        answer("404 Not Found", json, error),
        answer("200 OK", "application/proto", b"\x08\x02"),
        answer("200 OK", json, b"{}"),
        answer("415 Unsupported Media Type", "text/plain", b"no"),
        answer("200 OK", kind, text),
    ];
    let get =
        format!("GET {PATH}?connect=v1&encoding=json&message=%7B%7D HTTP/1.1\r\nHost: job\r\nX-Case: Kept\r\n\r\n");
    let requests = [
        post("application/grpc-web+proto", "", &encode_message(false, b"web")),
        post("application/connect+json", "", &encode_message(false, b"[]")),
        post("application/json", "", br#"{"a":1}"#),
        post("application/proto", "", b"\x08\x01"),
        get.into_bytes(),
        post("application/proto", "", b"\x08\x05"),
        post(kind, "", b"AAAAAAR0ZXh0"),
    ];
    let all: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let server = Canned::start(&all);
    let proxy = proxy(&server, &out, &[]);
    let last = with_close(&requests[6]);
    ask(&proxy, &[&requests[..6].concat()[..], &last].concat());
    proxy.stop().expect(0);
    let mut serving = Serve::start(&[&out, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--rate", "max"]);
    let served = ask_each(serving.grpc(), &requests);
    for (at, ((head, served), recorded)) in served.iter().zip(&answers).enumerate() {
        let line = recorded.split(|byte| *byte == b'\r').next().unwrap();
        assert!(head.as_bytes().starts_with(line), "{at}: {head}");
        let wanted = body(recorded).to_vec();

        if at == 6 {
            // The same bytes, in one piece of base64.
            assert_eq!(served, b"AAAAAANvbmWAAAAAEGdycGMtc3RhdHVzOiAwDQo=");
            continue;
        }
        assert_eq!(served, &wanted, "{at}: {head}");
    }
    // What was not recorded is refused in the client's protocol.
    let others = [
        post("application/proto", "", b"\x08\x09"),
        post("application/connect+proto", "", &encode_message(false, b"new")),
        post("application/grpc-web", "", &encode_message(false, b"new")),
        post("text/plain", "", b"x"),
    ];
    let refused = ask_each(serving.grpc(), &others);
    assert!(refused[0].0.starts_with("HTTP/1.1 404 ") && refused[0].1.starts_with(br#"{"code":"not_found","#));
    assert!(refused[1].0.starts_with("HTTP/1.1 200 "), "{}", refused[1].0);
    assert_eq!(refused[1].1[0], 2);
    assert!(refused[2].0.contains("grpc-status: 5") && refused[2].0.contains("content-type: application/grpc-web"));
    assert!(refused[3].0.starts_with("HTTP/1.1 415 "), "{}", refused[3].0);
    serving.signal("INT");
    assert_eq!(serving.wait(), Some(0));
}

/// A body without the frames of a chunked transfer.
fn unchunked(head: &str, body: &[u8]) -> Vec<u8> {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_vec();
    }
    let (mut rest, mut whole) = (body, Vec::new());
    loop {
        let end = rest.windows(2).position(|part| part == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

#[test]
fn what_is_no_call_is_forwarded_and_not_recorded() {
    let dir = Dir::new();
    let out = dir.file("other.gcap");
    let server = Canned::start(&[&answer("200 OK", "text/plain", b"fine")]);
    let proxy = proxy(&server, &out, &["--format", "json"]);
    let seen = ask(&proxy, b"GET /healthz HTTP/1.0\r\n\r\n");
    assert!(seen.ends_with(b"fine"), "{}", String::from_utf8_lossy(&seen));
    let report = proxy.stop().expect(0).says(&["not a gRPC call"]).json();
    assert_eq!((&report["calls"], &report["not_grpc"]), (&json!(0), &json!(1)));
}
