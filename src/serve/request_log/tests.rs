use super::*;

fn log() -> Arc<RequestLog> {
    Arc::new(RequestLog::new(None))
}

fn start(method: &str) -> CallStart {
    CallStart {
        method: method.to_owned(),
        ..CallStart::default()
    }
}

#[tokio::test]
async fn the_latest_calls_are_kept_within_bounds_and_numbers_go_on() {
    let log = log();
    for number in 0..MAX_CALLS + 5 {
        log.call(start(&number.to_string()));
    }
    let events = log.events();
    assert_eq!(events.last().unwrap().call as usize, MAX_CALLS + 5);
    assert_eq!(events.first().unwrap().call, 6);
    let large = Bytes::from(vec![0; MAX_REQUEST_BYTES]);
    let call = log.call(start("large"));
    for _ in 0..100 {
        call.request(false, &large).await;
    }
    assert!(log.lock().bytes <= MAX_BYTES);
    let kept = log
        .events()
        .into_iter()
        .filter(|event| event.call as usize == MAX_CALLS + 6);
    let kept: usize = kept
        .map(|event| match event.kind {
            EventKind::Message(message) => message.data.len(),
            _ => 0,
        })
        .sum();
    assert!(kept > 4 << 20 && kept <= MAX_BYTES / 2, "{kept}");
    // What comes to a call that was forgotten is passed over.
    log.clear();
    call.request(false, &large).await;
    drop(call);
    assert!(log.events().is_empty() && log.lock().bytes == 0);
}

#[tokio::test]
async fn a_call_ends_once_and_one_that_is_left_is_cancelled() {
    let log = log();
    let call = log.call(start("/a.B/C"));
    call.request(false, &Bytes::from(vec![0; MAX_REQUEST_BYTES + 1])).await;
    call.half_close();
    call.end(Ending::Status(crate::model::event::Status::default()));
    drop(call);
    drop(log.call(start("/a.B/D")));
    let kinds: Vec<_> = log.events().into_iter().map(|event| event.kind).collect();
    let [
        EventKind::CallStart(_),
        EventKind::Gap(gap),
        EventKind::HalfClose,
        EventKind::End(Ending::Status(_)),
        EventKind::CallStart(_),
        EventKind::End(Ending::Cancelled(left)),
    ] = &kinds[..]
    else {
        panic!("{kinds:?}")
    };
    assert_eq!(
        (gap.messages, gap.direction, left.by),
        (1, Direction::Sent, Party::Client)
    );
}
