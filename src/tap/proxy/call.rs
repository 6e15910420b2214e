//! One call: both directions passed on as they come, each looked at before it goes.
//!
//! What a side did is recorded before the other side can learn of it, so that the order of the capture is an order in
//! which things can have happened.

use std::{pin::pin, sync::Arc};

use h2::{
    Reason, RecvStream,
    client::{ResponseFuture, SendRequest},
    server::SendResponse,
};
use http::{HeaderMap, Request, Response, request::Parts};

use super::{
    connection::Link,
    ending::{Cut, Leaving},
    log::Log,
    outlet::{Closed, Door, Outlet, passed_on},
    piece::Piece,
    tape::{Tape, Unfinished},
};
use crate::{
    event::{Direction, Ending},
    tap::client::ending::{not_grpc, of_trailers},
    wire::status::{self, Block},
};

/// What watches one call.
struct Call {
    link: Arc<Link>,
    log: Option<Log>,
}

/// Carries a call from its request to its end.
pub(super) async fn carry(link: Arc<Link>, request: Request<RecvStream>, respond: SendResponse<Piece>) {
    let (parts, body) = request.into_parts();
    let log = Log::open(&link.hub, &parts, &link.peer);
    let call = Call { link, log };
    let mut door = Door::new(respond);
    let (cut, up) = match call.open(parts, &body, &mut door).await {
        Err(cut) => {
            call.log(|log| log.cut(&cut, call.link.watch.goaway()));
            (cut, None)
        }
        Ok((response, mut up)) => match call.run(body, &mut up, response, &mut door).await {
            Ok(()) => return,
            Err(cut) => (cut, Some(up)),
        },
    };
    call.pass_on(&cut, up, door).await;
}

impl Call {
    fn log(&self, record: impl FnOnce(&Log)) {
        if let Some(log) = &self.log {
            record(log);
        }
    }

    /// Sends the request's head on.
    async fn open(&self, parts: Parts, body: &RecvStream, door: &mut Door) -> Result<(ResponseFuture, Outlet), Cut> {
        let end = body.is_end_stream();
        if end {
            self.log(Log::half_close);
        }
        let ready = self.link.target.clone().ready();
        let mut target: SendRequest<Piece> = tokio::select! {
            biased;
            ready = ready => ready.map_err(Cut::Target)?,
            left = door.left() => return Err(Cut::Client(left)),
            reason = self.link.hub.stop.stopped() => return Err(Cut::Us(reason)),
        };
        let request = self.link.address(parts);
        let (response, up) = target.send_request(request, end).map_err(Cut::Target)?;
        Ok((response, Outlet::new(up)))
    }

    /// Passes both directions on until the call has its status and the client has said all, or until it is cut.
    async fn run(
        &self,
        mut body: RecvStream,
        up: &mut Outlet,
        response: ResponseFuture,
        door: &mut Door,
    ) -> Result<(), Cut> {
        let limit = self.link.hub.max_message_bytes;
        let (mut sent, mut received) = (Tape::new(Direction::Sent, limit), Tape::new(Direction::Received, limit));
        let cut = {
            let mut said = body.is_end_stream();
            let mut requests = pin!(self.requests(&mut body, up, &mut sent));
            let mut responses = pin!(self.responses(response, door, &mut received));
            loop {
                tokio::select! {
                    biased;
                    ended = &mut responses => match ended {
                        Err(cut) => break cut,
                        Ok(()) if said => return Ok(()),
                        // The call has its status. What the client still sends is passed on, and no part of it.
                        Ok(()) => {
                            tokio::select! {
                                _ = &mut requests => {}
                                _ = self.link.hub.stop.stopped() => {}
                                () = self.link.closed.cancelled() => {}
                            }
                            return Ok(());
                        }
                    },
                    done = &mut requests, if !said => match done {
                        Err(cut) => break cut,
                        Ok(()) => said = true,
                    },
                    reason = self.link.hub.stop.stopped() => break Cut::Us(reason),
                }
            }
        };
        self.log(|log| {
            let unfinished = match &cut {
                Cut::Target(error) if error.reason() != Some(Reason::CANCEL) => Unfinished::Lost,
                Cut::Target(_) | Cut::Client(_) | Cut::Us(_) => Unfinished::GivenUp,
            };
            sent.end(log, Unfinished::GivenUp);
            received.end(log, unfinished);
            log.cut(&cut, self.link.watch.goaway());
        });
        Err(cut)
    }

    /// Passes on what the client sends.
    async fn requests(&self, body: &mut RecvStream, up: &mut Outlet, tape: &mut Tape) -> Result<(), Cut> {
        loop {
            let data = tokio::select! {
                biased;
                data = body.data() => data,
                // The target wants no more; its answer says why.
                _ = up.left() => return Ok(()),
            };
            let Some(data) = data else { break };
            let data = data.map_err(|error| Cut::Client(Leaving::of(&error)))?;
            let bytes = data.len();
            if let Some(log) = &self.log {
                tape.look(log, &data).await;
            }
            let end = body.is_end_stream();
            if end {
                self.log(Log::half_close);
            }
            let passed = up.send(data, end).await;
            passed_on(body, bytes);
            // A target that takes no more has answered why.
            if end || passed.is_err() {
                return Ok(());
            }
        }
        let trailers = body.trailers().await;
        let trailers = trailers.map_err(|error| Cut::Client(Leaving::of(&error)))?;
        self.log(Log::half_close);
        let _ = match trailers {
            Some(trailers) => up.trailers(trailers),
            None => up.send(bytes::Bytes::new(), true).await,
        };
        Ok(())
    }

    /// Passes on what the target answers; done when the call has its status.
    async fn responses(&self, response: ResponseFuture, door: &mut Door, tape: &mut Tape) -> Result<(), Cut> {
        let response = tokio::select! {
            biased;
            response = response => response.map_err(Cut::Target)?,
            left = door.left() => return Err(Cut::Client(left)),
        };
        let (parts, mut body) = response.into_parts();
        let headers = parts.headers.clone();
        let foreign = not_grpc(parts.status, &headers);
        let only = body.is_end_stream();
        let status = only.then(|| status::status(&headers, Block::TrailersOnly)).flatten();
        self.log(|log| {
            if let Some(status) = status {
                log.end(Ending::Status(status));
                return;
            }
            log.headers(&headers);
            if only {
                log.end(self.ending(foreign.as_ref(), None, &headers));
            }
        });
        if door.begin(Response::from_parts(parts, ()), only).is_err() {
            return Err(Cut::Client(door.why().await));
        }
        if only {
            return Ok(());
        }
        let recorded = if foreign.is_none() { self.log.as_ref() } else { None };
        loop {
            let data = tokio::select! {
                biased;
                data = body.data() => data,
                left = door.left() => return Err(Cut::Client(left)),
            };
            let Some(data) = data else { break };
            let data = data.map_err(Cut::Target)?;
            let bytes = data.len();
            if let Some(log) = recorded {
                tape.look(log, &data).await;
            }
            let end = body.is_end_stream();
            if end {
                self.log(|log| {
                    tape.end(log, Unfinished::Lost);
                    log.end(self.ending(foreign.as_ref(), None, &headers));
                });
            }
            let passed = door.send(data, end).await;
            passed_on(&mut body, bytes);
            match passed {
                Ok(()) if end => return Ok(()),
                Ok(()) => {}
                Err(Closed) => return Err(Cut::Client(door.why().await)),
            }
        }
        let trailers = body.trailers().await.map_err(Cut::Target)?;
        self.log(|log| {
            tape.end(log, Unfinished::Lost);
            log.end(self.ending(foreign.as_ref(), trailers.as_ref(), &headers));
        });
        // A client that has gone in the meantime misses nothing that it wanted.
        let _ = match trailers {
            Some(trailers) => door.trailers(trailers),
            None => door.send(bytes::Bytes::new(), true).await,
        };
        Ok(())
    }

    fn ending(
        &self,
        foreign: Option<&crate::event::Status>,
        trailers: Option<&HeaderMap>,
        headers: &HeaderMap,
    ) -> Ending {
        match foreign {
            Some(status) => Ending::Status(status.clone()),
            None => of_trailers(trailers, headers, self.link.watch.goaway()),
        }
    }

    /// Tells the other side of the end that one side made.
    async fn pass_on(&self, cut: &Cut, up: Option<Outlet>, mut door: Door) {
        match cut {
            Cut::Client(leaving) => {
                if let Some(mut up) = up {
                    up.reset(leaving.reason()).await;
                }
            }
            Cut::Target(error) => match error.reason() {
                Some(reason) if error.is_reset() => door.reset(reason).await,
                // It has not been worked on, and may be tried again elsewhere.
                Some(_) if error.is_go_away() && error.is_remote() => door.reset(Reason::REFUSED_STREAM).await,
                // The connection is lost, and so will be the client's.
                _ => self.link.lost(&door).await,
            },
            Cut::Us(_) => {
                door.reset(Reason::CANCEL).await;
                if let Some(mut up) = up {
                    up.reset(Reason::CANCEL).await;
                }
            }
        }
    }
}
