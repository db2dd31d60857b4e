//! The real program as a child process: in a folder of its own, with nothing of the outside environment.
//!
//! [`Site`] is where it runs; [`Site::run`] waits for a command's end, [`Site::serve`] starts a server on a
//! port that the system picks, and kills it when it is dropped.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use std::{env, fs, thread};

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::engines::{Database, Engine, fresh_folder};
use crate::harness::{Answer, IPN_SECRET, migrate};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_crypto-orders");
/// How long a child may take to say or do something, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to run the program in, with the environment that it gets.
pub struct Site {
    pub folder: PathBuf,
    environment: Vec<(String, String)>,
    /// Gone with the site.
    _database: Option<Database>,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// What it printed, after it ended well.
    pub fn printed(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The one line of JSON that it printed, after it ended well.
    pub fn json(self) -> Value {
        let printed = self.printed();
        assert_eq!(printed.matches('\n').count(), 1, "{printed}");
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("not JSON ({error}): {printed}"))
    }

    /// What it complained of, after it ended with this code and printed nothing.
    pub fn refusal(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "only results go to stdout");
        self.stderr
    }
}

impl Site {
    /// An empty folder, and no setting at all.
    pub fn empty() -> Self {
        Self { folder: fresh_folder("site"), environment: Vec::new(), _database: None }
    }

    /// A fresh database of this engine, with an IPN secret.
    pub async fn on(engine: Engine) -> Self {
        let database = tokio::task::spawn_blocking(move || engine.database(migrate)).await.expect("a database");
        let mut site = Self::empty().with("CRYPTO_ORDERS_IPN_SECRET", IPN_SECRET).with("DATABASE_URL", &database.url);
        site._database = Some(database);
        site
    }

    /// The same with one variable more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A command in this folder that sees these variables, the path and nothing else.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command(PROGRAM);
        let child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Server::around(child.expect("the program runs")).ended()
    }

    /// Starts a server, on any port unless a flag says otherwise, and waits until it listens.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(PROGRAM);
        command.env("CRYPTO_ORDERS_LISTEN", "127.0.0.1:0").arg("serve").args(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut server = Server::around(child.expect("the program runs"));
        let line = server.stderr.until("listening on ");
        let (_, address) = line.split_once("listening on ").expect("it was looked for");
        server.address = address.split_whitespace().next().expect("an address").to_owned();
        server
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Best effort: what is left lies in the folder of temporary files.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A running server, killed at the latest when this is dropped.
pub struct Server {
    /// The address it listens on, with its real port.
    pub address: String,
    pub stdout: Stream,
    pub stderr: Stream,
    child: Child,
}

impl Server {
    fn around(mut child: Child) -> Self {
        let stdout = Stream::of(child.stdout.take().expect("stdout is piped"));
        let stderr = Stream::of(child.stderr.take().expect("stderr is piped"));
        Self { address: String::new(), stdout, stderr, child }
    }

    /// Sends a signal by its name, waits for the end and answers what was printed all along.
    pub fn stop(self, signal: &str) -> Ended {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
        self.ended()
    }

    /// Waits for the end; the drop kills what does not come to one.
    fn ended(mut self) -> Ended {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return Ended { code: status.code(), stdout: self.stdout.rest(), stderr: self.stderr.rest() };
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no end within {PATIENCE:?}; stderr so far:\n{}", self.stderr.seen())
    }

    /// `GET` with a key.
    pub async fn get(&self, path: &str, key: &str) -> Answer {
        send(http().get(self.url(path)).bearer_auth(key)).await
    }

    /// `POST` of a JSON body with a key.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = http().post(self.url(path)).bearer_auth(key);
        send(request.header("Content-Type", "application/json").body(body.to_string())).await
    }

    /// `POST` to the provider in the box.
    pub async fn asks_provider(&self, path: &str, body: &Value) -> Answer {
        send(http().post(self.url(path)).header("x-api-key", "simulator").body(body.to_string())).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn http() -> Client {
    // The first one installed serves the whole process.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client")
}

async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.expect("a body of text") }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a child writes, line by line as it comes.
pub struct Stream {
    lines: Receiver<String>,
    seen: String,
}

impl Stream {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, seen: String::new() }
    }

    /// Waits for a line that contains this, and answers it.
    pub fn until(&mut self, needle: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else { panic!("no {needle:?} in:\n{}", self.seen) };
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(needle) {
                return line;
            }
        }
    }

    /// Everything up to now.
    pub fn seen(&mut self) -> &str {
        for line in self.lines.try_iter() {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        &self.seen
    }

    fn rest(&mut self) -> String {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        std::mem::take(&mut self.seen)
    }
}

/// Asks again and again until the answer is there; fails after a while with what was waited for.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let pause = Duration::from_millis(100);
    for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(pause).await;
    }
    panic!("not within {PATIENCE:?}: {what}")
}
