//! An operator who is signed in, with a browser that runs no scripts: pages, forms, a cookie.

use std::cell::RefCell;

use reqwest::{Client, Method, RequestBuilder};
use url::form_urlencoded;

use super::{Answer, TestApp};

/// A signed-in operator.
pub struct Operator {
    client: Client,
    base: String,
    cookie: RefCell<String>,
}

impl TestApp {
    /// Somebody at the door.
    pub fn outside(&self) -> Operator {
        let client = super::client(Client::builder());
        Operator { client, base: self.base().to_owned(), cookie: RefCell::default() }
    }

    /// Signs in with the operator's key.
    pub async fn signed_in(&self) -> Operator {
        let operator = self.outside();
        let entered = operator.try_key(&self.operator).await;
        assert_eq!((entered.code(), entered.header("location")), (303, Some("/admin")), "{}", entered.text);
        assert_ne!(*operator.cookie.borrow(), "");
        operator
    }
}

impl Operator {
    /// Tries a key at the door.
    pub async fn try_key(&self, key: &str) -> Answer {
        self.post("/admin/sign-in", &[("key", key), ("next", "/admin")]).await
    }

    /// What the browser would send.
    pub fn cookie(&self) -> String {
        self.cookie.borrow().clone()
    }

    /// Takes another cookie.
    pub fn take(&self, cookie: String) {
        *self.cookie.borrow_mut() = cookie;
    }

    /// A page, whatever its status; no redirect is followed.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.request(Method::GET, format!("{}{path}", self.base))).await
    }

    /// A page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.code(), 200, "{path}: {}", page.text);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store, private"), "{path}");
        page.text
    }

    /// Sends the form of a page, with what stands hidden in it.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.submit_to(path, path, fields).await
    }

    /// Sends a form of a page that leads to another address.
    pub async fn submit_to(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page(page).await;
        let token = hidden(&page, "token");
        let seen = between(&page, "name=\"seen\" value=\"", "\"").into_iter().next();
        let seen = seen.iter().map(|seen| ("seen", seen.as_str()));
        let hidden = [("token", token.as_str())].into_iter().chain(seen);
        let fields: Vec<_> = hidden.chain(fields.iter().copied()).collect();
        self.post(path, &fields).await
    }

    /// Sends just these fields, from a page of this service.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.base.clone();
        self.post_from(&origin, path, fields).await
    }

    /// Sends just these fields, from a page of this origin.
    pub async fn post_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.request(Method::POST, format!("{}{path}", self.base)).header("Origin", origin);
        self.send(request.header("Content-Type", "application/x-www-form-urlencoded").body(body)).await
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        let cookie = self.cookie.borrow().clone();
        let answer = request.header("Cookie", cookie).send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let answer = Answer { status, headers, text: answer.text().await.expect("a body of text") };
        if let Some(set) = answer.header("set-cookie") {
            *self.cookie.borrow_mut() = set.split(';').next().unwrap_or_default().to_owned();
        }
        answer
    }
}

/// The value of a hidden field.
pub fn hidden(page: &str, name: &str) -> String {
    let value = between(page, &format!("name=\"{name}\" value=\""), "\"").into_iter().next();
    value.unwrap_or_else(|| panic!("no {name} in {page}"))
}

/// Every piece of a text between these two, in their order.
pub fn between(text: &str, begin: &str, end: &str) -> Vec<String> {
    let pieces = text.split(begin).skip(1);
    pieces.filter_map(|piece| piece.split_once(end)).map(|(inside, _)| inside.to_owned()).collect()
}

/// What people read of a page: without its tags, with its escapes undone.
pub fn read(page: &str) -> String {
    const IN_A_LINE: [&str; 7] = ["a", "b", "code", "span", "time", "button", "small"];
    let mut pieces = page.get(page.find("<main").unwrap_or_default()..).unwrap_or_default().split('<');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for (tag, after) in pieces.filter_map(|piece| piece.split_once('>')) {
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        text.push_str(if IN_A_LINE.contains(&name) { "" } else { " " });
        text.push_str(after);
    }
    let escapes = [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    let undone = escapes.iter().fold(text, |text, (escape, plain)| text.replace(escape, plain));
    undone.split_whitespace().collect::<Vec<_>>().join(" ")
}
