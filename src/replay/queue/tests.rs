use std::{future::poll_fn, thread};

use bytes::Bytes;

use super::*;
use crate::replay::player::Finale;

fn message(len: usize) -> Step {
    let act = Act::Message {
        compressed: false,
        data: Bytes::from(vec![7; len]),
    };
    Step::new(0, act)
}

fn end() -> Step {
    Step::new(0, Act::End(Finale::Cancel))
}

fn len_of(step: &Step) -> usize {
    match &step.act {
        Act::Message { data, .. } => data.len(),
        _ => 0,
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
            producer.push(message(len)).unwrap();
        }
        producer.push(end()).unwrap();
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
        producer.push(message(1)).unwrap();
        producer.push(message(5000)).unwrap();
    });
    assert_eq!(len_of(&next(&mut consumer).await.unwrap()), 1);
    assert_eq!(len_of(&next(&mut consumer).await.unwrap()), 5000);
    reading.join().unwrap();
    assert_eq!(consumer.most_bytes(), 5000 + STEP_BYTES);
}

#[test]
fn a_reader_that_waits_is_let_go_when_the_client_leaves() {
    let (producer, consumer) = bounded(100);
    producer.push(message(100)).unwrap();
    let reading = thread::spawn(move || producer.push(message(100)));
    drop(consumer);
    assert_eq!(reading.join().unwrap(), Err(Gone));
}

#[tokio::test]
async fn a_reader_that_dies_ends_the_queue() {
    let (producer, mut consumer) = bounded(100);
    drop(producer);
    assert_eq!(next(&mut consumer).await, None);
}
