//! A connection as its stream and its requests both know it, and the count of all of them.
//!
//! The server's dispatcher bounds the head of the first request and the silence between two. The rest is here: which
//! part of an exchange a connection is in, whether its client has closed its side, and whether a client that waits for
//! `100 Continue` may have it. `guarded_stream.rs` acts on the stream, `frame.rs` tells where a request is.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::HttpRequest;
use tokio::sync::Notify;

/// Whether all of a body has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// All of it, or there is none.
    Whole,
    /// Not yet.
    Incomplete,
}

/// All connections of this node.
#[derive(Debug)]
pub struct Connections {
    open: AtomicUsize,
    open_max: usize,
    draining: AtomicBool,
}

impl Connections {
    /// None yet, of so many at the most.
    #[must_use]
    pub fn new(open_max: usize) -> Self {
        Self { open: AtomicUsize::new(0), open_max, draining: AtomicBool::new(false) }
    }

    /// How many may be open at a time.
    #[must_use]
    pub fn open_max(&self) -> usize {
        self.open_max
    }

    /// From now on no connection is kept after its answer.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// True once the node is about to stop.
    #[must_use]
    pub fn are_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// True if a connection may wait for its next request. Not while the node is about to stop; nor while more than
    /// half of them all are open, so that idle ones never keep new clients out for longer than a head may take.
    #[must_use]
    pub fn are_kept(&self) -> bool {
        !self.are_draining() && self.open.load(Ordering::Relaxed).saturating_mul(2) <= self.open_max
    }

    /// Counts a connection for as long as the answer lives.
    #[must_use]
    pub fn count(self: &Arc<Self>) -> Counted {
        self.open.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }
}

/// A connection that is counted.
pub struct Counted(Arc<Connections>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection. Clones share it.
#[derive(Clone, Default)]
pub struct Connection(Rc<State>);

#[derive(Default)]
struct State {
    stage: Cell<Stage>,
    interim: Cell<Interim>,
    is_closed: Cell<bool>,
    closing: Notify,
}

/// Where a connection is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stage {
    /// How many requests have begun on it.
    pub requests: u64,
    /// What the newest of them is at.
    pub phase: Phase,
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// No request is in hand; what arrives is the head of the next one.
    #[default]
    Between,
    /// A request is being served.
    Serving,
    /// A request was answered before its body had arrived; the answer is the connection's last.
    Leaving,
}

/// The interim answer `100 Continue`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Interim {
    /// The client does not wait for it.
    #[default]
    NotAwaited,
    /// The client sends its body only after it.
    Awaited,
    /// The client waits for it, and the body is wanted.
    Due,
}

impl Connection {
    /// The connection that a request came by; one of its own where there is none, as in tests.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        request.conn_data::<Self>().cloned().unwrap_or_default()
    }

    /// Where it is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.0.stage.get()
    }

    /// A request begins: its head is complete.
    pub fn begin(&self) {
        let requests = self.stage().requests.wrapping_add(1);
        self.0.stage.set(Stage { requests, phase: Phase::Serving });
    }

    /// The request is answered.
    pub fn end(&self, arrival: Arrival) {
        let phase = match arrival {
            Arrival::Whole => Phase::Between,
            Arrival::Incomplete => Phase::Leaving,
        };
        self.0.stage.set(Stage { phase, ..self.stage() });
        // One that was not asked for stays kept back: the answer is written after this.
        if self.interim() == Interim::Due {
            self.0.interim.set(Interim::NotAwaited);
        }
    }

    /// How it stands with `100 Continue`.
    #[must_use]
    pub fn interim(&self) -> Interim {
        self.0.interim.get()
    }

    /// The client of the next request waits for `100 Continue`.
    pub fn await_interim(&self) {
        self.0.interim.set(Interim::Awaited);
    }

    /// The body is wanted.
    pub fn want_body(&self) {
        if self.interim() == Interim::Awaited {
            self.0.interim.set(Interim::Due);
        }
    }

    /// The client has closed its side, or is treated as if it had.
    pub fn close(&self) {
        self.0.is_closed.set(true);
        self.0.closing.notify_waiters();
    }

    /// Waits until the client has closed its side.
    pub async fn closed(&self) {
        loop {
            let closing = self.0.closing.notified();
            if self.0.is_closed.get() {
                return;
            }
            closing.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_kept_until_half_of_them_are_open_or_the_node_is_about_to_stop() {
        let all = Arc::new(Connections::new(4));
        let mut open = vec![all.count(), all.count()];
        assert!(all.are_kept());
        open.push(all.count());
        assert!(!all.are_kept());
        open.pop();
        assert!(all.are_kept());
        all.drain();
        assert!(!all.are_kept() && all.are_draining());
    }
}
