use std::{future::poll_fn, thread};

use bytes::Bytes;

use super::*;
use crate::serve::player::PlayedEnding;

fn message(len: usize) -> Step {
    let act = Act::Message {
        compressed: false,
        data: Bytes::from(vec![7; len]),
    };
    Step::new(0, act)
}

fn end() -> Step {
    Step::new(0, Act::End(PlayedEnding::Cancel))
}

fn len_of(step: &Step) -> usize {
    match &step.act {
        Act::Message { data, .. } => data.len(),
        _ => 0,
    }
}

/// Adds a step once there is room for it.
fn push(producer: &Producer, mut step: Step) -> Result<(), NotTaken> {
    loop {
        match producer.offer(step) {
            Err(NotTaken::Full(back)) => step = *back,
            other => return other,
        }
        thread::yield_now();
    }
}

async fn next(consumer: &mut Consumer) -> Option<Step> {
    poll_fn(|cx| consumer.poll_next(cx)).await
}

#[tokio::test]
async fn steps_come_out_in_order_and_the_bound_holds() {
    const LIMIT: usize = 10_000;
    let (producer, mut consumer) = bounded(LIMIT);
    let reading = thread::spawn(move || {
        for len in 0..500 {
            push(&producer, message(len)).unwrap();
        }
        push(&producer, end()).unwrap();
    });
    for len in 0..500 {
        assert_eq!(len_of(&next(&mut consumer).await.unwrap()), len);
    }
    assert_eq!(next(&mut consumer).await, Some(end()));
    assert_eq!(next(&mut consumer).await, None);
    reading.join().unwrap();
    assert!(consumer.most_bytes() <= LIMIT, "{}", consumer.most_bytes());
    assert!(consumer.most_bytes() > 0);
}

#[tokio::test]
async fn a_step_larger_than_the_bound_passes_alone() {
    let (producer, mut consumer) = bounded(100);
    let reading = thread::spawn(move || {
        push(&producer, message(1)).unwrap();
        push(&producer, message(5000)).unwrap();
    });
    assert_eq!(len_of(&next(&mut consumer).await.unwrap()), 1);
    assert_eq!(len_of(&next(&mut consumer).await.unwrap()), 5000);
    reading.join().unwrap();
    assert_eq!(consumer.most_bytes(), 5000 + STEP_BYTES);
}

#[test]
fn a_reader_that_waits_is_let_go_when_the_client_leaves() {
    let (producer, consumer) = bounded(100);
    push(&producer, message(100)).unwrap();
    let parking = producer.parking();
    let held = Arc::new(());
    let (waits, kept) = (Arc::clone(&held), producer.parking());
    let parked = parking.park(&message(100), Box::new(move || drop((waits, producer))));
    assert!(parked.is_none() && Arc::strong_count(&held) == 2);
    drop(consumer);
    assert_eq!(Arc::strong_count(&held), 1, "what waited is gone");
    let reading = thread::spawn(move || push(&Producer(kept.0), message(100)));
    assert_eq!(reading.join().unwrap(), Err(NotTaken::Gone));
}

#[tokio::test]
async fn a_reader_that_waits_goes_on_when_there_is_room() {
    let (producer, mut consumer) = bounded(300);
    push(&producer, message(100)).unwrap();
    let parking = producer.parking();
    let resume = move || push(&producer, message(200)).unwrap();
    assert!(parking.park(&message(200), Box::new(resume)).is_none());
    assert_eq!(len_of(&next(&mut consumer).await.unwrap()), 100);
    assert_eq!(len_of(&next(&mut consumer).await.unwrap()), 200);
    assert_eq!(next(&mut consumer).await, None);
    // What finds room does not wait.
    let (producer, _consumer) = bounded(300);
    assert!(producer.parking().park(&message(100), Box::new(|| {})).is_some());
}

#[tokio::test]
async fn a_reader_that_dies_ends_the_queue() {
    let (producer, mut consumer) = bounded(100);
    drop(producer);
    assert_eq!(next(&mut consumer).await, None);
}
