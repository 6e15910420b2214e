//! Reads any text as expectations, redaction rules and faults, and uses the result. Nothing panics.

#![no_main]

use grpc_capture::{model::Observer as _, file::Reader, transform::Rules, serve::{Fault, FaultPlan}, das::Expectations, analyze::{Rule, Validator}};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = (text.parse::<Fault>(), text.parse::<FaultPlan>());
    let _ = Rules::parse(text);
    let Ok(expectations) = Expectations::parse_toml(text, &Rule::NAMES) else {
        return;
    };
    let _ = expectations.list();
    let file = std::io::Cursor::new(include_bytes!("../../captures/nan.gcap"));
    let reader = Reader::new(file).unwrap();
    let mut validator = Validator::new(expectations, reader.header());
    for event in reader {
        validator.observe(&event.unwrap());
    }
    let _ = validator.finish();
});
