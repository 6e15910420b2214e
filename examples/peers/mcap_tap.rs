//! The tap of `capture` with the writer of the mcap crate instead of our own.

use std::{collections::BTreeMap, fs::File, io::BufWriter, time::Instant};

use grpc_capture::{
    das::{Dialect, datastream_request},
    model::{Event, EventKind},
    record::{Recorder, RecorderOptions, Sink, SinkError},
    tap::{HealthProbe, Job, JobOptions, StreamSpec, Target, record_job},
};
use mcap::{Compression, WriteOptions, records::MessageHeader};
use serde_json::json;

struct McapSink {
    writer: mcap::Writer<BufWriter<File>>,
    channel: u16,
    bytes: u64,
}

impl Sink for McapSink {
    type Summary = u64;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        if let EventKind::Message(message) = &event.kind {
            let header = MessageHeader {
                channel_id: self.channel,
                sequence: event.seq as u32,
                log_time: event.offset_ns,
                publish_time: event.offset_ns,
            };
            self.writer.write_to_known_channel(&header, &message.data)?;
            self.bytes += message.data.len() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.writer.flush()?)
    }

    fn finish(mut self) -> Result<u64, SinkError> {
        self.writer.finish()?;
        Ok(self.bytes)
    }

    fn stored_bytes(&self) -> u64 {
        0
    }
}

pub(crate) fn options(compression: &str) -> WriteOptions {
    WriteOptions::new().compression(Some(match compression {
        "zstd" => Compression::Zstd,
        "lz4" => Compression::Lz4,
        other => panic!("`{other}` is neither zstd nor lz4"),
    }))
}

pub(crate) fn run(addr: &str, out: &str, compression: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let bytes = runtime.block_on(async {
        let mut writer = options(compression)
            .create(BufWriter::new(File::create(out).unwrap()))
            .unwrap();
        let channel = writer.add_channel(0, "stream", "protobuf", &BTreeMap::new()).unwrap();
        let sink = McapSink {
            writer,
            channel,
            bytes: 0,
        };
        let recorder = Recorder::start(sink, RecorderOptions::default()).unwrap();
        let mut target: Target = addr.parse().unwrap();
        target.scheme = Some(grpc_capture::tap::Scheme::Http);
        let job = Job {
            target,
            streams: vec![StreamSpec {
                method: Dialect::DataStream.method().to_owned(),
                request: datastream_request("job", 0).into(),
                server_limited: false,
            }],
        };
        let options = JobOptions {
            health: HealthProbe::Skip,
            ..JobOptions::default()
        };
        record_job(&job, &options, &recorder.handle()).await.unwrap();
        recorder.finish().await.unwrap()
    });
    println!("{}", json!({"bytes": bytes, "seconds": began.elapsed().as_secs_f64()}));
}
