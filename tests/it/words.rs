//! The input and the error messages of users: addresses, methods, times and sizes in every common form, and remedies
//! that help in the given case.

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
        ("ftp://job:1", "the scheme is unknown"),
        ("unix:", "the path is missing"),
        ("dns://8.8.8.8/job:1", "own name server"),
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
            .says(&["the limit of the bundle is 16384"]);
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

/// A port that takes every connection, says this and ends.
fn says_only(bytes: &'static [u8]) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut asked = [0; 1024];
            let _ = io::Read::read(&mut client, &mut asked);
            let _ = client.write_all(bytes);
        }
    });
    addr
}

#[test]
fn a_port_that_speaks_something_else_is_named_for_what_it_is() {
    let dir = Dir::new();
    let ca = dir.file("ca.pem");
    let (plain, secret) = (
        serve(),
        Serve::start(&[&shipped("zero-ids.gcap"), &format!("--self-signed={ca}")]),
    );
    let rest = |serve: &Serve| serve.ready["rest"].as_str().unwrap().to_owned();
    let http1 = says_only(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").to_string();
    let https = says_only(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    let out = dir.file("none.gcap");
    let server = |url: &str| run(&["record", "--server", url, "-o", &out]).expect(4);
    // REST is asked for, and gRPC, or TLS, is there.
    for (url, says, not) in [
        (
            format!("http://{}", plain.grpc()),
            "--target HOST:PORT --plaintext",
            "may have been created",
        ),
        (
            format!("https://{}", plain.grpc()),
            "--target HOST:PORT --plaintext",
            "try http://",
        ),
        (
            format!("http://{}", secret.grpc()),
            "write https://",
            "may have been created",
        ),
        (
            rest(&secret).replace("https://", "http://"),
            "write https://",
            "may have been created",
        ),
        (rest(&plain).replace("http://", "https://"), "try http://", "--cacert"),
        (format!("http://{https}"), "write https://", "job description"),
    ] {
        let run = server(&url).says(&[says]);
        assert!(!run.stderr.contains(not), "{url}: {}", run.stderr);
    }
    run(&[
        "record",
        "--server",
        &format!("https://{}", secret.grpc()),
        "-o",
        &out,
        "--insecure",
    ])
    .expect(4)
    .says(&["gRPC over TLS", "--target HOST:PORT;"]);
    // gRPC is asked for, and REST is there.
    for (target, flags) in [
        (http1.as_str(), &["--plaintext"][..]),
        (&format!("http://{http1}"), &[]),
    ] {
        let record = ["record", "-t", target, "--job-id", "a", "-o", &out];
        run(&[&record[..], flags].concat())
            .expect(4)
            .says(&["--server", "gRPC"]);
    }
    // TLS where there is none, and plain text where there is TLS: the remedy is one that was not taken.
    let target = |target: &str, flags: &[&str]| {
        run(&[
            &[
                "record",
                "-t",
                target,
                "--job-id",
                "a",
                "-o",
                &out,
                "--connect-timeout",
                "2s",
            ],
            flags,
        ]
        .concat())
        .expect(4)
    };
    let trusted = target(plain.grpc(), &["--cacert", &ca]).says(&["drop the TLS flags, and add --plaintext"]);
    assert!(!trusted.stderr.contains("--insecure"), "{}", trusted.stderr);
    target(&format!("https://{}", plain.grpc()), &[]).says(&["http://"]);
    target(secret.grpc(), &["--plaintext"]).says(&["drop --plaintext"]);
    let http = target(&format!("http://{}", secret.grpc()), &[]).says(&["write https://"]);
    assert!(!http.stderr.contains("drop --plaintext"), "{}", http.stderr);
    assert_eq!(dir.names(), ["ca.pem"]);
}

#[test]
fn a_certificate_that_is_refused_says_what_is_wrong_with_it_and_nothing_that_was_done() {
    let dir = Dir::new();
    let (ca, other) = (dir.file("ca.pem"), dir.file("other.pem"));
    let serve = Serve::start(&[&shipped("zero-ids.gcap"), &format!("--self-signed={ca}")]);
    drop(Serve::start(&[
        &shipped("zero-ids.gcap"),
        &format!("--self-signed={other}"),
    ]));
    let out = dir.file("none.gcap");
    let pin = "0".repeat(64);
    for (flags, says, not) in [
        (&[][..], &["--cacert FILE", "--insecure"][..], &[][..]),
        (
            &["--cacert", &ca, "--authority", "elsewhere.example"],
            &["--authority localhost"],
            &["--cacert"],
        ),
        (
            &["--cacert", &other],
            &["other.pem holds another authority"],
            &["--cacert FILE"],
        ),
        (
            &["--pin-sha256", &pin],
            &["its SHA-256 is ", "--pin-sha256"],
            &["--insecure", "--cacert"],
        ),
    ] {
        let record = ["record", "-t", serve.grpc(), "--job-id", "a", "-o", &out];
        let run = run(&[&record[..], flags].concat()).expect(4).says(says);
        for text in not {
            assert!(!run.stderr.contains(text), "{flags:?}: {}", run.stderr);
        }
    }
    let rest = serve.ready["rest"].as_str().unwrap();
    for (flags, says, not) in [
        (&["--cacert", &other][..], "holds another authority", "--cacert FILE"),
        (&["--pin-sha256", &pin], "its SHA-256 is ", "--insecure"),
    ] {
        let run = run(&[&["record", "--server", rest, "-o", &out][..], flags].concat())
            .expect(4)
            .says(&[says]);
        assert!(!run.stderr.contains(not), "{flags:?}: {}", run.stderr);
    }
    // The certificate that it names is the one to pin.
    let told = run(&[
        "record",
        "-t",
        serve.grpc(),
        "--job-id",
        "a",
        "-o",
        &out,
        "--pin-sha256",
        &pin,
    ])
    .expect(4);
    let seen = told
        .stderr
        .split_once("its SHA-256 is ")
        .unwrap()
        .1
        .get(..64)
        .unwrap()
        .to_owned();
    let job = serve.ready["job_ids"][0].as_str().unwrap();
    run(&[
        "record",
        "-t",
        serve.grpc(),
        "--job-id",
        job,
        "-o",
        &out,
        "--pin-sha256",
        &seen,
    ])
    .expect(0);
}

#[test]
fn what_is_not_there_is_an_error_with_what_there_is() {
    let dir = Dir::new();
    let production = shipped("production.gcap");
    for form in ["--npy", "--parquet", "--mcap", "--binlog", "--frames", "--jsonl"] {
        let out = dir.file("out");
        run(&["export", &production, form, &out, "--call", "9"])
            .expect(4)
            .says(&["there is no call 9", "3 calls, 1 to 3"]);
    }
    assert_eq!(dir.names(), [""; 0]);
    let out = dir.file("cut.gcap");
    let around = |rule: &str| run(&["slice", &shipped("nan.gcap"), "-o", &out, "--around", rule]);
    around("nann")
        .expect(2)
        .says(&["`nan` is the nearest", "there are: nan"]);
    around("mising-rows").expect(2).says(&["`missing-rows` is the nearest"]);
    let known = around("stall").expect(2);
    assert!(!known.stderr.contains("nearest"), "{}", known.stderr);
}

/// What a command prints, with the colours that this environment asks for.
fn shown(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = crate::support::command(args);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    let done = command.envs(env.iter().copied()).output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap())
}

#[test]
fn the_verdict_stands_first_in_every_command_that_judges() {
    let dir = Dir::new();
    let (nan, good) = (shipped("nan.gcap"), shipped("zero-ids.gcap"));
    let goldens = dir.file("goldens");
    run(&["snapshot", &good, "--check", &goldens, "--update"]).expect(0);
    let serve = serve();
    let out = dir.file("out.gcap");
    let job = serve.ready["job_ids"][0].as_str().unwrap();
    let record = [
        "record",
        "-t",
        serve.grpc(),
        "--plaintext",
        "--job-id",
        job,
        "-o",
        &out,
        "--force",
        "--validate",
    ];
    let target = ["-t", serve.grpc(), "--plaintext"];
    for (args, word) in [
        (vec!["validate", &nan], "FAIL"),
        (vec!["validate", &good], "PASS"),
        (vec!["diff", &nan, &good], "FAIL"),
        (vec!["diff", &good, &good], "PASS"),
        (vec!["snapshot", &good, "--check", &goldens], "PASS"),
        (vec!["snapshot", &nan, "--check", &goldens], "FAIL"),
        ([&["replay", &good][..], &target].concat(), "PASS"),
        ([&["replay", &nan][..], &target].concat(), "FAIL"),
        (record.to_vec(), "PASS"),
        ([&record[..], &["--expect-bins", "9"]].concat(), "FAIL"),
    ] {
        let (code, plain) = shown(&args, &[]);
        assert!(plain.starts_with(&format!("{word}  ")), "{args:?}: {plain}");
        assert_eq!(code == Some(0), word == "PASS", "{args:?}");
        assert!(!plain.contains('\u{1b}'), "{args:?}: {plain}");
        let (_, coloured) = shown(&args, &[("CLICOLOR_FORCE", "1")]);
        let (green, red) = ("\u{1b}[32mPASS\u{1b}[0m  ", "\u{1b}[31mFAIL\u{1b}[0m  ");
        let begins = if word == "PASS" { green } else { red };
        assert!(coloured.starts_with(begins), "{args:?}: {coloured}");
        let (_, never) = shown(&args, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
        assert!(!never.contains('\u{1b}'), "{args:?}: {never}");
    }
    // In a pipe a line is a line, however long, and JSON is JSON.
    let (_, text) = shown(&["validate", &nan], &[("COLUMNS", "40")]);
    assert!(
        text.lines().next().unwrap().contains("1 value is NaN") && text.lines().next().unwrap().len() > 80,
        "{text}"
    );
    let (_, json) = shown(&["validate", "--format", "json", &nan], &[("CLICOLOR_FORCE", "1")]);
    assert!(json.starts_with('{'), "{json}");
}

#[test]
fn every_command_says_what_it_does_when_asked_to() {
    let dir = Dir::new();
    let (nan, good) = (shipped("nan.gcap"), shipped("zero-ids.gcap"));
    let serve = serve();
    let job = serve.ready["job_ids"][0].as_str().unwrap();
    let out = |name: &str| dir.file(name);
    let frames = dir.write("frames.bin", run(&["cat", "--raw", &good]).expect(0).stdout);
    for (args, says) in [
        (vec!["info", &good], "reading "),
        (vec!["cat", &good], "reading "),
        (vec!["stats", &good], "reading "),
        (vec!["verify", &good], "checking every byte of "),
        (vec!["validate", &nan, "--expect-bins", "8"], "expects bins 8"),
        (vec!["snapshot", &good], "capture "),
        (vec!["diff", &nan, &good], "zero-ids.gcap: "),
        (vec!["merge", &nan, &good, "-o", &out("m.gcap")], "wrote "),
        (vec!["note", &nan, "seen", "-o", &out("n.gcap")], "wrote "),
        (vec!["slice", &nan, "-o", &out("s.gcap")], "wrote "),
        (
            vec![
                "redact",
                &nan,
                "-o",
                &out("r.gcap"),
                "--field",
                "datastream.SpectrogramRow.canvasId=mask",
            ],
            "wrote ",
        ),
        (vec!["recover", &nan, "-o", &out("c.gcap")], "wrote "),
        (vec!["report", &nan, "-o", &out("p.html")], "wrote "),
        (vec!["export", &nan, "--npy", &out("a.npy")], "wrote "),
        (vec!["import", &frames, "-o", &out("i.gcap")], "length-delimited"),
        (vec!["bundle", &nan, "-o", &out("b.zip")], "wrote "),
        (vec!["completions", "bash"], "capture "),
        (vec!["man"], "capture "),
        (
            vec!["replay", &good, "-t", serve.grpc(), "--plaintext"],
            "connected to ",
        ),
        (
            vec![
                "record",
                "-t",
                serve.grpc(),
                "--plaintext",
                "--job-id",
                job,
                "-o",
                &out("o.gcap"),
            ],
            "calling /datastream.DataStreamService/StreamSpectrograms",
        ),
    ] {
        let run = run(&[&["-v"][..], &args].concat());
        let code = run.code.unwrap();
        let run = run.says(&[
            &format!("capture {} (captures of format ", env!("CARGO_PKG_VERSION")),
            says,
            "finished after ",
            &format!("exit code {code}"),
        ]);
        assert!(code < 2, "{args:?}: {}", run.stderr);
        // Without it, no word of that.
        let quiet = crate::support::run(&[&args[..], &["--quiet"]].concat());
        assert!(!quiet.stderr.contains("finished after "), "{args:?}: {}", quiet.stderr);
    }
}

#[test]
fn damage_is_not_laid_to_the_disk_nor_met_with_the_remedy_that_was_taken() {
    let dir = Dir::new();
    let mut bytes = std::fs::read(shipped("optodas-quake.gcap")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    let (damaged, saved) = (dir.write("damaged.gcap", bytes), dir.file("saved.gcap"));
    run(&["verify", &damaged]).expect(4);
    let recovered = run(&["recover", &damaged, "-o", &saved]);
    assert!(!recovered.text().contains("capture recover"), "{}", recovered.text());
    let judged = run(&["validate", &saved, "--format", "json"]).expect(1).json();
    let findings = judged["findings"].as_array().unwrap();
    let gap = findings.iter().find(|finding| finding["rule"] == "gap").unwrap();
    let hint = gap["hint"].as_str().unwrap();
    assert!(hint.contains("good copy") && !hint.contains("disk"), "{hint}");
}

#[test]
fn an_import_doubts_the_dialect_only_where_it_may_be_wrong() {
    let dir = Dir::new();
    let good = run(&["cat", "--raw", &shipped("zero-ids.gcap")]).expect(0).stdout;
    // Millions of empty rows: more than is decoded, whatever the dialect.
    let rows = b"\x0a\x00".repeat(3_000_000);
    let wide = crate::support::delimited(&[rows.into()]);
    let broken = b"\x03\xff\xff\xff".to_vec();
    for (name, bytes, flags, code, says, doubts) in [
        ("wide", wide, &[][..], 3, "more memory than allowed", false),
        ("one", [&good[..], &broken].concat(), &[], 1, "though others can", false),
        ("all", broken.clone(), &[], 1, "--dialect pandadatastream", true),
        (
            "other",
            broken,
            &["--dialect", "pandadatastream"],
            1,
            "--dialect datastream",
            true,
        ),
    ] {
        let (input, out) = (dir.write(name, bytes), dir.file(&format!("{name}.gcap")));
        let run = run(&[&["import", &input, "-o", &out][..], flags].concat())
            .expect(code)
            .says(&[says]);
        assert_eq!(run.stderr.contains("--dialect"), doubts, "{name}: {}", run.stderr);
    }
}
