//! A person before a browser: a real Chromium, driven over WebDriver, on the pages of a [`TestApp`].
//!
//! Each [`Browser`] is a session with a profile of its own; its words are those of somebody who uses a page: go, fill,
//! click, press, shows. All waiting is bounded and done in here. `browser/hands.rs` acts, `browser/eyes.rs` looks,
//! `browser/judges.rs` lets axe and html-validate judge, `browser/driver.rs` speaks the protocol.

mod driver;
mod eyes;
mod hands;
mod judges;

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::TestApp;
pub use driver::skipped;
use driver::{Driver, Session};
pub use judges::valid_html;

/// Browsers at a time: the machines that test have few cores. A test opens one.
static SEATS: Semaphore = Semaphore::const_new(2);
/// How often a wait looks again, and how long it looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const LOOKS_MAX: usize = 600;
/// A window's height; only its width changes what is seen.
const HEIGHT: u32 = 900;
/// A telephone's width and a desk's.
pub const WIDTHS: [u32; 2] = [360, 1440];

/// What the system asks pages to look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser with one page. Closed when this is dropped.
pub struct Browser {
    session: Session,
    base: String,
    width: Cell<u32>,
    scheme: Cell<Scheme>,
    // After the session, so that the seat is free when the browser is closed.
    _seat: SemaphorePermit<'static>,
}

impl Browser {
    /// A browser with a fresh profile, at a desk, in light. None if the machine has none, which has been said then.
    pub async fn open(app: &TestApp) -> Option<Self> {
        let driver = tokio::task::spawn_blocking(Driver::shared).await.expect("the driver starts or is missing")?;
        let seat = SEATS.acquire().await.expect("seats are never closed");
        let session = driver.session().await;
        let (width, scheme) = (Cell::new(0), Cell::new(Scheme::Light));
        let browser = Self { session, base: app.base().to_owned(), width, scheme, _seat: seat };
        let folder = browser.session.downloads.display().to_string();
        let downloads = json!({ "behavior": "allow", "downloadPath": folder });
        browser.session.devtools("Browser.setDownloadBehavior", downloads).await;
        browser.width(1440).await;
        browser.light().await;
        Some(browser)
    }

    /// Goes to a path of the service and waits until the page is loaded.
    pub async fn go(&self, path: &str) {
        let address = json!({ "url": format!("{}{path}", self.base) });
        self.session.post("/url", &address).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.session.post("/refresh", &json!({})).await.expect("the page loads again");
    }

    /// Goes back to the page before.
    pub async fn back(&self) {
        self.session.post("/back", &json!({})).await.expect("the page before");
    }

    /// The path and query of the page; the whole address where it is another origin's.
    pub async fn address(&self) -> String {
        let address = self.session.get("/url").await.expect("an address");
        let address = address.as_str().unwrap_or_default();
        address.strip_prefix(&self.base).unwrap_or(address).to_owned()
    }

    /// Makes the window this wide.
    pub async fn width(&self, width: u32) {
        let window = json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
        self.session.devtools("Emulation.setDeviceMetricsOverride", window).await;
        self.width.set(width);
    }

    /// As on a system that is set to light.
    pub async fn light(&self) {
        self.scheme(Scheme::Light).await;
    }

    /// As on a system that is set to dark.
    pub async fn dark(&self) {
        self.scheme(Scheme::Dark).await;
    }

    /// As on a system of this scheme; nothing moves, so that what is looked at stands still.
    pub async fn scheme(&self, scheme: Scheme) {
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme.word() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.session.devtools("Emulation.setEmulatedMedia", features).await;
        self.scheme.set(scheme);
    }

    /// From the next page on, no script of a page runs; those of the test still do.
    pub async fn without_javascript(&self) {
        self.session.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// From the next page on, scripts run again.
    pub async fn with_javascript(&self) {
        self.session.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;
    }

    /// What the body of a function answers that runs in the page.
    pub async fn script(&self, body: &str) -> Value {
        self.script_with(body, json!([])).await
    }

    /// The same, with arguments.
    pub async fn script_with(&self, body: &str, arguments: Value) -> Value {
        self.try_script(body, arguments).await.unwrap_or_else(|error| panic!("{error}\nin {body}"))
    }

    /// The same, where the page may be on its way out.
    async fn try_script(&self, body: &str, arguments: Value) -> Result<Value, String> {
        self.session.post("/execute/sync", &json!({ "script": body, "args": arguments })).await
    }

    /// Looks until an expression of the page's is true.
    pub async fn until(&self, expression: &str) {
        let body = format!("return Boolean({expression})");
        let look = async || match self.try_script(&body, json!([])).await {
            Ok(Value::Bool(true)) => Ok(()),
            other => Err(format!("{other:?}")),
        };
        self.wait(expression, look).await;
    }

    /// Looks until there is something to see; else says what was seen last, and the page.
    async fn wait<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
        let mut last = String::new();
        for _ in 0..LOOKS_MAX {
            match look().await {
                Ok(seen) => return seen,
                Err(reason) => last = reason,
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let page = self.try_script("return document.body.innerText", json!([])).await;
        let page = page.as_ref().map_or_else(String::as_str, |text| text.as_str().unwrap_or_default());
        panic!("waited in vain for {what} ({last}) at {}:\n{page}", self.address().await)
    }
}
