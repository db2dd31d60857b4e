//! The provider's end of the socket, in our hands: it answers, hangs up at any byte, or says nothing.
//!
//! Alone it answers what was scripted ([`Responder::upon`], [`Responder::always`]), and 404 to the rest. Before a
//! real server ([`Responder::before`]) it passes on what nothing is scripted for, so that one exchange of many
//! can be cut. Every connection carries one request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What an answer says.
#[derive(Debug, Clone)]
pub struct Said {
    pub code: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Said {
    /// An answer of this status and body.
    pub fn new(code: u16, body: impl Into<String>) -> Self {
        Self { code, headers: Vec::new(), body: body.into() }
    }

    /// The same with a further header.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn wire(&self) -> Vec<u8> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (code, length) = (self.code, self.body.len());
        let head = format!("HTTP/1.1 {code} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
        [head.as_bytes(), self.body.as_bytes()].concat()
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// It is answered.
    Answer(Said),
    /// It is passed on, and so is its answer.
    Relay,
    /// Nobody reads past so many bytes of it; the connection is closed there.
    CutRequest { after: usize },
    /// All of it is read (and passed on, before a real server), and the connection is closed without an answer.
    CutBeforeAnswer,
    /// So many bytes of this answer, head and all, and then the connection is closed.
    CutAnswer { said: Said, after: usize },
    /// So many bytes of this answer, and nothing more until the caller hangs up.
    StallAnswer { said: Said, after: usize },
    /// These bytes, whatever they are, and then the connection is closed.
    Bytes(Vec<u8>),
    /// It is passed on, and of the answer come so many bytes.
    CutRelayed { after: usize },
    /// It is read, and nothing more happens until the caller hangs up.
    Silence,
}

/// A request that was read to its end.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As `GET /v1/status`, with its query.
    pub line: String,
    pub head: String,
    pub body: String,
}

impl Asked {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

#[derive(Default)]
struct Script {
    next: VecDeque<(String, Act)>,
    always: Vec<(String, Said)>,
    upstream: Option<String>,
    seen: Vec<String>,
    asked: Vec<Asked>,
}

/// A listener that does as it was told. It ends when it is dropped.
pub struct Responder {
    origin: String,
    script: Arc<Mutex<Script>>,
    listening: JoinHandle<()>,
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Responder {
    /// One that stands alone.
    pub async fn start() -> Self {
        Self::listen(Script::default()).await
    }

    /// One that stands before this origin, as `http://127.0.0.1:8080`.
    pub async fn before(origin: &str) -> Self {
        let upstream = origin.strip_prefix("http://").expect("an origin").to_owned();
        Self::listen(Script { upstream: Some(upstream), ..Script::default() }).await
    }

    /// From now on this one stands before that origin, which was not there yet when it began.
    pub fn stand_before(&self, origin: &str) {
        locked(&self.script).upstream = Some(origin.strip_prefix("http://").expect("an origin").to_owned());
    }

    async fn listen(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let script = Arc::new(Mutex::new(script));
        let shared = script.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = shared.clone();
                // A caller that hangs up first has said all that it wants to.
                tokio::spawn(async move { drop(serve(stream, &script).await) });
            }
        });
        Self { origin, script, listening }
    }

    /// Where it listens, without a path.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What becomes of the next request whose line begins like this, as `POST /v1/payment`; further calls
    /// queue up.
    pub fn upon(&self, line: &str, act: Act) {
        locked(&self.script).next.push_back((line.to_owned(), act));
    }

    /// The answer to all requests whose line begins like this and for which nothing else is queued.
    pub fn always(&self, line: &str, said: Said) {
        locked(&self.script).always.push((line.to_owned(), said));
    }

    /// How many requests came whose line begins like this, whole or cut.
    pub fn seen(&self, line: &str) -> usize {
        locked(&self.script).seen.iter().filter(|seen| seen.starts_with(line)).count()
    }

    /// The requests that were read to their end, in their order, whose line begins like this.
    pub fn asked(&self, line: &str) -> Vec<Asked> {
        locked(&self.script).asked.iter().filter(|asked| asked.line.starts_with(line)).cloned().collect()
    }
}

fn locked(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    fn act_for(&mut self, line: &str) -> Act {
        self.seen.push(line.to_owned());
        if let Some(at) = self.next.iter().position(|(start, _)| line.starts_with(start.as_str())) {
            return self.next.remove(at).expect("it is there").1;
        }
        match self.always.iter().find(|(start, _)| line.starts_with(start.as_str())) {
            Some((_, said)) => Act::Answer(said.clone()),
            None if self.upstream.is_some() => Act::Relay,
            None => Act::Answer(Said::new(404, r#"{"statusCode":404,"code":"NOT_FOUND","message":"nothing here"}"#)),
        }
    }
}

async fn serve(mut stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let line = loop {
        if let Some((line, _)) = text(&request).split_once(" HTTP/1.1\r\n") {
            break line.to_owned();
        }
        read_more(&mut stream, &mut request).await?;
    };
    let act = locked(script).act_for(&line);
    if let Act::CutRequest { after } = act {
        while request.len() < after && !is_whole(&request) {
            read_more(&mut stream, &mut request).await?;
        }
        return Ok(());
    }
    while !is_whole(&request) {
        read_more(&mut stream, &mut request).await?;
    }
    let all = text(&request);
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    let upstream = {
        let mut script = locked(script);
        script.asked.push(Asked { line, head: head.to_owned(), body: body.to_owned() });
        script.upstream.clone()
    };
    let said = match &act {
        Act::Answer(said) | Act::CutAnswer { said, .. } | Act::StallAnswer { said, .. } => said.wire(),
        Act::Bytes(bytes) => bytes.clone(),
        Act::Relay | Act::CutRelayed { .. } | Act::CutBeforeAnswer => relayed(upstream, &all).await?,
        Act::Silence | Act::CutRequest { .. } => return until_hung_up(&mut stream).await,
    };
    let bytes = match &act {
        Act::CutAnswer { after, .. } | Act::StallAnswer { after, .. } | Act::CutRelayed { after } => {
            (*after).min(said.len())
        }
        Act::CutBeforeAnswer => 0,
        _ => said.len(),
    };
    stream.write_all(&said[..bytes]).await?;
    if matches!(act, Act::StallAnswer { .. }) {
        return until_hung_up(&mut stream).await;
    }
    stream.shutdown().await
}

async fn until_hung_up(stream: &mut TcpStream) -> std::io::Result<()> {
    while read_more(stream, &mut Vec::new()).await.is_ok() {}
    Ok(())
}

/// What a real server answers, if there is one.
async fn relayed(upstream: Option<String>, request: &str) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    if let Some(upstream) = upstream {
        let mut stream = TcpStream::connect(upstream).await?;
        // Its answer ends where it closes the connection.
        stream.write_all(request.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes()).await?;
        stream.read_to_end(&mut answer).await?;
    }
    Ok(answer)
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn is_whole(request: &[u8]) -> bool {
    let request = text(request);
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.is_none_or(|length| length.trim().parse::<usize>().is_ok_and(|length| length <= body.len()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
