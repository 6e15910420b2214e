//! Captures of services without spectrograms: each defect must be found by its rule, at its place, and by no other rule.

use prost::Message as _;
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto, field_descriptor_proto::Type,
};

use super::{rules, said};
use crate::{
    analyze::{
        Strictness,
        validate::{Expectations, ReadTo, Rule, Validation, Validator},
    },
    file::{Attribute, Header},
    model::{
        event::{
            Broken, CallStart, Cancelled, Deadline, Direction, Ending, Event, EventKind, Gap, GoAway, Headers, Limit,
            Message, Metadata, Observer as _, Party, Status,
        },
        finding::{
            Severity::{self, Error, Info, Warning},
            Verdict,
        },
    },
};

const MS: u64 = 1_000_000;
const GET: &str = "/a.B/Get";
const LIST: &str = "/a.B/List";

/// A capture of a service: twenty calls of Get, each with a request and an answer, and a call of List with thirty.
struct Service {
    header: Header,
    file: String,
    events: Vec<Event>,
    read_to: ReadTo,
}

/// Name, what breaks the service, and the findings: rule, severity, first place.
type Defect = (
    &'static str,
    fn(&mut Service),
    &'static [(&'static str, Severity, &'static str)],
);

impl Service {
    fn empty() -> Self {
        let mut header = Header::new(0);
        header.set(Attribute::DESCRIPTOR_SET, schema());
        Self {
            header,
            file: String::new(),
            events: Vec::new(),
            read_to: ReadTo::End,
        }
    }

    fn clean() -> Self {
        let mut service = Self::empty();
        for call in 1..=20 {
            service.call(call, GET, u64::from(call) * 100, &[20], ok());
        }
        let answers: Vec<u64> = (1..=30).map(|at| at * 100).collect();
        service.call(21, LIST, 3000, &answers, ok());
        service
    }

    /// Adds a call that starts at `ms`, receives a message at each of `after` milliseconds, and ends 10 ms later.
    fn call(&mut self, call: u32, method: &str, ms: u64, after: &[u64], ending: Ending) {
        let start = CallStart {
            method: method.to_owned(),
            authority: "server:1".to_owned(),
            ..CallStart::default()
        };
        self.put(call, ms, EventKind::CallStart(start));
        self.put(
            call,
            ms,
            EventKind::Message(Message::plain(Direction::Sent, &b"\x0a\x01q"[..])),
        );
        self.put(call, ms, EventKind::HalfClose);
        for after in after {
            self.put(
                call,
                ms + after,
                EventKind::Message(Message::plain(Direction::Received, &b"\x0a\x01a"[..])),
            );
        }
        self.put(call, ms + after.last().unwrap_or(&0) + 10, EventKind::End(ending));
    }

    fn put(&mut self, call: u32, ms: u64, kind: EventKind) {
        let seq = self.events.len() as u64 + 1;
        self.events.push(Event {
            call,
            seq,
            offset_ns: ms * MS,
            kind,
        });
    }

    /// Changes how a call ends.
    fn end(&mut self, call: u32, ending: Ending) {
        let of_call = |event: &&mut Event| event.call == call && matches!(event.kind, EventKind::End(_));
        self.events.iter_mut().find(of_call).unwrap().kind = EventKind::End(ending);
    }

    /// Removes the events of a call that `unwanted` names.
    fn remove(&mut self, call: u32, unwanted: fn(&EventKind) -> bool) {
        self.events.retain(|event| event.call != call || !unwanted(&event.kind));
    }

    /// Changes a message of a call: the one with this number in its direction.
    fn message(&mut self, call: u32, direction: Direction, number: usize) -> &mut Message {
        let messages = self.events.iter_mut().filter(|event| event.call == call);
        let mut messages = messages.filter_map(|event| match &mut event.kind {
            EventKind::Message(message) if message.direction == direction => Some(message),
            _ => None,
        });
        messages.nth(number - 1).unwrap()
    }

    fn validate(&self) -> Validation {
        let file = Expectations::parse_toml(&self.file, &Rule::NAMES).unwrap();
        let mut validator = Validator::new(Expectations::from_header(&self.header).merge(file), &self.header);
        self.events.iter().for_each(|event| validator.observe(event));
        validator.finish_at(&self.read_to)
    }
}

/// `service a.B { rpc Get(M) returns (M); rpc List(M) returns (stream M); }` with `message M { string text = 1; }`.
fn schema() -> Vec<u8> {
    let field = FieldDescriptorProto {
        name: Some("text".to_owned()),
        number: Some(1),
        r#type: Some(Type::String.into()),
        ..FieldDescriptorProto::default()
    };
    let method = |name: &str| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".a.M".to_owned()),
        output_type: Some(".a.M".to_owned()),
        server_streaming: Some(name == "List"),
        ..MethodDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("a.proto".to_owned()),
        package: Some("a".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("M".to_owned()),
            field: vec![field],
            ..DescriptorProto::default()
        }],
        service: vec![ServiceDescriptorProto {
            name: Some("B".to_owned()),
            method: vec![method("Get"), method("List")],
            ..ServiceDescriptorProto::default()
        }],
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

fn ok() -> Ending {
    Ending::Status(Status::default())
}

fn status(code: u32) -> Ending {
    Ending::Status(Status {
        code,
        message: "boom".to_owned(),
        ..Status::default()
    })
}

fn goaway(code: u32) -> Ending {
    Ending::Broken(Broken {
        goaway: code == 0,
        announced: Some(GoAway {
            last_stream: 1,
            code,
            data: (&b"too_many_pings"[..]).into(),
        }),
        ..Broken::new("connection closed")
    })
}

fn reset(code: u32) -> Ending {
    Ending::Cancelled(Cancelled {
        code: Some(code),
        ..Cancelled::new(Party::Server, "the server reset the stream")
    })
}

fn timed_out() -> Ending {
    Ending::Deadline(Deadline {
        limit: Limit::Call,
        after_ns: 500 * MS,
    })
}

/// Any events but the start: nothing of a call came back.
const fn all_but_start(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::CallStart(_))
}

const DEFECTS: &[Defect] = &[
    (
        "a call ends with INTERNAL",
        |s| s.end(7, status(13)),
        &[("error-status", Error, "call 7")],
    ),
    (
        "a call ends with NOT_FOUND",
        |s| s.end(7, status(5)),
        &[("error-status", Error, "call 7")],
    ),
    (
        "a call ends with OK where another status is expected",
        |s| {
            s.file = "[method.'*/List']\nstatuses = ['NOT_FOUND']".into();
        },
        &[("error-status", Error, "call 21")],
    ),
    (
        "a call ends with DEADLINE_EXCEEDED",
        |s| s.end(7, status(4)),
        &[("deadline", Error, "call 7")],
    ),
    (
        "the client's deadline passes",
        |s| s.end(7, timed_out()),
        &[("deadline", Error, "call 7")],
    ),
    (
        "the recorder does not wait longer for the first message",
        |s| {
            let deadline = Deadline {
                limit: Limit::FirstFrame,
                after_ns: 5000 * MS,
            };
            s.end(7, Ending::Deadline(deadline));
        },
        &[("deadline", Error, "call 7")],
    ),
    (
        "the server is killed",
        |s| s.end(21, Ending::Broken(Broken::new("connection reset"))),
        &[("broken-call", Error, "call 21")],
    ),
    (
        "the server resets a call",
        |s| s.end(7, reset(2)),
        &[("broken-call", Error, "call 7")],
    ),
    (
        "the server goes away while a call runs",
        |s| s.end(21, goaway(0)),
        &[("goaway", Error, "call 21")],
    ),
    (
        "the client pings too often",
        |s| s.end(21, goaway(11)),
        &[("keepalive-abuse", Error, "call 21")],
    ),
    (
        "the server asks for calm by a reset",
        |s| s.end(7, reset(11)),
        &[("keepalive-abuse", Error, "call 7")],
    ),
    (
        "a call has no ending",
        |s| {
            s.remove(21, |kind| matches!(kind, EventKind::End(_)));
            s.read_to = ReadTo::CutOff;
        },
        &[("unended-call", Error, "call 21")],
    ),
    (
        "a call goes on while the capture is recorded",
        |s| {
            s.remove(21, |kind| matches!(kind, EventKind::End(_)));
            s.read_to = ReadTo::Growing;
        },
        &[("unended-call", Info, "call 21")],
    ),
    (
        "the recorder lost messages of the client",
        |s| {
            let gap = Gap {
                direction: Direction::Sent,
                messages: 3,
                reason: Gap::OVERFLOW.to_owned(),
            };
            s.events.insert(
                2,
                Event {
                    kind: EventKind::Gap(gap),
                    ..s.events[1].clone()
                },
            );
        },
        &[("gap", Error, "call 1, message 2")],
    ),
    (
        "an answer is not a message of its type",
        |s| s.message(21, Direction::Received, 9).data = (&b"\x08\x01"[..]).into(),
        &[("malformed-message", Error, "call 21, message 9, byte 1")],
    ),
    (
        "a request is not a message of its type",
        |s| s.message(3, Direction::Sent, 1).data = (&b"\x0a\x09a"[..]).into(),
        &[("malformed-message", Error, "call 3, message 1, byte 1")],
    ),
    (
        "a message is flagged as compressed, and no encoding is named",
        |s| s.message(3, Direction::Received, 1).compressed = true,
        &[("malformed-message", Error, "call 3, message 1")],
    ),
    (
        "a message has fields that the schema lacks",
        |s| s.message(3, Direction::Received, 1).data = (&b"\x78\x01"[..]).into(),
        &[("unknown-fields", Warning, "call 3, message 1")],
    ),
    (
        "there is no schema",
        |s| s.header = Header::new(0),
        &[("not-decoded", Info, "call 1, message 1")],
    ),
    (
        "a stream falls silent",
        |s| {
            let late = s
                .events
                .iter_mut()
                .filter(|event| event.call == 21 && event.offset_ns >= 5000 * MS);
            late.for_each(|event| event.offset_ns += 11_000 * MS);
        },
        &[("stall", Warning, "call 21, message 20")],
    ),
    (
        "a stream is silent for longer than is expected",
        |s| s.file = "largest_gap_s = 0.05".into(),
        &[("stall", Warning, "call 21, message 2")],
    ),
    (
        "calls take longer than is expected",
        |s| s.file = "[method.'*']\nlatency_s = { p50 = 0.01 }".into(),
        &[("latency", Error, "the capture")],
    ),
    (
        "messages come slower than is expected",
        |s| s.file = "[method.'/a.B/List']\nmessage_gap_s = { p99 = 0.05 }\nfirst_message_s = 0.05".into(),
        &[("latency", Error, "the capture")],
    ),
    (
        "a method is not called",
        |s| s.file = "[method.'/a.B/Put']\nstatuses = ['OK']".into(),
        &[("too-few-calls", Error, "the capture")],
    ),
    (
        "a service sends too little",
        |s| s.file = "[method.'/a.B/*']\nminimum_messages = 51".into(),
        &[("too-few-messages", Error, "the capture")],
    ),
    (
        "there is no call",
        |s| s.events.clear(),
        &[("zero-messages", Error, "the capture")],
    ),
    (
        "there is nothing but health checks",
        |s| {
            s.events.clear();
            s.call(1, "/grpc.health.v1.Health/Check", 0, &[], status(12));
        },
        &[("zero-messages", Error, "the capture")],
    ),
    (
        "no call is answered",
        |s| {
            s.events.clear();
            s.call(1, GET, 0, &[], ok());
            s.call(
                2,
                GET,
                0,
                &[],
                Ending::Cancelled(Cancelled::new(Party::Client, "CANCEL")),
            );
        },
        &[("zero-messages", Error, "the capture")],
    ),
    (
        "nothing is known of the only call",
        |s| {
            s.events.clear();
            s.call(1, GET, 0, &[], ok());
            s.remove(1, all_but_start);
            s.read_to = ReadTo::CutOff;
        },
        &[
            ("zero-messages", Error, "the capture"),
            ("unended-call", Error, "call 1"),
        ],
    ),
    (
        "the server does not serve",
        |s| {
            s.call(22, "/grpc.health.v1.Health/Check", 9000, &[1], ok());
            s.message(22, Direction::Received, 1).data = (&b"\x08\x02"[..]).into();
        },
        &[("not-serving", Warning, "call 22")],
    ),
];

/// The rules that a defect here breaks.
pub(super) fn tried() -> impl Iterator<Item = &'static str> {
    DEFECTS
        .iter()
        .flat_map(|(.., expected)| *expected)
        .map(|(rule, ..)| *rule)
}

#[test]
fn a_clean_service_gives_no_finding() {
    let validation = Service::clean().validate();
    assert_eq!(validation.findings, []);
    assert_eq!(
        (validation.calls, validation.other_calls, validation.other_messages),
        (0, 21, 50)
    );
    assert!(validation.is_service);
}

#[test]
fn every_defect_of_a_service_is_found_by_its_rule_at_its_place_and_by_no_other() {
    let mut wrong = Vec::new();
    for (name, inject, expected) in DEFECTS {
        let mut service = Service::clean();
        inject(&mut service);
        let validation = service.validate();
        let found: Vec<_> = validation
            .findings
            .iter()
            .map(|finding| (finding.rule, finding.severity, finding.first.to_string()))
            .collect();
        let fits = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(found, expected)| {
                let place = found
                    .2
                    .strip_prefix(expected.2)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(", at"));
                (found.0, found.1, place) == (expected.0, expected.1, true)
            });
        if !fits {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        DEFECTS.len(),
        wrong.join("\n")
    );
}

#[test]
fn nothing_that_is_told_of_a_service_speaks_of_spectrograms() {
    for (name, inject, _) in DEFECTS {
        let mut service = Service::clean();
        inject(&mut service);
        for finding in service.validate().findings {
            let told = format!("{} {} {}", finding.rule, finding.message, finding.hint).to_lowercase();
            for word in ["frame", "row", "sensor", "spectr", " db", "fibre", "job"] {
                assert!(!told.contains(word), "{name}: `{word}` in {told}");
            }
        }
    }
}

#[test]
fn a_finding_names_the_method_the_call_and_the_status_and_counts_all() {
    let mut service = Service::clean();
    service.end(7, status(13));
    let validation = service.validate();
    let message = said(&validation, "error-status");
    assert_eq!(
        message,
        "/a.B/Get: the call ended with INTERNAL: boom, after 1 message, at call 7, at 0.730 s"
    );
    service.end(9, status(13));
    service.end(21, status(14));
    let message = said(&service.validate(), "error-status");
    assert!(
        message.ends_with("; 3 calls in all: /a.B/Get INTERNAL (2), /a.B/List UNAVAILABLE (1)"),
        "{message}"
    );
}

#[test]
fn allowed_statuses_are_no_findings_and_count_as_answers() {
    let mut service = Service::empty();
    service.call(1, GET, 0, &[], status(5));
    assert_eq!(rules(&service.validate()), [("error-status", Error)]);
    service.file = "[method.'/a.B/Get']\nstatuses = ['OK', 'NOT_FOUND', 'DEADLINE_EXCEEDED']".into();
    assert_eq!(service.validate().findings, []);
    service.end(1, timed_out());
    assert_eq!(service.validate().findings, []);
    // A rule that is turned off answers nothing.
    service.end(1, status(5));
    service.file = "allow = ['error-status']".into();
    assert_eq!(rules(&service.validate()), [("zero-messages", Error)]);
    service.file = "allow = ['error-status']\nallow_empty = true".into();
    assert_eq!(service.validate().findings, []);
}

#[test]
fn what_a_client_does_and_what_supports_a_service_is_no_defect() {
    let mut service = Service::clean();
    service.end(21, Ending::Cancelled(Cancelled::new(Party::Client, "CANCEL")));
    service.call(22, "/grpc.health.v1.Health/Check", 9000, &[], status(12));
    service.call(
        23,
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        9000,
        &[],
        status(12),
    );
    let validation = service.validate();
    assert_eq!(validation.findings, []);
    assert_eq!(validation.verdict(Strictness::Strict), Verdict::Pass);
}

#[test]
fn a_stream_that_waits_for_its_client_does_not_stall() {
    let mut service = Service::clean();
    service.events.retain(|event| event.call != 21);
    service.call(21, LIST, 3000, &[1], ok());
    let ending = service.events.pop().unwrap();
    for round in 1..20 {
        let ms = 3000 + round * if round > 12 { 60_000 } else { 100 };
        service.put(21, ms, EventKind::Message(Message::plain(Direction::Sent, &b""[..])));
        service.put(
            21,
            ms + 5,
            EventKind::Message(Message::plain(Direction::Received, &b""[..])),
        );
    }
    service.put(21, 3_000_000, ending.kind);
    assert_eq!(service.validate().findings, []);
}

#[test]
fn compressed_messages_are_inflated_by_the_encoding_of_their_side() {
    let mut service = Service::clean();
    let gzip = crate::grpc::deflate("gzip", b"\x0a\x01a").unwrap();
    let mut metadata = Metadata::default();
    metadata.push("grpc-encoding", "gzip");
    let headers = Event {
        kind: EventKind::Headers(Headers { metadata }),
        ..service.events[1].clone()
    };
    service.events.insert(2, headers);
    let message = service.message(1, Direction::Received, 1);
    (message.compressed, message.data) = (true, gzip.into());
    assert_eq!(service.validate().findings, []);
    service.message(1, Direction::Received, 1).data = (&b"not gzip"[..]).into();
    assert_eq!(rules(&service.validate()), [("malformed-message", Error)]);
}

#[test]
fn what_init_writes_from_a_service_lets_it_pass_and_fails_what_differs() {
    let mut service = Service::clean();
    service.end(7, Ending::Cancelled(Cancelled::new(Party::Client, "CANCEL")));
    let text = Expectations::init_from(&service.validate().observed);
    assert!(
        text.contains("[method.\"/a.B/Get\"]") && text.contains("latency_s"),
        "{text}"
    );
    for word in ["frame", "row", "sensor", "dB"] {
        assert!(!text.contains(word), "{text}");
    }
    service.file = text;
    assert_eq!(service.validate().findings, []);
    service.end(8, status(5));
    assert_eq!(rules(&service.validate()), [("error-status", Error)]);
}

#[test]
fn a_spectrogram_stream_may_end_with_an_allowed_status() {
    let mut scenario = super::Scenario::datastream();
    scenario.end(10, status(14));
    assert_eq!(rules(&scenario.validate()), [("error-status", Error)]);
    scenario.file = "[method.'/datastream.*']\nstatuses = ['OK', 'UNAVAILABLE']".into();
    assert_eq!(rules(&scenario.validate()), []);
}

#[test]
fn each_call_of_very_many_methods_is_judged() {
    let mut validator = Validator::new(Expectations::default(), &Header::new(0));
    let call = |number: u32, kind| Event {
        call: number,
        seq: 1,
        offset_ns: u64::from(number) * 1000,
        kind,
    };
    for number in 1..=100_000 {
        let start = CallStart {
            method: format!("/a.B/M{}", number % 2000),
            ..CallStart::default()
        };
        validator.observe(&call(number, EventKind::CallStart(start)));
        validator.observe(&call(
            number,
            EventKind::Message(Message::plain(Direction::Received, &b""[..])),
        ));
        let code = if number == 77_777 { 13 } else { 0 };
        validator.observe(&call(
            number,
            EventKind::End(Ending::Status(Status {
                code,
                ..Status::default()
            })),
        ));
    }
    let validation = validator.finish();
    assert_eq!(validation.other_calls, 100_000);
    assert_eq!(rules(&validation), [("error-status", Error), ("not-decoded", Info)]);
    assert!(said(&validation, "error-status").starts_with("/a.B/M1777: the call ended with INTERNAL"));
}
