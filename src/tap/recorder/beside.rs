//! An observer on a thread of its own, so that what it thinks does not hold up what is written.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use crate::event::{Event, Observer};

/// Events that may wait for the observer. Their payloads are shared with the writer, which has already stored them; an
/// observer that cannot keep up slows the writer down, and loses nothing.
const WAITING_EVENTS: usize = 256;

/// An observer that runs beside the writer; [`join`](Self::join) gives it back.
///
/// ```
/// use grpc_capture::{event::{Event, EventKind, Observer}, tap::recorder::Beside};
///
/// struct Count(u32);
/// impl Observer for Count {
///     fn observe(&mut self, _: &Event) {
///         self.0 += 1;
///     }
/// }
/// let (mut observer, beside) = Beside::start(Count(0))?;
/// observer.observe(&Event { call: 1, seq: 1, offset_ns: 0, kind: EventKind::HalfClose });
/// drop(observer); // as the recorder does when it has finished
/// assert_eq!(beside.join().map(|count| count.0), Some(1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Beside<O> {
    thread: JoinHandle<O>,
}

impl<O: Observer + 'static> Beside<O> {
    /// Starts the thread. The first value is for [`RecorderOptions::observers`](super::RecorderOptions::observers).
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(observer: O) -> io::Result<(Box<dyn Observer>, Self)> {
        let (sender, events) = sync_channel(WAITING_EVENTS);
        let thread = thread::Builder::new()
            .name("capture-observer".into())
            .spawn(move || run(observer, &events))?;
        Ok((Box::new(Handover { sender }), Self { thread }))
    }

    /// Waits until the recorder has let go of its end and every event was observed; `None` when the observer panicked.
    #[must_use]
    pub fn join(self) -> Option<O> {
        self.thread.join().ok()
    }
}

fn run<O: Observer>(mut observer: O, events: &Receiver<Event>) -> O {
    for event in events {
        observer.observe(&event);
    }
    observer
}

struct Handover {
    sender: SyncSender<Event>,
}

impl Observer for Handover {
    fn observe(&mut self, event: &Event) {
        // Without a receiver the observer has panicked, which `join` tells.
        let _ = self.sender.send(event.clone());
    }
}
