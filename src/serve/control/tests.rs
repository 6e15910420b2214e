use super::*;

#[tokio::test(start_paused = true)]
async fn the_clock_stands_while_it_is_paused() {
    let control = Control::new(Start::Playing);
    let played = || control.view().played(Instant::now());
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(played(), Duration::from_secs(3));
    assert!(control.pause());
    assert!(!control.pause());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(played(), Duration::from_secs(3));
    assert!(control.resume());
    assert!(!control.resume());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(played(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_starts_paused_has_played_nothing() {
    let control = Control::new(Start::Paused);
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(control.view().played(Instant::now()), Duration::ZERO);
    control.resume();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(control.view().played(Instant::now()), Duration::from_secs(1));
}

#[tokio::test]
async fn every_change_is_seen_and_wakes_those_that_wait() {
    let control = Control::new(Start::Playing);
    let mut listed = control.register(Label {
        job_id: "a".to_owned(),
        method: "/x.Y/Z".to_owned(),
        stream_id: Some(2),
    });
    let view = control.view();
    let (woken, waker) = {
        let woken = Arc::new(Woken::default());
        (Arc::clone(&woken), Waker::from(woken))
    };
    listed.wake_on_change(&waker, view.generation);
    assert!(control.is_current(&view));
    control.seek(Duration::from_secs(4));
    assert!(!control.is_current(&view));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(
        (control.view().seeks, control.view().sought),
        (1, Duration::from_secs(4))
    );
    listed.at(1_500_000_000);
    let status = control.status();
    assert_eq!(
        (
            &status["state"],
            &status["calls"][0]["offset_s"],
            &status["calls"][0]["stream_id"]
        ),
        (&json!("playing"), &json!(1.5), &json!(2))
    );
    drop(listed);
    assert_eq!(control.status()["calls"], json!([]));
}

#[derive(Default)]
struct Woken(AtomicU64);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
