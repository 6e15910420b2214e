//! Opening of the recorded call that a client gets.

use std::{io, sync::Arc};

use tokio::time::Instant;

use crate::serve::{
    catalog::Chosen,
    control::Label,
    encoding::Encoding,
    player::MaxFrames,
    reader,
    share::{CallFeed, Share},
    state::ServerState,
    steps::{CallReading, Steps},
};

/// The feed of the chosen call for this client.
pub(super) fn feed(
    state: &ServerState,
    chosen: &Chosen<'_>,
    encoding: Encoding,
    start: Instant,
) -> io::Result<CallFeed> {
    let (job_id, call) = (&chosen.entry.job.job_id, chosen.call);
    let key = (job_id.clone(), call.call);
    let share = state.deliveries.take(&key);
    let open = |max_frames, encoding| {
        let tape = CallReading {
            source: chosen.entry.source.clone(),
            job_id: job_id.clone(),
            call: call.clone(),
            max_frames,
            drained: share == Share::Nothing,
            playback: Arc::clone(&state.playback),
            faults: state.faults.clone(),
            encoding,
            sessions: Arc::clone(&state.sessions),
            limit: reader::read_ahead(state.counters.active() + 1),
        };
        let label = Label {
            job_id: job_id.clone(),
            method: call.method.clone(),
            stream_id: call.stream_id(),
        };
        Steps::open(tape, start, state.control.register(label), Arc::clone(&state.meter))
    };
    if share == Share::Part {
        // Competing clients differ in what they accept: each encodes what it gets.
        let shared = || open(MaxFrames::Unlimited, Encoding::AS_RECORDED);
        let encoder = encoding.encoder(call.answer_encoding.as_deref());
        return state.deliveries.join(key, chosen.max_frames, encoder, shared);
    }
    open(chosen.max_frames, encoding).map(|steps| CallFeed::Whole(Box::new(steps)))
}
