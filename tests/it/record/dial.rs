//! Connecting to a job that is dead, late, unhealthy, behind TLS, or has another name.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use grpc_capture::model::{Ending, Status};
use rustls::pki_types::PrivateKeyDer;

use super::{arguments, holds, record, start};
use crate::support::{
    Dir, Running, Serve, endings, frames,
    raw_job::{Port, RawJob, Step},
    received, run, shipped, verify,
};

/// Half of what `--connect-timeout` is by default: a command that ends sooner has obeyed a shorter limit.
const HALF_THE_DEFAULT: Duration = Duration::from_secs(15);

#[test]
fn a_dead_port_ends_within_its_limit_with_a_remedy_and_no_file() {
    let dir = Dir::new();
    let (out, port) = (dir.file("dead.gcap"), Port::reserve());
    let began = Instant::now();
    let run = record(port.addr, &out, &["--connect-timeout", "700ms"]).expect(4);
    assert!(began.elapsed() < HALF_THE_DEFAULT);
    let run = run.says(&[&port.addr.to_string(), "is the server running", "--connect-timeout"]);
    assert_eq!(run.json()["messages"], 0);
    assert_eq!(dir.names(), [""; 0], "what recorded nothing is in nobody's way");
}

#[test]
fn a_job_that_starts_late_is_recorded_from_its_first_frame() {
    let (dir, frames, port) = (Dir::new(), frames(5, 4), Port::reserve());
    let out = dir.file("late.gcap");
    let addr = port.addr.to_string();
    let mut recording = Running::start(&arguments(&addr, &out, &["--plaintext", "-vv"]));
    // The port refuses until the recorder has told of several attempts that failed.
    recording.wait_until_it_says("attempt 4 at");
    let _job = RawJob::builder().frames(&frames).start_on(port);
    recording.finish().expect(0).says(&["attempt 1 at"]);
    holds(&out, &frames);
}

#[test]
fn a_wrong_job_id_is_the_servers_not_found_and_names_the_job() {
    let dir = Dir::new();
    let serve = Serve::start(&[&shipped("nan.gcap"), "--rate", "max"]);
    let raw = RawJob::builder().job_id("another").start();
    for (name, addr) in [("serve", serve.grpc().to_owned()), ("raw", raw.addr.to_string())] {
        let out = dir.file(&format!("{name}.gcap"));
        run(&arguments(&addr, &out, &["--plaintext"])).expect(64 + 5).says(&[
            "NOT_FOUND",
            "12-70788",
            "is the job's name right",
        ]);
        assert!(verify(&out).is_whole());
        let endings = endings(&out);
        assert!(
            matches!(&endings[..], [Ending::Status(Status { code: 5, .. })]),
            "{endings:?}"
        );
    }
}

#[test]
fn a_refusal_is_passed_on_as_64_and_its_status() {
    for (code, number) in [(tonic::Code::PermissionDenied, 7), (tonic::Code::Internal, 13)] {
        let dir = Dir::new();
        let out = dir.file("refused.gcap");
        let job = RawJob::builder().then(Step::Fail(code, "not today".to_owned())).start();
        record(job.addr, &out, &[]).expect(64 + number).says(&["not today"]);
        assert!(verify(&out).is_whole());
    }
}

#[test]
fn a_job_that_is_not_healthy_yet_is_waited_for() {
    let (dir, frames) = (Dir::new(), frames(3, 4));
    let out = dir.file("job.gcap");
    let job = RawJob::builder().health(&[false, false, true]).frames(&frames).start();
    record(job.addr, &out, &[]).expect(0);
    assert_eq!((job.asked(), job.calls()), (3, 1));
    holds(&out, &frames);
}

#[test]
fn a_job_that_never_becomes_healthy_is_given_up_without_taking_its_frames() {
    let (dir, frames) = (Dir::new(), frames(3, 4));
    let out = dir.file("sick.gcap");
    let job = RawJob::builder().health(&[false]).frames(&frames).start();
    let began = Instant::now();
    record(job.addr, &out, &["--connect-timeout", "1s"]).expect(4).says(&[
        "did not become ready",
        "healthy = false",
        "--connect-timeout",
    ]);
    assert!(began.elapsed() < HALF_THE_DEFAULT);
    assert!(job.asked() > 1, "it was asked again");
    assert_eq!(job.calls(), 0);
    assert_eq!(dir.names(), [""; 0]);

    let anyway = dir.file("anyway.gcap");
    record(job.addr, &anyway, &["--no-health-check"]).expect(0);
    holds(&anyway, &frames);
}

/// A self-signed certificate for this machine: the server's side of it, and its PEM.
fn self_signed() -> (rustls::ServerConfig, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (config, made.cert.pem())
}

#[test]
fn a_self_signed_server_is_refused_unless_it_is_named_or_trust_is_waived() {
    let (dir, frames) = (Dir::new(), frames(7, 4));
    let (config, pem) = self_signed();
    let ours = dir.write("ours.pem", pem);
    let strangers = dir.write("strangers.pem", self_signed().1);
    let job = RawJob::builder().tls(config).frames(&frames).start();
    let addr = job.addr.to_string();

    for (name, flags) in [("none", &[][..]), ("stranger", &["--cacert", &strangers])] {
        let out = dir.file(&format!("{name}.gcap"));
        let began = Instant::now();
        run(&arguments(&addr, &out, flags))
            .expect(4)
            .says(&["could not trust", "--cacert", "--insecure"]);
        assert!(began.elapsed() < HALF_THE_DEFAULT, "waiting cures nothing here");
        assert!(!std::path::Path::new(&out).exists());
    }
    assert_eq!(job.calls(), 0, "nobody who was not trusted was asked for frames");

    for (name, flags) in [("insecure", &["--insecure"][..]), ("named", &["--cacert", &ours])] {
        let out = dir.file(&format!("{name}.gcap"));
        run(&arguments(&addr, &out, flags)).expect(0);
        holds(&out, &frames);
    }

    let out = dir.file("plain.gcap");
    run(&arguments(&addr, &out, &["--plaintext"]))
        .expect(4)
        .says(&["the server speaks TLS", "--plaintext"]);
}

#[test]
fn tls_is_not_spoken_to_a_server_of_plain_text_when_it_was_asked_for() {
    let dir = Dir::new();
    let job = RawJob::builder().frames(&frames(1, 4)).start();
    let (addr, out) = (job.addr.to_string(), dir.file("out.gcap"));
    // Asked for by name, encryption is never given up, not even on this machine.
    run(&arguments(
        &format!("https://{addr}"),
        &out,
        &["--connect-timeout", "5s"],
    ))
    .expect(4)
    .says(&["--plaintext"]);
    assert_eq!(job.calls(), 0);
}

#[test]
fn a_connection_that_is_lost_after_the_first_frame_is_not_dialled_again() {
    let (dir, frames) = (Dir::new(), frames(4, 4));
    let (out, port) = (dir.file("out.gcap"), Port::reserve());
    let addr = port.addr;
    let first = RawJob::builder()
        .frames(&frames)
        .then(Step::Gate)
        .then(Step::Die)
        .start_on(port);
    let recording = start(addr, &out, &[]);
    super::wait_for_messages(&out, frames.len());
    first.open_gate();
    recording.finish().expect(4);
    assert_eq!(received(&out), frames, "and nothing of the port's next job");
}
