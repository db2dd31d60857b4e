//! The merchants' side: one listener that takes every delivery, and answers or hangs as the path says.
//!
//! It has a thread of its own beside the server, and does as little as a receiver can: it reads the request to its
//! end, notes when it came, and answers 200.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Who posts to a path with this in it is never answered.
const HANGING: &str = "/hang";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What arrived so far, shared with the listener.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    arrived: Arc<Mutex<Arrived>>,
}

/// What arrived.
#[derive(Default)]
pub struct Arrived {
    /// Each delivery that was answered, by event and path, and when it came first.
    pub first: HashMap<(String, String), Instant>,
    /// How many were left hanging.
    pub hanging: u64,
    /// When each order's event came first to a path that answers, by order and path.
    pub orders: HashMap<(String, String), Instant>,
}

impl Receiver {
    /// Listens on a free port, on a thread of its own.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("it has an address");
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let shared = arrived.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(listen(listener, shared));
        });
        Self { address, arrived }
    }

    /// The URL of an endpoint that answers.
    pub fn well(&self, number: usize) -> String {
        format!("http://{}/well/{number}", self.address)
    }

    /// The URL of one that never does.
    pub fn hanging(&self, number: usize) -> String {
        format!("http://{}{HANGING}/{number}", self.address)
    }

    /// What arrived so far.
    pub fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what arrived.
    pub fn clear(&self) {
        *self.arrived() = Arrived::default();
    }
}

async fn listen(listener: std::net::TcpListener, arrived: Arc<Mutex<Arrived>>) {
    let listener = TcpListener::from_std(listener).expect("a socket");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, arrived.clone()));
    }
}

/// Answers one request after the other on a connection, until it is closed.
async fn serve(mut stream: TcpStream, arrived: Arc<Mutex<Arrived>>) {
    let mut received = Vec::with_capacity(4_096);
    drop(stream.set_nodelay(true));
    loop {
        let Some(request) = read(&mut stream, &mut received).await else { return };
        let hangs = request.path.starts_with(HANGING);
        {
            let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
            if hangs {
                arrived.hanging += 1;
            } else {
                arrived.orders.entry((request.order, request.path.clone())).or_insert(request.at);
                arrived.first.entry((request.event, request.path)).or_insert(request.at);
            }
        }
        if hangs {
            // Until the other side gives up.
            drop(stream.read(&mut [0; 1]).await);
            return;
        }
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

/// One request, as far as it matters here.
struct Request {
    path: String,
    event: String,
    order: String,
    at: Instant,
}

async fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<Request> {
    received.clear();
    loop {
        if stream.read_buf(received).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let length: usize = header("content-length").and_then(|text| text.parse().ok()).expect("a length");
        if body.len() < length {
            continue;
        }
        let order = body.split_once(r#""order_id":""#).and_then(|(_, rest)| rest.split_once('"'));
        return Some(Request {
            path: head.split(' ').nth(1)?.to_owned(),
            event: header("webhook-id").expect("each delivery names its event"),
            order: order.map(|(id, _)| id.to_owned()).unwrap_or_default(),
            at: Instant::now(),
        });
    }
}
