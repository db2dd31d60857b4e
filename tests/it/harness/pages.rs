//! Walks over the operators' lists of records, page by page, as a client does.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, TestApp};

impl TestApp {
    /// `GET` of a whole path with the operator's key.
    pub async fn operator_get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(&self.operator)).await
    }

    /// All records of a list, by pages of this size; each page is held to the contract's shape. The path may
    /// have a query.
    pub async fn walk(&self, path: &str, limit: usize) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = self.operator_get(&format!("{path}{joint}limit={limit}{cursor}")).await;
            assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
            let page = answer.json();
            let data = page["data"].as_array().unwrap_or_else(|| panic!("{path}: no data in {page}"));
            assert_eq!(page["has_more"], page["next_cursor"].is_string(), "{path}: {page}");
            assert!(data.len() <= limit && (data.len() == limit || page["has_more"] == false), "{path}: {page}");
            seen.extend(data.iter().cloned());
            assert!(seen.len() < 1_000, "{path}: a walk without end");
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return seen,
            }
        }
    }

    /// The orders of all pages, one after the other, by a key that may see them; the path has a query. More than
    /// `at_most` are a walk without end.
    pub async fn walk_orders(&self, path: &str, key: &str, at_most: usize) -> Vec<Value> {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let next = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let answer = self.send(self.request(Method::GET, &format!("{path}{next}")).bearer_auth(key)).await;
            assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
            let page = answer.json();
            seen.extend(page["orders"].as_array().cloned().unwrap_or_default());
            assert!(seen.len() <= at_most, "{path}: a walk without end");
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return seen,
            }
        }
    }

    /// Holds a list to the contract's rules of pages: limits are refused, strange cursors end the walk.
    pub async fn pages_are_strict(&self, path: &str, foreign_cursor: &str) {
        for wrong in ["0", "201", "-1", "", "1.0", "ten"] {
            let told = self.operator_get(&format!("{path}?limit={wrong}")).await.problem(400, "bad-request");
            assert_eq!(told, "limit must be an integer between 1 and 200.", "{path} {wrong}");
        }
        for strange in ["x", "AAAA", "%00", "%FF", "null", "%F0%9F%99%82", foreign_cursor] {
            let answer = self.operator_get(&format!("{path}?cursor={strange}")).await;
            let empty = json!({ "data": [], "has_more": false, "next_cursor": null });
            assert_eq!((answer.code(), answer.json()), (200, empty), "{path} {strange}");
        }
        let endless = format!("{path}?cursor={}", "a".repeat(513));
        assert!(self.operator_get(&endless).await.problem(400, "bad-request").starts_with("cursor must be"));
    }
}
