//! Pages as a person meets them, in a real browser. What every page has to keep is in `harness/browser/judges.rs`.

use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::TestApp;
use crate::harness::browser::Browser;

/// They are the same on both engines.
#[test]
fn the_pages_of_the_documentation_are_presentable() {
    crate::engines::run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let Some(browser) = Browser::open(&app).await else { return };
        for path in crate::docs::pages(&app).await.into_keys() {
            browser.presentable(&app, &path, &path.trim_matches('/').replace('/', "-")).await;
        }
    });
}

/// A page with one of each that the tests' person knows to use; what is done on it, it writes down.
const DESK: &str = r#"
    document.body.innerHTML = `
        <main><h1>Desk</h1>
        <label>Note <input name="note"></label>
        <label for="status">Status</label><select id="status"><option>Any<option>Paid</select>
        <label><input type="checkbox"> Only mine</label>
        <label>From <input type="date"></label>
        <button>Save</button><a href="/openapi.json" download="api.json">Download</a>
        <section class="row"><button>Resend</button></section><section class="row"><button>Resend</button></section>
        <dialog aria-label="Sure?"><button>Save</button></dialog>
        <p id="said"></p></main>`;
    const said = (text) => { document.getElementById("said").textContent += text + "; "; };
    addEventListener("keydown", (event) => said((event.shiftKey ? "Shift+" : "") + event.key));
    addEventListener("change", ({ target }) => said(target.type === "checkbox" ? target.checked : target.value));
    addEventListener("click", ({ target }) => target.matches("button") && said(
        target.closest("dialog") ? "confirmed" : target.textContent));
"#;

#[test]
fn the_person_of_these_tests_uses_a_page_by_its_words() {
    crate::engines::run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let Some(browser) = Browser::open(&app).await else { return };
        browser.go("/docs/api").await;
        browser.script(DESK).await;
        browser.fill("Note", "two words").await;
        assert_eq!(browser.value("Note").await, "two words");
        browser.script("document.querySelector('#said').textContent = ''").await;
        browser.fill("Status", "Paid").await;
        browser.click("Only mine").await;
        browser.fill_in("main", "From", "2026-05-12").await;
        browser.click("Save").await;
        browser.click_in(".row + .row", "Resend").await;
        browser.press("Shift+Tab").await;
        assert_eq!(browser.focused().await, "Resend");
        browser.script("document.querySelector('dialog').showModal()").await;
        browser.click("Save").await;
        browser.shows("two words; Paid; true; 2026-05-12; Save; Resend; Shift+Shift; Shift+Tab; confirmed;").await;
        browser.press("Escape").await;
        browser.hides("nothing that is there").await;
        assert_eq!(browser.texts(".row").await, ["Resend", "Resend"]);
        assert_eq!(browser.text("h1").await, "Desk");

        browser.click("Download").await;
        let file = browser.downloaded().await;
        assert_eq!(file.name, "api.json");
        let document: Value = serde_json::from_slice(&file.bytes).expect("the whole document");
        assert_eq!(document["openapi"], "3.1.0");
    });
}

#[test]
fn the_browser_of_these_tests_tells_what_a_page_does_behind_its_reader() {
    crate::engines::run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let Some(browser) = Browser::open(&app).await else { return };
        browser.go("/docs/api").await;
        browser.quiet().await;
        browser.script("document.body.setAttribute('onclick', 'window.ran = true'); document.body.click()").await;
        let said = browser.console().await;
        assert!(said.len() == 1 && said.concat().contains("Content Security Policy"), "{said:?}");
        assert_eq!(browser.script("return window.ran ?? null").await, json!(null));

        browser.script("document.cookie = 'crumb=1'").await;
        assert_eq!(browser.cookie("crumb").await.expect("a cookie")["httpOnly"], false);
        assert_eq!(browser.cookies().await, "crumb=1");
        browser.forget_cookies().await;
        assert!(browser.cookie("crumb").await.is_none());

        let scriptless = "return matchMedia('(scripting: none)').matches";
        browser.without_javascript().await;
        browser.reload().await;
        assert_eq!(browser.script(scriptless).await, true);
        browser.click("Shapes").await;
        browser.arrives("/docs/shapes").await;
        browser.back().await;
        browser.with_javascript().await;
        browser.reload().await;
        browser.until("document.readyState === 'complete'").await;
        assert_eq!(browser.script(scriptless).await, false);
        browser.dark().await;
        assert_eq!(browser.script("return matchMedia('(prefers-color-scheme: dark)').matches").await, true);
    });
}
