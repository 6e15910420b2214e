//! What people write, and what they are told: addresses, methods, times and sizes in every common form, and remedies that
//! help in the very case.

use std::{
    io::{self, Write as _},
    net::TcpStream,
    os::unix::net::UnixListener,
    thread,
};

use serde_json::json;

use crate::support::{Dir, Serve, run, shipped, verify};

const METHOD: &str = "/datastream.DataStreamService/StreamSpectrograms";

fn serve() -> Serve {
    Serve::start(&[&shipped("zero-ids.gcap"), "--rate", "max"])
}

fn request(serve: &Serve) -> String {
    json!({ "job_id": serve.ready["job_ids"][0] }).to_string()
}

#[test]
fn a_method_is_taken_in_every_form_that_grpcurl_takes() {
    let (dir, serve) = (Dir::new(), serve());
    let data = request(&serve);
    for method in [
        METHOD,
        "datastream.DataStreamService/StreamSpectrograms",
        "datastream.DataStreamService.StreamSpectrograms",
    ] {
        let out = dir.file("out.gcap");
        let target = ["record", "-t", serve.grpc(), "--plaintext", "-o", &out, "--force"];
        run(&[&target[..], &["--method", method, "-d", &data]].concat()).expect(0);
        let info = run(&["info", "--format", "json", &out]).expect(0).json();
        assert_eq!(info["call_list"][0]["method"], METHOD, "{method}");
    }
    run(&["record", "-t", "h:1", "--method", "StreamSpectrograms"])
        .expect(2)
        .says(&["package.Service.Method"]);
}

/// A socket of the file system before a port: what comes is handed to and fro.
fn behind_unix(path: &str, addr: String) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&addr).unwrap());
            let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut client, &mut server).and_then(|_| server.flush()));
            thread::spawn(move || io::copy(&mut answers, &mut back));
        }
    });
}

#[test]
fn a_target_is_dialled_in_every_form_that_grpc_has() {
    let (dir, serve) = (Dir::new(), serve());
    let (addr, job) = (serve.grpc(), serve.ready["job_ids"][0].as_str().unwrap());
    let (_, port) = addr.rsplit_once(':').unwrap();
    let socket = dir.file("job.sock");
    behind_unix(&socket, addr.to_owned());
    for target in [
        format!("localhost:{port}"),
        format!("http://{addr}"),
        format!("dns:///localhost:{port}"),
        format!("dns:localhost:{port}"),
        format!("ipv4:{addr}"),
        format!("passthrough:///{addr}"),
        format!("unix:{socket}"),
        format!("unix://{socket}"),
    ] {
        let out = dir.file("out.gcap");
        let scheme = target.starts_with("http://");
        let plain: &[&str] = if scheme { &[] } else { &["--plaintext"] };
        let record = ["record", "-t", &target, "--job-id", job, "-o", &out, "--force"];
        run(&[&record[..], plain].concat()).expect(0);
        assert_eq!(verify(&out).summary.messages, 5, "{target}");
        let replay = ["replay", &out, "-t", &target];
        run(&[&replay[..], plain].concat()).expect(0);
    }
    for (target, why) in [
        ("job", "the port is missing"),
        ("ftp://job:1", "the scheme is not known"),
        ("unix:", "the path is missing"),
        ("dns://8.8.8.8/job:1", "no other name server"),
    ] {
        run(&["replay", &shipped("nan.gcap"), "-t", target])
            .expect(2)
            .says(&[why, "HOST:PORT", "unix:/PATH"]);
    }
}

#[test]
fn a_focus_server_is_found_without_a_scheme_and_servers_listen_where_they_are_told() {
    let dir = Dir::new();
    let quake = shipped("zero-ids.gcap");
    let serve = Serve::start(&[
        &quake,
        "--rate",
        "max",
        "--grpc",
        "localhost:0",
        "--rest",
        "ipv4:127.0.0.1:0",
    ]);
    let rest = serve.ready["rest"].as_str().unwrap();
    let bare = rest.strip_prefix("http://").unwrap();
    let out = dir.file("out.gcap");
    run(&["record", "--server", bare, "-o", &out]).expect(0);
    assert_eq!(verify(&out).summary.messages, 5);
    for addr in ["127.0.0.1", "unix:/tmp/x", "nowhere.invalid:1"] {
        run(&["serve", &quake, "--grpc", addr]).expect(2).says(&["HOST:PORT"]);
        run(&["proxy", "-t", "h:1", "-l", addr]).expect(2).says(&["HOST:PORT"]);
    }
}

#[test]
fn times_and_sizes_are_taken_in_every_common_form() {
    let dir = Dir::new();
    let nan = shipped("nan.gcap");
    for time in ["250ms", "0.25s", "0.25", ".25s", "250000us", "0:00.25"] {
        let out = dir.file("late.gcap");
        let cut = [
            "slice",
            &nan,
            "-o",
            &out,
            "--force",
            "--start-offset",
            time,
            "--format",
            "json",
        ];
        assert_eq!(run(&cut).expect(0).json()["from_ns"], 250_000_000, "{time}");
    }
    for size in ["16384", "16KiB", "16Ki", "16 kib", "0.015625MiB"] {
        let zip = dir.file("b.zip");
        run(&["bundle", &nan, "-o", &zip, "--force", "--max-size", size])
            .expect(4)
            .says(&["the bundle may have 16384"]);
    }
    for (args, how) in [
        (["--start-offset", "soon"], "1h30m"),
        (["--start-offset", "1 parsec"], "1h30m"),
        (["--margin", "5M"], "500ms"),
    ] {
        let out = dir.file("none.gcap");
        let cut = ["slice", &nan, "-o", &out, "--around", "nan"];
        run(&[&cut[..4], &args[..]].concat()).expect(2).says(&[how]);
    }
}
