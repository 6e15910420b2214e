//! The task that drives a connection, and the knowledge that it has ended.

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// A task that drives a connection; dropped, the task is aborted.
///
/// Its end can be awaited any number of times, by anyone. A `JoinHandle` that is awaited again after its task has ended
/// panics, so none is kept.
pub(super) struct Driver {
    ended: CancellationToken,
    task: AbortHandle,
}

impl Driver {
    /// Starts the task.
    pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        let ended = CancellationToken::new();
        // Given when the task has ended, has panicked, or was aborted.
        let guard = ended.clone().drop_guard();
        let task = tokio::spawn(async move {
            let _guard = guard;
            work.await;
        });
        Self {
            ended,
            task: task.abort_handle(),
        }
    }

    /// Waits until the task has ended.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_can_be_awaited_again_whatever_it_was() {
        let well = Driver::spawn(async {});
        let panicked = Driver::spawn(async { panic!("a test") });
        for driver in [&well, &panicked, &well, &panicked] {
            driver.ended().await;
        }
    }

    #[tokio::test]
    async fn a_driver_that_is_dropped_takes_its_task_with_it() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let driver = Driver::spawn(async move {
            let _sender = sender;
            std::future::pending().await
        });
        drop(driver);
        assert!(receiver.await.is_err());
    }
}
