//! A client that costs little: keep-alive HTTP/1.1 over plain sockets, one request at a time on each.
//!
//! It knows only what the server's answers look like: a status, a length, a body.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

/// A kind of request.
pub trait Work: Default {
    /// Writes the next request; false once there is none.
    fn next(&mut self, request: &mut Vec<u8>) -> bool;

    /// Looks at an answer, and panics if it is not the right one.
    fn heard(&mut self, answer: &Answer<'_>);
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Opens it.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4_096) })
    }

    /// Sends one request and reads its whole answer.
    ///
    /// # Errors
    /// The connection breaks.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.received.clear();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((head, whole)) = extent(&self.received).filter(|(_, whole)| *whole <= self.received.len()) {
                let (start, body) = self.received.split_at(head);
                let status = start.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                let body = body.get(..whole - head).unwrap_or_default();
                return Ok(Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, body });
            }
        }
    }
}

/// Where the head of an answer ends, and where all of it; none while the head is incomplete.
fn extent(received: &[u8]) -> Option<(usize, usize)> {
    let head = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let lines = received.get(..head)?.split(|byte| *byte == b'\n');
    let mut length = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        if !name.eq_ignore_ascii_case(b"content-length:") {
            return None;
        }
        std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok()
    });
    Some((head, head + length.next_back().unwrap_or(0)))
}

/// What a step took.
pub struct Measured {
    sorted_micros: Vec<u32>,
    wall: Duration,
}

impl Measured {
    /// The answers.
    pub fn count(&self) -> u64 {
        u64::try_from(self.sorted_micros.len()).expect("a count")
    }

    /// Answers a second.
    pub fn rate(&self) -> u64 {
        self.count() * 1_000 / u64::try_from(self.wall.as_millis()).unwrap_or(1).max(1)
    }

    /// The time, in microseconds, under which so many per mille of the answers came.
    pub fn per_mille(&self, share: usize) -> u32 {
        let index = (self.sorted_micros.len() * share / 1_000).min(self.sorted_micros.len().saturating_sub(1));
        self.sorted_micros.get(index).copied().unwrap_or(0)
    }
}

/// As many requests at once as there are connections, each sent as soon as the one before is answered.
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// How many.
    pub connections: usize,
}

impl Load {
    /// Runs the work to its end.
    pub async fn run<W: Work + 'static>(&self, work: &mut W) -> Measured {
        let mut open = Vec::new();
        for _ in 0..self.connections {
            open.push(Connection::open(self.address).await.expect("the server listens"));
        }
        let shared = Rc::new(RefCell::new(std::mem::take(work)));
        let began = Instant::now();
        let tasks: Vec<_> =
            open.into_iter().map(|conn| tokio::task::spawn_local(drive(conn, shared.clone()))).collect();
        let mut sorted_micros = Vec::new();
        for task in tasks {
            sorted_micros.extend(task.await.expect("every answer is right"));
        }
        let wall = began.elapsed();
        *work = shared.take();
        sorted_micros.sort_unstable();
        Measured { sorted_micros, wall }
    }
}

async fn drive<W: Work>(mut conn: Connection, work: Rc<RefCell<W>>) -> Vec<u32> {
    let mut micros = Vec::new();
    let mut request = Vec::new();
    while work.borrow_mut().next(&mut request) {
        let began = Instant::now();
        let answer = conn.send(&request).await.expect("the server answers");
        micros.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        work.borrow_mut().heard(&answer);
    }
    micros
}
