//! The program that drives the browser, one for all tests of this process, and its protocol: W3C WebDriver.
//!
//! A session is a few requests with JSON on the loopback, so the client of the other tests serves; a crate for it
//! would bring twenty others. The driver, its browsers and their folder are gone when this process ends in any way.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::engines::fresh_folder;
use crate::harness::{client, json_body};

/// What to do where there is no browser.
const REMEDY: &str = "install Chromium and its driver (tests/run does it on Debian)";

/// Holds the driver until this process is gone; its input, whose other end only this process holds, tells it.
const WATCHDOG: &str = r#"
cd /
folder=$1
shift
setsid "$@" &
cat >/dev/null
kill -s KILL -- "-$!"
for attempt in 1 2 3 4 5 6 7 8 9; do
    rm -rf "$folder" && exit
    sleep 1
done
"#;

/// The running driver.
pub struct Driver {
    port: u16,
    folder: PathBuf,
    profiles: AtomicU32,
    _watchdog: Child,
    _said: BufReader<ChildStdout>,
}

/// A browser of its own, with a profile of its own. Closed when this is dropped.
pub struct Session {
    client: Client,
    port: u16,
    id: String,
    /// Where it puts downloads.
    pub downloads: PathBuf,
}

impl Driver {
    /// The driver that all tests of this process share. None if the machine has no browser: the test is to be skipped,
    /// which has been said then.
    ///
    /// # Panics
    /// If the machine has none although `CI=true`.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Driver>> = OnceLock::new();
        let start = || match ["chromium", "chromedriver"].map(on_the_path) {
            [true, true] => Some(Self::launch()),
            _ => skipped("every test in a browser. There is none on this machine", REMEDY),
        };
        SHARED.get_or_init(start).as_ref()
    }

    fn launch() -> Self {
        let folder = fresh_folder("browser");
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCHDOG, "watchdog"]).arg(&folder).args(["chromedriver", "--port=0"]);
        shell.arg(format!("--log-path={}", folder.join("log").display()));
        // What a browser keeps beside its profile stays in the folder too.
        shell.env("HOME", &folder).env("TMPDIR", &folder).env_remove("DISPLAY");
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut watchdog = shell.spawn().expect("sh runs");
        // Kept open: the driver may say more later.
        let mut said = BufReader::new(watchdog.stdout.take().expect("its output is piped"));
        let port = said.by_ref().lines().map_while(Result::ok).find_map(|line| port_in(&line));
        let port = port.expect("the driver tells its port");
        Self { port, folder, profiles: AtomicU32::new(0), _watchdog: watchdog, _said: said }
    }

    /// Opens a browser without a window.
    pub async fn session(&self) -> Session {
        let number = self.profiles.fetch_add(1, Ordering::Relaxed);
        let downloads = self.folder.join(format!("downloads-{number}"));
        fs::create_dir_all(&downloads).expect("a folder for downloads");
        let mut session = Session { client: client(Client::builder()), port: self.port, id: String::new(), downloads };
        let profile = self.folder.join(format!("profile-{number}"));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments(&profile.display().to_string()) },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let opened =
            session.call(Method::POST, "", &wanted).await.unwrap_or_else(|error| panic!("no browser: {error}"));
        session.id = format!("/{}", opened["sessionId"].as_str().expect("a session"));
        session
    }
}

impl Session {
    /// A command with its parameters; what it answers, or why it did not take place.
    pub async fn post(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        self.call(Method::POST, command, parameters).await
    }

    /// A question.
    pub async fn get(&self, command: &str) -> Result<Value, String> {
        self.call(Method::GET, command, &Value::Null).await
    }

    /// A command of the browser's own protocol, for what WebDriver cannot say.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let told = self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await;
        told.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn call(&self, method: Method, command: &str, parameters: &Value) -> Result<Value, String> {
        let address = format!("http://127.0.0.1:{}/session{}{command}", self.port, self.id);
        let request = self.client.request(method.clone(), address);
        let request = if method == Method::GET { request } else { json_body(request, parameters) };
        let answer = request.send().await.map_err(|error| format!("the driver does not answer: {error}"))?;
        let fine = answer.status().is_success();
        let text = answer.text().await.map_err(|error| format!("the driver broke off: {error}"))?;
        let mut said: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        let value = said["value"].take();
        if fine { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Nothing can be awaited here, and what fails is tidied up by the watchdog.
        let Ok(mut line) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let request = format!("DELETE /session{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", self.id);
        // The driver answers when the browser is closed, and keeps the line.
        drop(line.write_all(request.as_bytes()).and_then(|()| line.read(&mut [0; 64])));
    }
}

/// Says once, loudly, what is skipped and what to do about it; where everything is promised, it is a failure.
pub fn skipped<T>(what: &str, remedy: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{what}: {remedy}");
    // Not `eprintln`, which a passing test keeps to itself.
    drop(writeln!(io::stderr(), "\n!!! SKIPPED: {what}: {remedy}\n"));
    None
}

/// Without what a browser does by itself on the network: a test meets its own service and nobody else.
fn arguments(profile: &str) -> Vec<String> {
    let fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--lang=en-US",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ];
    let own = format!("--user-data-dir={profile}");
    fixed.into_iter().map(str::to_owned).chain([own]).collect()
}

fn on_the_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The port, out of the line that tells it.
fn port_in(line: &str) -> Option<u16> {
    line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
}
