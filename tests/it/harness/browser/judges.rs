//! Who judges pages: axe the page as it stands in the browser, html-validate the HTML as it was sent.
//!
//! `tests/run` puts both into `target/browser`; nothing is installed here. [`Browser::presentable`] is what every page
//! has to pass.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use reqwest::Method;
use reqwest::header::{ACCEPT, COOKIE};
use serde_json::{Value, json};

use super::driver::skipped;
use super::{Browser, Scheme, WIDTHS};
use crate::harness::TestApp;

/// All rules of WCAG 2 up to AA, and axe's own good practice.
const AXE: &str = r#"
const done = arguments[arguments.length - 1];
const values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] }).then(
  ({ violations }) => done(violations.map(({ id, help, nodes }) => {
    const some = nodes.slice(0, 5).map(({ target, failureSummary }) => `  ${target.join(" ")}: ${failureSummary}`);
    return `${id} (${help}), ${nodes.length} times:\n${some.join("\n")}`;
  })),
  (error) => done([String(error)]),
);
"#;

/// html-validate, one process for all pages; it ends with its input.
struct Validator {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _process: Child,
}

impl Browser {
    /// Goes to a page and holds it to all that every page has to keep: [`Self::presentable_now`], valid HTML, and a way
    /// for the keyboard past its head.
    pub async fn presentable(&self, app: &TestApp, path: &str, name: &str) {
        self.go(path).await;
        // A page that puts the focus into its own content leads past its head already.
        if self.script("return document.activeElement === document.body").await == true {
            self.press("Tab").await;
            assert_eq!(self.focused().await, "Skip to the content", "the first stop of the keyboard at {path}");
            self.script("document.activeElement.blur()").await;
        }
        valid_html(path, &self.as_sent(app).await);
        self.presentable_now(name).await;
        self.stays_at_home().await;
    }

    /// The same for a page that tells of a refusal; the console may say with which status it came, and no more.
    pub async fn presentable_refusal(&self, app: &TestApp, path: &str, name: &str) {
        self.go(path).await;
        valid_html(path, &self.as_sent(app).await);
        self.says_refused().await;
        self.presentable_now(name).await;
        self.stays_at_home().await;
    }

    /// Asserts that the console has said that the page is a refusal, and nothing else since the last look.
    pub async fn says_refused(&self) {
        let said = self.console().await;
        let refused = |line: &String| line.contains("the server responded with a status of 4");
        assert!(!said.is_empty() && said.iter().all(refused), "the console of {}: {said:#?}", self.address().await);
    }

    /// Holds what is seen now, in both widths and both schemes: not wider than the window, nothing on the console; a
    /// screenshot of each is kept under this name. In one of each, axe finds nothing: it takes its time.
    pub async fn presentable_now(&self, name: &str) {
        for (width, judged) in WIDTHS.into_iter().zip([Scheme::Dark, Scheme::Light]) {
            self.width(width).await;
            for scheme in [Scheme::Light, Scheme::Dark] {
                self.scheme(scheme).await;
                self.screenshot(name).await;
                self.fits().await;
                if scheme == judged {
                    self.accessible().await;
                }
            }
        }
        self.light().await;
        self.quiet().await;
    }

    /// Asserts that axe finds nothing.
    pub async fn accessible(&self) {
        if self.script("return typeof axe").await == "undefined" {
            let Some(axe) = home() else { return };
            let axe = std::fs::read_to_string(axe.join("node_modules/axe-core/axe.min.js")).expect("axe can be read");
            self.script(&axe).await;
        }
        let told = self.session.post("/execute/async", &json!({ "script": AXE, "args": [] })).await.expect("axe runs");
        let found: Vec<&str> = told.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let seen = format!("{}, {:?}", self.width.get(), self.scheme.get());
        assert!(found.is_empty(), "axe at {} ({seen}):\n{}", self.address().await, found.join("\n"));
    }

    /// The HTML of this address as the service sends it to this browser, before any script has touched it.
    pub async fn as_sent(&self, app: &TestApp) -> String {
        let request = app.request(Method::GET, &self.address().await);
        app.send(request.header(ACCEPT, "text/html").header(COOKIE, self.cookies().await)).await.text
    }
}

/// Asserts that html-validate finds nothing in a page.
pub fn valid_html(name: &str, html: &str) {
    static VALIDATOR: OnceLock<Option<Mutex<Validator>>> = OnceLock::new();
    let start = || home().map(|home| Mutex::new(Validator::start(&home)));
    let Some(validator) = VALIDATOR.get_or_init(start) else { return };
    let found = validator.lock().expect("nobody panics in there").judge(html);
    assert!(found.is_empty(), "the HTML of {name}:\n{}", found.join("\n"));
}

impl Validator {
    fn start(home: &Path) -> Self {
        let mut node = Command::new("node");
        node.arg(top().join("tests/browser/validate.mjs")).arg(home.join("package.json"));
        let mut process = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node runs");
        let input = process.stdin.take().expect("its input is piped");
        let output = BufReader::new(process.stdout.take().expect("its output is piped"));
        Self { input, output, _process: process }
    }

    /// What is wrong with a page.
    fn judge(&mut self, html: &str) -> Vec<String> {
        writeln!(self.input, "{}", json!(html)).expect("html-validate listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("html-validate answers");
        serde_json::from_str(&line).expect("a list of what is wrong")
    }
}

/// Where the judges are, if they are installed.
fn home() -> Option<PathBuf> {
    static HOME: OnceLock<Option<PathBuf>> = OnceLock::new();
    let look = || {
        let home = top().join("target/browser");
        // Written last, once both are there.
        let whole = home.join("installed.json").is_file();
        if whole { Some(home) } else { skipped("the judges of pages", "tests/run installs them into target/browser") }
    };
    HOME.get_or_init(look).clone()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
