//! The schema that a proxied capture holds.

use serde_json::{Value, json};

use super::{
    conformance::{ask, runtime},
    wire::{Client, End, Server, framed},
};
use crate::support::{Dir, Serve, proxying::Proxying, run, shipped};

const PROTO: &str = r#"syntax = "proto3";
package test;
service Exchange { rpc Unary(Word) returns (Word); }
message Word { string text = 1; }
"#;

/// What `cat` says of the messages.
fn messages(capture: &str) -> Vec<Value> {
    let lines = run(&["cat", "--format", "json", capture]).expect(0).json_lines();
    lines.into_iter().filter(|line| line["event"] == "message").collect()
}

/// One call of `method` through the proxy, by `capture record`.
fn check_health(proxy: &Proxying, dir: &Dir) {
    let out = dir.file("client.gcap");
    let check = [
        "record",
        "--plaintext",
        "--force",
        "-o",
        &out,
        "-d",
        "{}",
        "--target",
        proxy.addr(),
    ];
    run(&[&check[..], &["--method", "/grpc.health.v1.Health/Check"]].concat()).expect(0);
}

#[test]
fn the_schema_that_the_target_tells_is_in_the_capture() {
    let dir = Dir::new();
    let serve = Serve::start(&[&shipped("zero-ids.gcap"), "--rate", "max"]);
    let args = ["-t", serve.grpc(), "--plaintext", "--method", "/grpc.health.v1.*"];
    for (flags, recorded) in [(&[][..], true), (&["--reflect"], true), (&["--reflect=never"], false)] {
        let out = dir.file(&format!("health{}.gcap", flags.concat()));
        let proxy = Proxying::start(&[&args[..], &["-o", &out], flags].concat());
        check_health(&proxy, &dir);
        proxy.stop().expect(0);
        let messages = messages(&out);
        assert_eq!(messages.len(), 2, "{messages:?}");
        // Health is decoded in any case; the schema tells whether the target was asked.
        assert_eq!(messages[1]["message"]["status"], json!("SERVING"), "{messages:?}");
        let info = run(&["info", &out, "--format", "json"]).expect(0).json();
        assert_eq!(info["attributes"]["descriptor-set"].is_object(), recorded, "{info}");
    }
}

#[test]
fn a_schema_from_a_file_is_in_the_capture() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("word.gcap"), server.addr.to_string());
    let proto = dir.write("test.proto", PROTO);
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out, "--proto", &proto]);
    let said = ask(("Unary", 1, 1), "ok", |_| framed(false, b"\x0a\x05hello"));
    let seen = runtime().block_on(async { Client::connect(proxy.addr()).await.call(&said, || ()).await });
    assert_eq!(seen.end, End::Closed);
    proxy.stop().expect(0);
    for message in messages(&out) {
        assert_eq!(message["message"]["text"], "hello", "{message}");
    }
}

#[test]
fn a_schema_that_must_be_there_and_is_not_ends_the_proxy_before_it_listens() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("none.gcap"), server.addr.to_string());
    let args = ["proxy", "-t", &target, "--plaintext", "-o", &out];
    run(&[&args[..], &["--reflect"]].concat())
        .expect(4)
        .says(&["does not offer reflection", "--proto"]);
    let missing = dir.file("missing.proto");
    run(&[&args[..], &["--proto", &missing]].concat()).expect(2);
    assert_eq!(dir.names(), [""; 0]);
}
