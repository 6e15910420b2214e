//! Mapping of transport ends to recorded endings.

use std::error::Error as StdError;

use http::HeaderMap;

use crate::{
    grpc::{
        http2::code,
        metadata,
        status::{self, Block},
    },
    model::event::{Broken, Cancelled, Ending, GoAway, Party, Status},
    tap::dial::chain,
};

/// The ending of a call that we cancelled.
pub(in crate::tap) fn by_us(reason: impl Into<String>) -> Ending {
    Ending::Cancelled(Cancelled {
        by: Party::Us,
        reason: reason.into(),
        code: None,
        cut: false,
    })
}

/// The ending of a call whose transport failed.
pub(in crate::tap) fn broken(error: impl Into<String>) -> Ending {
    Ending::Broken(Broken::new(error))
}

/// The ending of a call whose connection ended; `error` is told when the server announced nothing.
pub(in crate::tap) fn lost(error: impl Into<String>, announced: Option<&GoAway>) -> Ending {
    Ending::Broken(Broken {
        error: announced.map_or_else(|| error.into(), GoAway::told),
        goaway: announced.is_some_and(GoAway::is_orderly),
        announced: announced.cloned(),
        ..Broken::default()
    })
}

/// The ending of a call that the server reset with an HTTP/2 error code.
pub(in crate::tap) fn reset_by_server(reset: u32) -> Ending {
    let error = format!("the server reset the stream ({})", code::name(reset));
    if reset == code::CANCEL {
        return Ending::Cancelled(Cancelled {
            code: Some(reset),
            ..Cancelled::new(Party::Server, error)
        });
    }
    Ending::Broken(Broken {
        reset: Some(reset),
        ..Broken::new(error)
    })
}

/// The ending for a transport error; `announced` is what the server said on the connection.
pub(in crate::tap) fn of_error(error: &(dyn StdError + 'static), announced: Option<&GoAway>) -> Ending {
    if find::<hyper::Error>(error).is_some_and(hyper::Error::is_timeout) {
        return broken("the server stopped answering HTTP/2 pings");
    }
    let Some(h2) = find::<h2::Error>(error) else {
        return lost(chain(error), announced);
    };
    match h2.reason() {
        Some(reason) if h2.is_reset() && h2.is_remote() => reset_by_server(reason.into()),
        Some(reason) if !h2.is_remote() && (h2.is_go_away() || h2.is_reset()) => {
            let code = code::name(reason.into());
            broken(format!(
                "we closed the connection, because the server broke the rules of HTTP/2 ({code}): {h2}"
            ))
        }
        _ => lost(format!("the connection was lost: {h2}"), announced),
    }
}

/// True when a call that failed before any data arrived was not processed: the stream was refused, or the connection
/// went away under it.
pub(in crate::tap) fn may_try_again(error: &(dyn StdError + 'static), ending: &Ending) -> bool {
    match find::<h2::Error>(error) {
        Some(h2) if h2.is_reset() => h2.reason() == Some(h2::Reason::REFUSED_STREAM),
        _ => matches!(ending, Ending::Broken(_)),
    }
}

/// The ending for a response whose body ended. A stream that a GOAWAY closes looks like that, too: hyper takes its
/// `NO_ERROR` for the end of the body.
pub(in crate::tap) fn of_trailers(
    trailers: Option<&HeaderMap>,
    headers: &HeaderMap,
    announced: Option<&GoAway>,
) -> Ending {
    if let Some(trailers) = trailers {
        let status = status::status(trailers, Block::Trailers).unwrap_or_else(|| Status {
            code: status::UNKNOWN,
            message: "the trailers hold no grpc-status".to_owned(),
            trailers: metadata(trailers),
            trailers_only: false,
        });
        return Ending::Status(status);
    }
    match status::status(headers, Block::TrailersOnly) {
        // The status stood in headers that were followed by an empty body.
        Some(status) => Ending::Status(Status {
            trailers: crate::model::event::Metadata::default(),
            trailers_only: false,
            ..status
        }),
        None => Ending::Broken(Broken {
            goaway: announced.is_some_and(GoAway::is_orderly),
            announced: announced.cloned(),
            // A stream that a GOAWAY closes looks the same.
            ended: announced.is_none(),
            ..Broken::new("the server ended the stream without a status")
        }),
    }
}

/// Describes an ending in a few words.
pub(in crate::tap) fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Status(status) => format!("{}: {}", status::name(status.code), status.message),
        Ending::Broken(broken) => broken.error.clone(),
        Ending::Cancelled(cancelled) => cancelled.reason.clone(),
        Ending::Deadline(_) => ending.name().to_owned(),
    }
}

/// Finds the first error of a type among the causes.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

    use super::*;
    use crate::tap::testing::{self, Peer};

    #[tokio::test]
    async fn a_server_that_stops_answering_pings_is_lost_and_no_wish_of_ours() {
        let addr = testing::serve(|_, stream| async move {
            let mut peer = Peer::open(stream).await;
            peer.request().await;
            drop(peer.hold().await);
        })
        .await;
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let soon = std::time::Duration::from_millis(20);
        let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(soon)
            .keep_alive_timeout(soon)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = http::Request::post("http://job/a.B/C").body(tonic::body::Body::empty());
        let error = sender.send_request(request.unwrap()).await.unwrap_err();
        let Ending::Broken(broken) = of_error(&error, None) else {
            panic!("{error:?}")
        };
        assert!(broken.error.contains("pings"), "{}", broken.error);
    }

    #[test]
    fn a_connection_that_ends_after_a_goaway_was_closed_on_purpose() {
        let calm = GoAway {
            last_stream: 1,
            code: 11,
            data: "too_many_pings".into(),
        };
        let lost = h2::Error::from(h2::Reason::INTERNAL_ERROR);
        assert!(matches!(
            of_error(
                &lost,
                Some(&GoAway {
                    code: 0,
                    ..calm.clone()
                })
            ),
            Ending::Broken(Broken { goaway: true, .. })
        ));
        for goaway in [None, Some(&calm)] {
            assert!(matches!(
                of_error(&lost, goaway),
                Ending::Broken(Broken { goaway: false, .. })
            ));
        }
    }
}
