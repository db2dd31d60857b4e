//! What a person sees of a page, and what only the browser knows of it.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::Browser;

/// Of a longer page only the beginning is kept.
const SCREENSHOT_HEIGHT_MAX: u64 = 4_000;

/// A file that the browser has been given.
pub struct Download {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Browser {
    /// The visible words of the first element that this selector finds, once there is one.
    pub async fn text(&self, css: &str) -> String {
        let look = async || {
            let body = "return document.querySelector(arguments[0])?.innerText ?? null";
            let found = self.try_script(body, json!([css])).await?;
            found.as_str().map(str::to_owned).ok_or_else(|| "there is none".to_owned())
        };
        self.wait(css, look).await
    }

    /// The visible words of all elements that this selector finds now.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let body = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)";
        let found = self.script_with(body, json!([css])).await;
        let found = found.as_array().cloned().unwrap_or_default();
        found.iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits until the page shows these words.
    pub async fn shows(&self, text: &str) {
        self.wait(&format!("“{text}”"), async || self.reads(text).await?.then_some(()).ok_or_else(String::new)).await;
    }

    /// Waits until the page shows these words no more.
    pub async fn hides(&self, text: &str) {
        let look = async || (!self.reads(text).await?).then_some(()).ok_or_else(String::new);
        self.wait(&format!("“{text}” to be gone"), look).await;
    }

    /// Whether the page shows these words now, whatever their spacing.
    async fn reads(&self, text: &str) -> Result<bool, String> {
        let body = r#"
            const words = (text) => text.replace(/\s+/g, " ").trim();
            return words(document.body.innerText).includes(words(arguments[0]));
        "#;
        Ok(self.try_script(body, json!([text])).await? == Value::Bool(true))
    }

    /// Waits until the page is at this path and query.
    pub async fn arrives(&self, path: &str) {
        let look = async || {
            let address = self.address().await;
            if address == path { Ok(()) } else { Err(address) }
        };
        self.wait(path, look).await;
    }

    /// The words of what has the focus.
    pub async fn focused(&self) -> String {
        let body = "const one = document.activeElement; return one.labels?.[0]?.innerText ?? one.innerText";
        self.script(body).await.as_str().unwrap_or_default().trim().to_owned()
    }

    /// A cookie as the browser keeps it, if it has it.
    pub async fn cookie(&self, name: &str) -> Option<Value> {
        self.session.get(&format!("/cookie/{name}")).await.ok()
    }

    /// All cookies for this page, as they are sent.
    pub async fn cookies(&self) -> String {
        let cookies = self.session.get("/cookie").await.expect("cookies");
        let word = |cookie: &Value, field: &str| cookie[field].as_str().unwrap_or_default().to_owned();
        let pair = |cookie: &Value| format!("{}={}", word(cookie, "name"), word(cookie, "value"));
        cookies.as_array().into_iter().flatten().map(pair).collect::<Vec<_>>().join("; ")
    }

    /// What the console said since the last look: errors, refusals of the content policy, failed requests.
    pub async fn console(&self) -> Vec<String> {
        let log = self.session.post("/se/log", &json!({ "type": "browser" })).await.expect("a log");
        let line = |entry: &Value| format!("{}: {}", entry["level"], entry["message"]);
        log.as_array().into_iter().flatten().map(line).collect()
    }

    /// Asserts that the console has said nothing since the last look.
    pub async fn quiet(&self) {
        let said = self.console().await;
        assert!(said.is_empty(), "the console of {}: {said:#?}", self.address().await);
    }

    /// Asserts that the page has asked nobody but its own service.
    pub async fn stays_at_home(&self) {
        let body =
            r#"return performance.getEntries().map((entry) => entry.name).filter((name) => /^\w+:\/\//.test(name))"#;
        let asked = self.script(body).await;
        let asked: Vec<&str> = asked.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(!asked.is_empty(), "a page has at least asked for itself");
        let strange: Vec<&&str> = asked.iter().filter(|name| !name.starts_with(&self.base)).collect();
        assert!(strange.is_empty(), "{} asked {strange:?}", self.address().await);
    }

    /// Asserts that nothing is wider than the window.
    pub async fn fits(&self) {
        let body = r#"
            const widest = [...document.body.querySelectorAll("*")]
                .filter((one) => one.getBoundingClientRect().right > innerWidth)
                .map((one) => one.outerHTML.slice(0, 120));
            return document.documentElement.scrollWidth <= innerWidth ? [] : widest;
        "#;
        let wide = self.script(body).await;
        assert_eq!(wide, json!([]), "wider than {} at {}", self.width.get(), self.address().await);
    }

    /// Keeps what the page looks like in `target/screenshots/<name>-<width>-<scheme>.png`, to be looked at.
    pub async fn screenshot(&self, name: &str) {
        let height = self.script("return document.documentElement.scrollHeight").await;
        let height = height.as_u64().unwrap_or_default().clamp(super::HEIGHT.into(), SCREENSHOT_HEIGHT_MAX);
        let clip = json!({ "x": 0, "y": 0, "width": self.width.get(), "height": height, "scale": 1 });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.session.devtools("Page.captureScreenshot", wanted).await;
        let picture = BASE64.decode(picture["data"].as_str().unwrap_or_default().as_bytes()).expect("a picture");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).expect("a folder for screenshots");
        let file = folder.join(format!("{name}-{}-{}.png", self.width.get(), self.scheme.get().word()));
        fs::write(file, picture).expect("a screenshot is kept");
    }

    /// Waits for a file that the browser was given, and takes it away.
    pub async fn downloaded(&self) -> Download {
        let look = async || {
            let files = fs::read_dir(&self.session.downloads).map_err(|error| error.to_string())?;
            let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
            let named = |name: &String| !name.ends_with(".crdownload") && !name.starts_with('.');
            // The browser takes the name with an empty file before the bytes are there.
            let filled =
                |name: &String| fs::metadata(self.session.downloads.join(name)).is_ok_and(|file| file.len() > 0);
            names.into_iter().find(|name| named(name) && filled(name)).ok_or_else(|| "no file".to_owned())
        };
        let name = self.wait("a download", look).await;
        let file = self.session.downloads.join(&name);
        let bytes = fs::read(&file).expect("the file can be read");
        fs::remove_file(file).expect("the file is taken away");
        Download { name, bytes }
    }
}
