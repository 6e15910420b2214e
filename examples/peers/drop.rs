//! The upper limit: a bare tonic client that discards what it receives.

use std::time::{Duration, Instant};

use bytes::Bytes;
use grpc_capture::das::{Dialect, datastream_request};
use http::uri::PathAndQuery;
use serde_json::json;
use tonic::{Request, client::Grpc, transport::Endpoint};

use super::raw::RawCodec;

/// Windows and frames as the recorder asks for them, so that the only difference is the work.
const WINDOW: u32 = 8 << 20;
const FRAME: u32 = 1 << 20;

pub(crate) fn run(addr: &str, calls: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let (messages, bytes) = runtime.block_on(async {
        let calls: Vec<_> = (0..calls)
            .map(|call| tokio::spawn(one(addr.to_owned(), call)))
            .collect();
        let mut sum = (0, 0);
        for call in calls {
            let (messages, bytes) = call.await.unwrap();
            sum = (sum.0 + messages, sum.1 + bytes);
        }
        sum
    });
    println!(
        "{}",
        json!({"messages": messages, "bytes": bytes, "seconds": began.elapsed().as_secs_f64()})
    );
}

async fn one(addr: String, call: usize) -> (u64, u64) {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    let endpoint = endpoint
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .max_frame_size(FRAME)
        .connect_timeout(Duration::from_secs(10));
    let mut client = Grpc::new(endpoint.connect().await.unwrap()).max_decoding_message_size(usize::MAX);
    client.ready().await.unwrap();
    let request = Bytes::from(datastream_request(&format!("job-{call}"), 0));
    let path = PathAndQuery::from_static(Dialect::DataStream.method());
    let response = client
        .server_streaming(Request::new(request), path, RawCodec)
        .await
        .unwrap();
    let mut stream = response.into_inner();
    let (mut messages, mut bytes) = (0, 0);
    while let Some(message) = stream.message().await.unwrap() {
        messages += 1;
        bytes += message.len() as u64;
    }
    (messages, bytes)
}
