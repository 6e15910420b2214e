//! An observer with its own thread, so that slow observing does not delay the writer.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use crate::model::event::{Event, EventKind, Observer};

/// Largest number of events waiting for the observer. Their payloads are shared with the writer, which has already
/// stored them; an observer that cannot keep up slows the writer down, and loses nothing.
const WAITING_EVENTS: usize = 256;

/// Largest number of waiting message bytes; one message waits whatever its size.
const WAITING_BYTES: usize = 64 << 20;

/// An observer that runs on its own thread; [`join`](Self::join) returns it.
#[derive(Debug)]
pub(crate) struct BackgroundObserver<O> {
    thread: JoinHandle<O>,
}

impl<O: Observer + 'static> BackgroundObserver<O> {
    /// Starts the thread. The first value is for [`ReservedRecording::with_observer`](super::ReservedRecording::with_observer).
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(observer: O) -> io::Result<(Box<dyn Observer>, Self)> {
        let (sender, events) = sync_channel(WAITING_EVENTS);
        let room = Arc::new(Room::default());
        let taken = Taken(Arc::clone(&room));
        let thread = thread::Builder::new()
            .name("capture-observer".into())
            .spawn(move || run(observer, &events, &taken))?;
        Ok((Box::new(Handover { sender, room }), Self { thread }))
    }

    /// Waits until the recorder has dropped its end and every event was observed; `None` when the observer panicked.
    #[must_use]
    pub(crate) fn join(self) -> Option<O> {
        self.thread.join().ok()
    }
}

fn run<O: Observer>(mut observer: O, events: &Receiver<Event>, taken: &Taken) -> O {
    for event in events {
        observer.observe(&event);
        taken.0.give(bytes(&event));
    }
    observer
}

fn bytes(event: &Event) -> usize {
    match &event.kind {
        EventKind::Message(message) => message.data.len(),
        _ => 0,
    }
}

/// Counts the waiting bytes; `None` once nobody takes them any more.
struct Room {
    waiting: Mutex<Option<usize>>,
    changed: Condvar,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Some(0)),
            changed: Condvar::new(),
        }
    }
}

impl Room {
    /// Waits until there is room for this many bytes.
    fn take(&self, bytes: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.is_some_and(|waiting| waiting > 0 && waiting + bytes > WAITING_BYTES) {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting = waiting.map(|waiting| waiting + bytes);
    }

    fn give(&self, bytes: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = waiting.map(|waiting| waiting.saturating_sub(bytes));
        self.changed.notify_all();
    }
}

/// The observer's end of the queue: when it is dropped, all waits for room end.
struct Taken(Arc<Room>);

impl Drop for Taken {
    fn drop(&mut self) {
        *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.changed.notify_all();
    }
}

struct Handover {
    sender: SyncSender<Event>,
    room: Arc<Room>,
}

impl Observer for Handover {
    fn observe(&mut self, event: &Event) {
        self.room.take(bytes(event));
        // Without a receiver the observer has panicked, which `join` tells.
        let _ = self.sender.send(event.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::model::event::{Direction, Message};

    fn message(bytes: usize) -> Event {
        Event {
            call: 1,
            seq: 1,
            offset_ns: 0,
            kind: EventKind::Message(Message::plain(Direction::Received, vec![0; bytes])),
        }
    }

    #[test]
    fn no_more_bytes_wait_than_there_is_room_for() {
        struct Slow(mpsc::Receiver<()>);
        impl Observer for Slow {
            fn observe(&mut self, _: &Event) {
                let _ = self.0.recv();
            }
        }
        let (go, wait) = mpsc::channel();
        let (mut observer, beside) = BackgroundObserver::start(Slow(wait)).unwrap();
        let (sent, told) = mpsc::channel();
        let sender = thread::spawn(move || {
            for _ in 0..3 {
                observer.observe(&message(WAITING_BYTES / 2));
                sent.send(()).unwrap();
            }
        });
        told.recv().unwrap();
        told.recv().unwrap();
        // The third has no room before the first is done with.
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty));
        go.send(()).unwrap();
        told.recv().unwrap();
        sender.join().unwrap();
        drop(go);
        assert!(beside.join().is_some());
    }

    #[test]
    fn an_observer_that_panicked_holds_nobody_up() {
        struct Bad;
        impl Observer for Bad {
            fn observe(&mut self, _: &Event) {
                std::panic::resume_unwind(Box::new("on purpose"));
            }
        }
        let (mut observer, beside) = BackgroundObserver::start(Bad).unwrap();
        for _ in 0..4 {
            observer.observe(&message(WAITING_BYTES));
        }
        assert!(beside.join().is_none());
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_background_observer() -> Result<(), std::io::Error> {
        use crate::{
            model::{Event, EventKind, Observer},
            record::BackgroundObserver,
        };

        struct Count(u32);
        impl Observer for Count {
            fn observe(&mut self, _: &Event) {
                self.0 += 1;
            }
        }
        let (mut observer, beside) = BackgroundObserver::start(Count(0))?;
        observer.observe(&Event {
            call: 1,
            seq: 1,
            offset_ns: 0,
            kind: EventKind::HalfClose,
        });
        drop(observer); // as the recorder does when it has finished
        assert_eq!(beside.join().map(|count| count.0), Some(1));
        Ok(())
    }
}
