//! Keeps a fault in one piece of work from ending the task that everything hangs on.
//!
//! A panic in the writer, the loader, the courier, the poller or the sweeper ends what it was at just then, is
//! logged, and the task goes on with what comes next. Without that it would be gone until somebody restarts the
//! process, which would look alive. A reader's connection is thrown away with what a panic left open on it.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Runs a piece of a task's work to its end; answers none if it panicked. Whoever calls throws away what the work
/// may have left half-done.
pub async fn contained<T>(task: &'static str, work: impl Future<Output = T>) -> Option<T> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.map_err(|panic| tell(task, panic.as_ref())).ok()
}

/// The same for work that blocks.
pub fn contained_blocking<T>(task: &'static str, work: impl FnOnce() -> T) -> Option<T> {
    let ended = std::panic::catch_unwind(AssertUnwindSafe(work));
    ended.map_err(|panic| tell(task, panic.as_ref())).ok()
}

fn tell(task: &'static str, panic: &(dyn Any + Send)) {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        task,
        panic = words.unwrap_or_default(),
        "a fault of this program ended a piece of work; the task goes on with the next"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_piece_of_work_and_no_more() {
        assert_eq!(contained("test", async { 7 }).await, Some(7));
        let failed = async {
            tokio::task::yield_now().await;
            panic!("no {}", "good");
        };
        assert_eq!(contained::<u8>("test", failed).await, None);
        assert_eq!(contained_blocking("test", || 7), Some(7));
        assert_eq!(contained_blocking::<u8>("test", || panic!("no good")), None);
    }
}
