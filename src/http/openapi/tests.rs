//! Holds the document against the table of routes: no ghost.

use std::collections::BTreeSet;

use super::document;
use crate::http::routes::table;

/// Every method with its path, `GET /healthz`, as the document has them.
fn documented() -> BTreeSet<String> {
    let json = serde_json::to_value(document()).unwrap();
    let paths = json["paths"].as_object().unwrap();
    let methods = |path: &str, item: &serde_json::Value| -> Vec<String> {
        item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    paths.iter().flat_map(|(path, item)| methods(path, item)).collect()
}

#[test]
fn no_ghost_is_documented() {
    let served: BTreeSet<String> = table().iter().flat_map(|place| place.operations()).collect();
    let ghosts: Vec<_> = documented().difference(&served).cloned().collect();
    assert_eq!(ghosts, Vec::<String>::new());
}
