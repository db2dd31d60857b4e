//! An operator at the pages under `/admin`, as far as HTTP goes: signs in, looks, sends forms.
//!
//! It keeps the cookie as a browser does, and sends with a form what stands hidden in the page it came from.

use std::sync::Mutex;

use reqwest::Method;
use url::form_urlencoded;

use super::{Answer, TestApp};

/// Somebody who is signed in, or was.
pub struct Operator<'a> {
    pub app: &'a TestApp,
    cookie: Mutex<String>,
}

impl<'a> Operator<'a> {
    /// Somebody at the door.
    pub fn outside(app: &'a TestApp) -> Self {
        Self { app, cookie: Mutex::default() }
    }

    /// Signed in with the operator's key.
    pub async fn signed_in(app: &'a TestApp) -> Self {
        let operator = Self::outside(app);
        let answer = operator.try_key(&app.operator).await;
        assert_eq!((answer.code(), answer.header("location")), (303, Some("/admin")), "{}", answer.text);
        operator
    }

    /// Tries a key at the door.
    pub async fn try_key(&self, key: &str) -> Answer {
        self.post_as_it_is("/admin/sign-in", &[("key", key)]).await
    }

    /// Looks at a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.keep(self.app.send(self.app.request(Method::GET, path).header("cookie", self.cookie())).await)
    }

    /// Looks at a page that is there, and answers its text.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
        answer.text
    }

    /// Sends a form from this page, with what every form carries.
    pub async fn post(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page(from).await;
        let token = hidden(&page, "token");
        let with_token: Vec<_> = fields.iter().copied().chain([("token", token.as_str())]).collect();
        self.post_as_it_is(path, &with_token).await
    }

    /// Sends just these fields.
    pub async fn post_as_it_is(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.app.request(Method::POST, path).header("cookie", self.cookie());
        let request = request.header("origin", self.app.base());
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        self.keep(self.app.send(request).await)
    }

    /// What the browser would send.
    pub fn cookie(&self) -> String {
        self.cookie.lock().expect("a cookie").clone()
    }

    /// Takes another cookie.
    pub fn take(&self, cookie: String) {
        *self.cookie.lock().expect("a cookie") = cookie;
    }

    fn keep(&self, answer: Answer) -> Answer {
        if let Some(set) = answer.header("set-cookie") {
            self.take(set.split(';').next().unwrap_or_default().to_owned());
        }
        answer
    }
}

/// The value of a hidden field.
pub fn hidden(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let value = page.split(&field).nth(1).and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("no {name} in {page}")).to_owned()
}
