//! The path of `public_url`, for a service that is reached below one: `/shop` of `https://pay.example.com/shop`.
//!
//! Inside, every address begins at the root. The prefix is taken off what is asked, so a proxy may strip it or not, and
//! is put before the addresses in what is answered: in the tags of pages, in `Location`, and in the path of cookies.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::{HttpResponse, web};

/// The attributes of our pages that hold addresses.
const ADDRESSES: [&str; 5] = ["href", "src", "action", "formaction", "data-pay"];

/// What stands before every path; nothing for a service at the root.
#[derive(Debug, Clone, Default)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The path of this URL.
    #[must_use]
    pub fn of(public_url: &str) -> Self {
        let host_on = public_url.split_once("://").map_or("", |(_, rest)| rest);
        Self(host_on.find('/').and_then(|path| host_on.get(path..)).unwrap_or_default().to_owned())
    }

    /// For which paths a cookie is meant.
    #[must_use]
    pub fn cookie_path(&self) -> &str {
        if self.is_root() { "/" } else { &self.0 }
    }

    /// True for a service at the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the prefix off the path that is asked for, if it is there.
    pub fn strip(&self, request: &mut ServiceRequest) {
        let asked = request.uri();
        let rest = asked.path().strip_prefix(&self.0).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let Some(rest) = rest.filter(|_| !self.is_root()) else { return };
        let query = asked.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = if rest.is_empty() { "/" } else { rest };
        let mut parts = asked.clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            request.match_info_mut().get_mut().update(&uri);
            request.head_mut().uri = uri;
        }
    }

    /// Puts the prefix before the addresses of an answer.
    #[must_use]
    pub fn add(&self, mut response: HttpResponse) -> HttpResponse {
        if self.is_root() {
            return response;
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.filter(|location| location.starts_with('/')).map(|path| format!("{}{path}", self.0));
        if let Some(Ok(location)) = location.map(|location| HeaderValue::from_str(&location)) {
            response.headers_mut().insert(LOCATION, location);
        }
        let is_page =
            response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        if !is_page {
            return response;
        }
        let (response, body) = response.into_parts();
        match body.try_into_bytes() {
            Ok(page) => response.set_body(BoxBody::new(self.added_to(page))),
            Err(body) => response.set_body(body),
        }
    }

    /// The page with the prefix before the addresses in its tags. Outside of tags a `<` is always escaped, so what
    /// somebody wrote into a text is never taken for one.
    fn added_to(&self, page: web::Bytes) -> web::Bytes {
        let Ok(html) = str::from_utf8(&page) else { return page };
        let mut pieces = html.split('<');
        let mut rooted = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (tag, text) = piece.split_at(piece.find('>').unwrap_or(piece.len()));
            let place =
                |tag: String, name: &&str| tag.replace(&format!(" {name}=\"/"), &format!(" {name}=\"{}/", self.0));
            rooted.push('<');
            rooted.push_str(&ADDRESSES.iter().fold(tag.to_owned(), place));
            rooted.push_str(text);
        }
        rooted.into()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_prefix_is_the_path_of_the_url() {
        for (url, prefix, cookies) in [
            ("https://pay.example.com", "", "/"),
            ("http://127.0.0.1:8080", "", "/"),
            ("https://example.com/shop", "/shop", "/shop"),
            ("https://example.com/a/b", "/a/b", "/a/b"),
        ] {
            let of = PathPrefix::of(url);
            assert_eq!((of.0.as_str(), of.cookie_path()), (prefix, cookies), "{url}");
        }
    }

    #[test]
    fn what_is_asked_with_the_prefix_or_without_it_is_the_same() {
        let prefix = PathPrefix::of("https://example.com/shop");
        for (asked, path) in [
            ("/shop/pay/x?a=%2F&b", "/pay/x?a=%2F&b"),
            ("/pay/x?a=b", "/pay/x?a=b"),
            ("/shop", "/"),
            ("/shop/", "/"),
            ("/shop?a", "/?a"),
            ("/shopping", "/shopping"),
            ("/shop/shop", "/shop"),
        ] {
            let mut request = TestRequest::default().uri(asked).to_srv_request();
            prefix.strip(&mut request);
            assert_eq!(request.uri().to_string(), path, "{asked}");
        }
    }

    #[test]
    fn only_addresses_in_tags_get_the_prefix() {
        let prefix = PathPrefix::of("https://example.com/shop");
        let page = "<a href=\"/admin\" title=\"/x\">see href=\"/admin\"</a><input name=\"next\" value=\"/admin\">\
                    <a href=\"https://else.example/\">x</a><a href=\"#main\">y</a><i data-pay=\"/pay/t\"></i>";
        let rooted = "<a href=\"/shop/admin\" title=\"/x\">see href=\"/admin\"</a><input name=\"next\" value=\"/admin\">\
                      <a href=\"https://else.example/\">x</a><a href=\"#main\">y</a><i data-pay=\"/shop/pay/t\"></i>";
        assert_eq!(prefix.added_to(page.into()), rooted);
    }
}
