//! A pooler of PostgreSQL connections that lends one for a transaction, as PgBouncer does from version 1.21 on.
//!
//! A prepared statement follows its client from one connection to the next; locks, settings and all else of a session
//! stay where they are. Options at the start of a connection are refused, as PgBouncer does unless it is told otherwise.
//! Systems that are in use have older versions, so the tests bring their own; the real one is in `pgbouncer.rs`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// The version of the protocol, and what asks for TLS in its place.
const PROTOCOL: u32 = 196_608;
const ASKS_FOR_TLS: u32 = 80_877_103;
/// What the server is told of its client; nobody's options.
const STARTUP: &str = "user\0postgres\0database\0";

/// A pooler; it ends when this is dropped.
pub struct Pooler {
    port: u16,
    _until: oneshot::Sender<()>,
}

impl Pooler {
    /// One with so many connections to a database of the server on this port.
    pub fn start(server: u16, database: &str, connections: usize) -> Self {
        let pool = Pool {
            server: SocketAddr::from(([127, 0, 0, 1], server)),
            startup: format!("{STARTUP}{database}\0\0").into_bytes(),
            places: Arc::new(Semaphore::new(connections)),
            idle: Mutex::default(),
            greeting: OnceCell::new(),
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener for many");
        let port = listener.local_addr().expect("an address").port();
        let (until, ended) = oneshot::channel();
        // On a thread of its own, for tests that wait for a command in place.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(listener, Arc::new(pool)) => {}
                    _ = ended => {}
                }
            });
        });
        Self { port, _until: until }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn accept(listener: TcpListener, pool: Arc<Pool>) {
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let pool = pool.clone();
        // A client that hangs up has said all that it wants to.
        tokio::spawn(async move { drop(serve(stream, &pool, number).await) });
    }
}

/// A message's type and its body.
type Message = (u8, Vec<u8>);

fn encoded(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

async fn message(from: &mut OwnedReadHalf) -> io::Result<Message> {
    let kind = from.read_u8().await?;
    Ok((kind, body(from).await?))
}

/// What follows its own length.
async fn body(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = usize::try_from(from.read_u32().await?).map_err(io::Error::other)?;
    let mut body = vec![0; length.saturating_sub(4)];
    from.read_exact(&mut body).await?;
    Ok(body)
}

/// What is said on a connection, from now on.
fn messages(mut from: OwnedReadHalf) -> mpsc::Receiver<Message> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Ok(read) = message(&mut from).await {
            if sender.send(read).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// The text at the beginning of a body, and what follows its end.
fn text(body: &[u8]) -> (String, &[u8]) {
    let end = body.iter().position(|byte| *byte == 0).expect("a text has an end");
    (String::from_utf8_lossy(&body[..end]).into_owned(), &body[end + 1..])
}

/// The connections to the server.
struct Pool {
    server: SocketAddr,
    startup: Vec<u8>,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Backend>>,
    greeting: OnceCell<Vec<u8>>,
}

/// One of them.
struct Backend {
    write: OwnedWriteHalf,
    said: mpsc::Receiver<Message>,
    prepared: HashSet<String>,
}

/// One that is lent.
struct Lent {
    backend: Backend,
    place: OwnedSemaphorePermit,
}

impl Pool {
    async fn lend(&self) -> io::Result<Lent> {
        let place = self.places.clone().acquire_owned().await.map_err(io::Error::other)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let backend = match idle {
            Some(backend) => backend,
            None => self.open().await?.0,
        };
        Ok(Lent { backend, place })
    }

    fn take_back(&self, lent: Lent) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lent.backend);
        drop(lent.place);
    }

    /// A fresh connection, and what the server says of itself.
    async fn open(&self) -> io::Result<(Backend, Vec<u8>)> {
        let stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let (read, mut write) = stream.into_split();
        let length = u32::try_from(self.startup.len() + 8).expect("a short message");
        write.write_all(&[&length.to_be_bytes(), &PROTOCOL.to_be_bytes(), self.startup.as_slice()].concat()).await?;
        let mut said = messages(read);
        let mut greeting = Vec::new();
        loop {
            let (kind, body) = said.recv().await.ok_or(io::ErrorKind::UnexpectedEof)?;
            match kind {
                b'S' => greeting.extend(encoded(kind, &body)),
                b'E' => return Err(io::Error::other(String::from_utf8_lossy(&body).into_owned())),
                b'Z' => return Ok((Backend { write, said, prepared: HashSet::new() }, greeting)),
                _ => {}
            }
        }
    }

    async fn greeting(&self) -> io::Result<&[u8]> {
        let greeting = self.greeting.get_or_try_init(async || Ok::<_, io::Error>(self.open().await?.1)).await;
        greeting.map(Vec::as_slice)
    }
}

/// A client's session.
struct Session<'p> {
    pool: &'p Pool,
    number: usize,
    lent: Option<Lent>,
    /// What it has prepared, by its name.
    statements: HashMap<String, Vec<u8>>,
    /// Of each statement that the server was asked to prepare, whether the client waits for the answer.
    parsing: VecDeque<Asker>,
    /// How many answers it waits for.
    due: usize,
    /// Whether it has begun to ask for another, which the server answers only at its end.
    is_asking: bool,
}

#[derive(PartialEq, Eq)]
enum Asker {
    Client,
    Pooler,
}

async fn serve(stream: TcpStream, pool: &Pool, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut read, mut write) = stream.into_split();
    let startup = loop {
        let rest = body(&mut read).await?;
        match rest[..4] == ASKS_FOR_TLS.to_be_bytes() {
            true => write.write_all(b"N").await?,
            false => break rest,
        }
    };
    if startup.windows(9).any(|window| window == b"\0options\0") {
        let refusal = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        return write.write_all(&encoded(b'E', refusal)).await;
    }
    let welcome = [&encoded(b'R', &[0; 4]), pool.greeting().await?, &encoded(b'K', &[0; 8]), &encoded(b'Z', b"I")];
    write.write_all(&welcome.concat()).await?;
    let (statements, parsing) = (HashMap::new(), VecDeque::new());
    let mut session = Session { pool, number, lent: None, statements, parsing, due: 0, is_asking: false };
    let mut asked = messages(read);
    loop {
        tokio::select! {
            asked = asked.recv() => match asked {
                Some((kind, body)) if kind != b'X' => session.pass_on(kind, body).await?,
                // What is lent in the middle of something is closed, and the server rolls it back.
                _ => return Ok(()),
            },
            said = said(&mut session.lent) => {
                let (kind, body) = said.ok_or(io::ErrorKind::UnexpectedEof)?;
                if !session.was_asked_by_pooler(kind) {
                    write.write_all(&encoded(kind, &body)).await?;
                }
                session.after(kind, &body);
            }
        }
    }
}

/// What the server says next to whom a connection is lent; nothing to others.
async fn said(lent: &mut Option<Lent>) -> Option<Message> {
    match lent {
        Some(lent) => lent.backend.said.recv().await,
        None => std::future::pending().await,
    }
}

impl Session<'_> {
    /// Sends the server what the client says, with its statements under names that are its own.
    async fn pass_on(&mut self, kind: u8, mut body: Vec<u8>) -> io::Result<()> {
        let mut lent = match self.lent.take() {
            Some(lent) => lent,
            None => self.pool.lend().await?,
        };
        let backend = &mut lent.backend;
        match kind {
            b'P' => {
                let (name, rest) = text(&body);
                self.parsing.push_back(Asker::Client);
                if !name.is_empty() {
                    self.statements.insert(name.clone(), rest.to_vec());
                    let own = self.own(&name);
                    body = [own.as_bytes(), &[0], rest].concat();
                    backend.prepared.insert(own);
                }
            }
            b'B' => {
                let (portal, rest) = text(&body);
                let (name, rest) = text(rest);
                let own = self.prepare(backend, &name).await?;
                body = [portal.as_bytes(), &[0], own.as_bytes(), &[0], rest].concat();
            }
            b'D' if body[0] == b'S' => {
                let own = self.prepare(backend, &text(&body[1..]).0).await?;
                body = [b"S", own.as_bytes(), &[0]].concat();
            }
            b'C' if body[0] == b'S' => {
                let (name, _) = text(&body[1..]);
                self.statements.remove(&name);
                let own = self.own(&name);
                backend.prepared.remove(&own);
                body = [b"S", own.as_bytes(), &[0]].concat();
            }
            _ => {}
        }
        self.is_asking = !matches!(kind, b'Q' | b'S');
        self.due += usize::from(!self.is_asking);
        backend.write.write_all(&encoded(kind, &body)).await?;
        self.lent = Some(lent);
        Ok(())
    }

    fn own(&self, name: &str) -> String {
        if name.is_empty() { String::new() } else { format!("c{}_{name}", self.number) }
    }

    /// Sees to it that a statement of the client's is prepared on this connection; answers its name there.
    async fn prepare(&mut self, backend: &mut Backend, name: &str) -> io::Result<String> {
        let own = self.own(name);
        if let Some(statement) = self.statements.get(name)
            && backend.prepared.insert(own.clone())
        {
            self.parsing.push_back(Asker::Pooler);
            backend.write.write_all(&encoded(b'P', &[own.as_bytes(), &[0], statement].concat())).await?;
        }
        Ok(own)
    }

    /// Whether this is the answer to a preparation of which the client does not know.
    fn was_asked_by_pooler(&mut self, kind: u8) -> bool {
        kind == b'1' && self.parsing.pop_front() == Some(Asker::Pooler)
    }

    /// Gives the connection back with the end of a transaction.
    fn after(&mut self, kind: u8, body: &[u8]) {
        if kind != b'Z' {
            return;
        }
        self.due -= 1;
        if self.due == 0 && !self.is_asking {
            self.parsing.clear();
            if body == b"I"
                && let Some(lent) = self.lent.take()
            {
                self.pool.take_back(lent);
            }
        }
    }
}
