//! What a person does on a page: clicks, types, presses keys.
//!
//! Things are named as they are seen: a button by its words, a control by its label. A name that begins with `#`, `.`
//! or `[` is a selector. Where the page is not ready yet, it is looked at again.

use serde_json::{Value, json};

use super::Browser;

const FIND: &str = include_str!("find.js");
const SET: &str = include_str!("set.js");
/// By which an element is known in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Named keys, as the protocol writes them.
const KEYS: &[(&str, &str)] = &[
    ("Tab", "\u{e004}"),
    ("Enter", "\u{e007}"),
    ("Escape", "\u{e00c}"),
    ("Space", " "),
    ("Backspace", "\u{e003}"),
    ("Delete", "\u{e017}"),
    ("Shift", "\u{e008}"),
    ("Control", "\u{e009}"),
    ("Alt", "\u{e00a}"),
    ("PageUp", "\u{e00e}"),
    ("PageDown", "\u{e00f}"),
    ("End", "\u{e010}"),
    ("Home", "\u{e011}"),
    ("ArrowLeft", "\u{e012}"),
    ("ArrowUp", "\u{e013}"),
    ("ArrowRight", "\u{e014}"),
    ("ArrowDown", "\u{e015}"),
];

impl Browser {
    /// Clicks the link, button or box with these words, once it is there.
    pub async fn click(&self, name: &str) {
        self.click_on(name, &json!(null)).await;
    }

    /// The same, within the first part of the page that this selector finds.
    pub async fn click_in(&self, part: &str, name: &str) {
        self.click_on(name, &json!(part)).await;
    }

    async fn click_on(&self, name: &str, part: &Value) {
        let click = async || {
            let id = self.element("pressed", name, part).await?;
            self.session.post(&format!("/element/{id}/click"), &json!({})).await
        };
        self.wait(&format!("a click on “{name}”"), click).await;
    }

    /// Writes into the control of this label, in place of what stands there; chooses, where it is a list.
    pub async fn fill(&self, label: &str, value: &str) {
        self.fill_on(label, value, &json!(null)).await;
    }

    /// The same, within the first part of the page that this selector finds.
    pub async fn fill_in(&self, part: &str, label: &str, value: &str) {
        self.fill_on(label, value, &json!(part)).await;
    }

    async fn fill_on(&self, label: &str, value: &str, part: &Value) {
        let fill = async || {
            let id = self.element("filled", label, part).await?;
            match self.try_script(SET, json!([{ ELEMENT: id }, value])).await? {
                Value::Bool(true) => return Ok(()),
                Value::Bool(false) => {}
                refused => return Err(refused.to_string()),
            }
            self.session.post(&format!("/element/{id}/clear"), &json!({})).await?;
            self.session.post(&format!("/element/{id}/value"), &json!({ "text": value })).await.map(drop)
        };
        self.wait(&format!("“{label}” to be filled"), fill).await;
    }

    /// What stands in the control of this label.
    pub async fn value(&self, label: &str) -> String {
        let look = async || {
            let id = self.element("filled", label, &json!(null)).await?;
            self.try_script("return arguments[0].value", json!([{ ELEMENT: id }])).await
        };
        self.wait(&format!("“{label}”"), look).await.as_str().unwrap_or_default().to_owned()
    }

    /// Presses a key by its name, or with others held: `Tab`, `Shift+Tab`, `Enter`, `j`.
    pub async fn press(&self, keys: &str) {
        let named = |key: &str| KEYS.iter().find(|(name, _)| *name == key).map_or(key, |(_, sign)| sign).to_owned();
        let signs: Vec<String> = keys.split('+').map(named).collect();
        let down = signs.iter().map(|sign| json!({ "type": "keyDown", "value": sign }));
        let up = signs.iter().rev().map(|sign| json!({ "type": "keyUp", "value": sign }));
        let acts: Vec<Value> = down.chain(up).collect();
        let told = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": acts }] });
        self.session.post("/actions", &told).await.unwrap_or_else(|error| panic!("{keys}: {error}"));
    }

    /// Forgets all cookies, as somebody does who closes a private window.
    pub async fn forget_cookies(&self) {
        self.session.devtools("Network.clearBrowserCookies", json!({})).await;
    }

    async fn element(&self, kind: &str, name: &str, part: &Value) -> Result<String, String> {
        let found = self.try_script(FIND, json!([kind, name, part])).await?;
        found[ELEMENT].as_str().map(str::to_owned).ok_or_else(|| found.to_string())
    }
}
