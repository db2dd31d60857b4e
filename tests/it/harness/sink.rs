//! A merchant's receiver: a local HTTP server that keeps what it is sent, and answers as it is told to.
//!
//! Requests to one path are answered by what was said for that path; alone, it answers 200 to everything.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crypto_orders::clock::{fresh_uuid, random_bytes};
use crypto_orders::domain::ids::{AccountId, WebhookId};
use crypto_orders::domain::time::Timestamp;
use crypto_orders::domain::webhook::endpoint::{DeliveryCounts, Endpoint, EventType, Health, Standing};
use crypto_orders::domain::webhook::secret::EndpointSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::TestApp;

/// What becomes of a delivery.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status, headers (`name: value`) and body.
    Say { code: u16, headers: Vec<String>, body: String },
    /// The same, but later.
    Late { code: u16, after: Duration },
    /// Nothing, until the sender hangs up.
    Hang,
    /// The connection is closed without an answer.
    Close,
}

impl Reply {
    /// A status and nothing else.
    pub fn code(code: u16) -> Self {
        Self::Say { code, headers: Vec::new(), body: String::new() }
    }

    /// The same with a header.
    pub fn with(code: u16, header: &str) -> Self {
        Self::Say { code, headers: vec![header.to_owned()], body: String::new() }
    }
}

/// A delivery that came.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Got {
    /// A header's text, by its name in lower case.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The event's id.
    pub fn event(&self) -> &str {
        self.header("x-driftstack-event-id")
    }

    /// The event's type.
    pub fn kind(&self) -> &str {
        self.header("x-driftstack-event-type")
    }
}

#[derive(Default)]
struct State {
    got: Vec<Got>,
    next: HashMap<String, VecDeque<Reply>>,
    always: HashMap<String, Reply>,
    /// How many of each event are being answered, and events that came while they were.
    under_way: HashMap<String, usize>,
    twice_at_once: Vec<String>,
    at_once: usize,
    at_once_most: usize,
}

/// The receiver; it ends when it is dropped.
pub struct Sink {
    origin: String,
    state: Arc<Mutex<State>>,
    listening: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Sink {
    /// A receiver on a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A sender that hangs up first has said all that it wants to.
                let state = shared.clone();
                tokio::spawn(async move { drop(serve(stream, &state).await) });
            }
        });
        Self { origin, state, listening }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// What becomes of the next delivery to this path; further calls queue up.
    pub fn next(&self, path: &str, reply: Reply) {
        self.state().next.entry(path.to_owned()).or_default().push_back(reply);
    }

    /// What becomes of all deliveries to this path from now on.
    pub fn always(&self, path: &str, reply: Reply) {
        self.state().always.insert(path.to_owned(), reply);
    }

    /// What came, in its order.
    pub fn got(&self) -> Vec<Got> {
        self.state().got.clone()
    }

    /// What came to this path, in its order.
    pub fn got_at(&self, path: &str) -> Vec<Got> {
        self.state().got.iter().filter(|got| got.path == path).cloned().collect()
    }

    /// The most deliveries that were being answered at once.
    pub fn at_once_most(&self) -> usize {
        self.state().at_once_most
    }

    /// Events that came while the same event was being answered at the same path.
    pub fn twice_at_once(&self) -> Vec<String> {
        self.state().twice_at_once.clone()
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    while let Some(got) = read(&mut stream, &mut bytes).await? {
        let key = format!("{}{}", got.path, got.event());
        let reply = begin(&mut state.lock().unwrap_or_else(PoisonError::into_inner), &key, got);
        let said = answer(&mut stream, reply).await;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.under_way.get_mut(&key).expect("it began") -= 1;
        state.at_once -= 1;
        if !matches!(said, Ok(true)) {
            break;
        }
    }
    Ok(())
}

fn begin(state: &mut State, key: &str, got: Got) -> Reply {
    let same = state.under_way.entry(key.to_owned()).or_default();
    *same += 1;
    if 1 < *same {
        state.twice_at_once.push(key.to_owned());
    }
    state.at_once += 1;
    state.at_once_most = state.at_once_most.max(state.at_once);
    let next = state.next.get_mut(&got.path).and_then(VecDeque::pop_front);
    let reply = next.or_else(|| state.always.get(&got.path).cloned()).unwrap_or_else(|| Reply::code(200));
    state.got.push(got);
    reply
}

/// True if the connection is kept.
async fn answer(stream: &mut TcpStream, reply: Reply) -> std::io::Result<bool> {
    match reply {
        Reply::Say { code, headers, body } => {
            let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
            let length = body.len();
            let head = format!("HTTP/1.1 {code} Said\r\n{headers}content-length: {length}\r\n\r\n{body}");
            stream.write_all(head.as_bytes()).await?;
            Ok(true)
        }
        Reply::Late { code, after } => {
            tokio::time::sleep(after).await;
            Box::pin(answer(stream, Reply::code(code))).await
        }
        Reply::Hang => {
            let mut rest = [0; 64];
            while stream.read(&mut rest).await? > 0 {}
            Ok(false)
        }
        Reply::Close => Ok(false),
    }
}

/// The next request of a connection; none at its end.
async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<Option<Got>> {
    loop {
        if let Some((got, length)) = parse(bytes) {
            bytes.drain(..length);
            return Ok(Some(got));
        }
        if stream.read_buf(bytes).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(Got, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let pairs = lines.filter_map(|line| line.split_once(':'));
    let headers: HashMap<String, String> =
        pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(Some(0), |length| length.parse().ok())?;
    let body = bytes.get(end + 4..end + 4 + length)?;
    let body = String::from_utf8(body.to_vec()).expect("a body of text");
    Some((Got { path, headers, body }, end + 4 + length))
}

/// An active endpoint of this account that hears of everything.
pub fn endpoint(account: AccountId, url: String, now: Timestamp) -> Endpoint {
    Endpoint {
        id: WebhookId::new(fresh_uuid(now)),
        account_id: account,
        url,
        secret: EndpointSecret::new(random_bytes()),
        previous: None,
        events: EventType::SUBSCRIBED.to_vec(),
        description: None,
        standing: Standing::Active,
        health: Health::default(),
        counts: DeliveryCounts::default(),
        created_at: now,
    }
}

impl TestApp {
    /// An active endpoint of the account at this URL, straight in the store.
    pub async fn endpoint(&self, url: String) -> Endpoint {
        let endpoint = endpoint(self.account, url, self.clock.now());
        assert!(self.store.endpoint_insert(endpoint.clone(), usize::MAX).await.expect("it is kept"));
        endpoint
    }

    /// An endpoint as it is now.
    pub async fn endpoint_now(&self, endpoint: &Endpoint) -> Endpoint {
        self.store.endpoint_load(endpoint.id).await.expect("it can be read").expect("it is there")
    }
}
