//! Uses any bytes as requests and answers of a Focus Server. Nothing panics, and JSON with replaced addresses is still
//! JSON.

#![no_main]

use grpc_capture::das::{ConfigureRequest, ConfigureResponse, Endpoint, Format, JobSpec, error_text, parse_body, readdress, refusal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        for format in [Format::Json, Format::Toml] {
            if let Ok(job) = JobSpec::parse(text, format) {
                let _ = job.validate();
            }
        }
    }
    let Ok(body) = parse_body(input) else { return };
    let _ = (refusal(&body), error_text(&body), ConfigureRequest::parse(&body));
    let response = ConfigureResponse::from(body);
    let _ = (response.job_id(), response.endpoint("127.0.0.1"));
    let Ok(text) = std::str::from_utf8(input) else { return };
    let to = Endpoint {
        scheme: None,
        host: "127.0.0.1".to_owned(),
        port: 1,
    };
    if let Some(changed) = readdress(text, &to) {
        assert!(parse_body(changed.as_bytes()).is_ok());
    }
});
