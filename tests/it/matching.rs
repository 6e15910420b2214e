//! `capture serve` for requests that vary, with a client of tonic whose requests hold a clock and a random id.

use bytes::Bytes;
use grpc_capture::{
    file::{Header, Writer, WriterOptions},
    model::{CallStart, Direction, Ending, Event, EventKind, Message, Status},
};
use prost::Message as _;
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use serde_json::Value;
use tonic::{Code, Request, client::Grpc, transport::Channel};

use crate::support::{Dir, Serve, endings, events, raw_job::RawCodec, run};

const PLACE: &str = "/shop.Orders/Place";

#[derive(Clone, PartialEq, prost::Message)]
struct Order {
    #[prost(string, tag = "1")]
    what: String,
    #[prost(message, optional, tag = "2")]
    header: Option<OrderHeader>,
    #[prost(string, tag = "3")]
    request_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OrderHeader {
    #[prost(int64, tag = "1")]
    local_time: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Placed {
    #[prost(string, tag = "1")]
    state: String,
    #[prost(string, tag = "2")]
    request_id: String,
}

fn order(what: &str, number: i64) -> Order {
    Order {
        what: what.to_owned(),
        header: Some(OrderHeader { local_time: number }),
        request_id: format!("id-{number}"),
    }
}

/// The schema of the service.
fn schema() -> Vec<u8> {
    let field = |name: &str, number, kind: Type, type_name: Option<&str>| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: type_name.map(ToOwned::to_owned),
        ..FieldDescriptorProto::default()
    };
    let message = |name: &str, field: Vec<FieldDescriptorProto>| DescriptorProto {
        name: Some(name.to_owned()),
        field,
        ..DescriptorProto::default()
    };
    let order = vec![
        field("what", 1, Type::String, None),
        field("header", 2, Type::Message, Some(".shop.Header")),
        field("request_id", 3, Type::String, None),
    ];
    let placed = vec![
        field("state", 1, Type::String, None),
        field("request_id", 2, Type::String, None),
    ];
    let place = MethodDescriptorProto {
        name: Some("Place".to_owned()),
        input_type: Some(".shop.Order".to_owned()),
        output_type: Some(".shop.Placed".to_owned()),
        ..MethodDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("shop.proto".to_owned()),
        package: Some("shop".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![
            message("Order", order),
            message("Header", vec![field("local_time", 1, Type::Int64, None)]),
            message("Placed", placed),
        ],
        service: vec![ServiceDescriptorProto {
            name: Some("Orders".to_owned()),
            method: vec![place],
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

/// Writes a capture of these orders, numbered from 1.
fn capture(dir: &Dir, orders: &[Order]) -> String {
    let path = dir.file("shop.gcap");
    let mut header = Header::new(1_700_000_000_000_000_000);
    header.set_descriptor_set(&schema());
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    for (call, order) in (1..).zip(orders) {
        let placed = Placed {
            state: format!("{} {call}", order.what),
            request_id: order.request_id.clone(),
        };
        let start = CallStart {
            method: PLACE.to_owned(),
            ..CallStart::default()
        };
        let message = |direction, data: Vec<u8>| EventKind::Message(Message::plain(direction, data));
        for (seq, kind) in (1..).zip([
            EventKind::CallStart(start),
            message(Direction::Sent, order.encode_to_vec()),
            EventKind::HalfClose,
            message(Direction::Received, placed.encode_to_vec()),
            EventKind::End(Ending::Status(Status::default())),
        ]) {
            let offset_ns = (u64::from(call) * 10 + seq) * 1000;
            writer
                .write(&Event {
                    call,
                    seq,
                    offset_ns,
                    kind,
                })
                .unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

/// What the server answers to these orders, one after the other over one connection.
fn place(serve: &Serve, orders: &[Order]) -> Vec<Result<Placed, Code>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let uri = format!("http://{}", serve.grpc()).parse().unwrap();
        let channel = Channel::builder(uri).connect().await.unwrap();
        let mut answers = Vec::new();
        for order in orders {
            let mut client = Grpc::new(channel.clone());
            client.ready().await.unwrap();
            let request = Request::new(Bytes::from(order.encode_to_vec()));
            let answer = client.unary(request, PLACE.parse().unwrap(), RawCodec).await;
            answers.push(match answer {
                Ok(answer) => Ok(Placed::decode(answer.into_inner()).unwrap()),
                Err(status) => Err(status.code()),
            });
        }
        answers
    })
}

fn states(answers: Vec<Result<Placed, Code>>) -> Vec<Result<String, Code>> {
    answers
        .into_iter()
        .map(|answer| answer.map(|placed| placed.state))
        .collect()
}

#[test]
fn one_flag_satisfies_a_client_whose_requests_hold_a_clock_and_a_random_id() {
    let dir = Dir::new();
    let shop = capture(&dir, &[order("tea", 1), order("milk", 2), order("tea", 3)]);
    let live = [order("tea", 91), order("milk", 92), order("tea", 93), order("rum", 94)];
    let exact = Serve::start(&[&shop, "--rate=max"]);
    assert_eq!(states(place(&exact, &live)), vec![Err(Code::NotFound); 4]);
    // What was recorded is answered exactly, whatever the flag says.
    assert_eq!(states(place(&exact, &[order("tea", 3)])), [Ok("tea 3".to_owned())]);
    let varied = Serve::start(&[&shop, "--rate=max", "--match", "*.local_time,request_id"]);
    let expected = [Ok("tea 1"), Ok("milk 2"), Ok("tea 3"), Err(Code::NotFound)];
    let expected = expected.map(|answer| answer.map(ToOwned::to_owned));
    assert_eq!(states(place(&varied, &live)), expected);
    assert_eq!(states(place(&varied, &[order("tea", 3)])), [Ok("tea 3".to_owned())]);
}

#[test]
fn rules_in_a_file_put_the_values_of_the_request_into_the_answer() {
    let dir = Dir::new();
    let shop = capture(&dir, &[order("tea", 1)]);
    let rules = dir.write(
        "rules.toml",
        "[method.'shop.Orders/*']\nidentify = ['what']\nanswer = { request_id = 'request_id' }\n",
    );
    let serve = Serve::start(&[&shop, "--rate=max", "--match", &rules]);
    let placed = place(&serve, &[order("tea", 12_345)]).remove(0).unwrap();
    assert_eq!(
        (placed.state.as_str(), placed.request_id.as_str()),
        ("tea 1", "id-12345")
    );
}

#[test]
fn what_the_client_sent_is_kept_and_a_recorded_call_that_nobody_asked_for_fails_a_strict_server() {
    let dir = Dir::new();
    let shop = capture(&dir, &[order("tea", 1), order("milk", 2)]);
    let asked = dir.file("asked.gcap");
    for (orders, code) in [(vec![order("tea", 7)], 1), (vec![order("tea", 8), order("milk", 9)], 0)] {
        let mut serve = Serve::start(&[
            &shop,
            "--rate=max",
            "--match=header,request_id",
            "--strict",
            "--force",
            "-o",
            &asked,
        ]);
        place(&serve, &orders);
        serve.signal("TERM");
        assert_eq!(serve.wait(), Some(code));
        let sent: Vec<_> = events(&asked)
            .into_iter()
            .filter_map(|event| match event.kind {
                EventKind::Message(message) if message.direction == Direction::Sent => Some(message.data),
                _ => None,
            })
            .collect();
        assert_eq!(sent, orders.iter().map(Order::encode_to_vec).collect::<Vec<_>>());
        assert_eq!(endings(&asked).len(), orders.len());
        // It decodes by the schema of the capture that was served.
        let printed = run(&["cat", &asked, "--format", "json", "--direction", "sent"]).expect(0);
        let message = printed
            .json_lines()
            .into_iter()
            .find(|line| line["event"] == "message")
            .unwrap();
        assert_eq!(message["message"]["what"], Value::from("tea"), "{message}");
    }
}

#[test]
fn rules_that_cannot_be_used_are_refused_with_their_place() {
    let dir = Dir::new();
    let shop = capture(&dir, &[order("tea", 1)]);
    run(&["serve", &shop, "--match", "a..b"])
        .expect(2)
        .says(&["--match", "a..b", "empty part"]);
    run(&["serve", &shop, "--match", "missing.toml"])
        .expect(2)
        .says(&["missing.toml"]);
    let wrong = dir.write("wrong.toml", "ignored = ['a']\n");
    run(&["serve", &shop, "--match", &wrong])
        .expect(2)
        .says(&["wrong.toml", "ignored"]);
    run(&["serve", &shop, "-o", &shop]).expect(2).says(&["shop.gcap"]);
}
