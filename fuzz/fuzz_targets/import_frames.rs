//! Reads any bytes as a file of frames in both dialects. The import gives a result or an error and never panics. The
//! format of any first bytes is recognised or reported as unknown.

#![no_main]

use grpc_capture::{transform::{Import, ImportOptions, recognize}, das::Dialect, model::EventKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = recognize(input);
    for dialect in [Dialect::DataStream, Dialect::PandaDataStream] {
        let options = ImportOptions {
            dialect,
            ..ImportOptions::default()
        };
        let mut import = Import::new(input, options);
        let (mut endings, mut errors, mut offset_ns) = (0, 0, 0);
        for event in import.by_ref() {
            let Ok(event) = event else {
                errors += 1;
                continue;
            };
            assert!(event.offset_ns >= offset_ns);
            offset_ns = event.offset_ns;
            endings += usize::from(matches!(event.kind, EventKind::End(_)));
        }
        assert!(endings == 1 && errors <= 1);
    }
});
