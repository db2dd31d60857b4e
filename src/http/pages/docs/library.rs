//! Which pages the documentation has, and where a link between its files leads.
//!
//! The addresses are linked to from outside and stay; the files' names are those that readers of the repository
//! see. What is not here (the README, the licences) is no page, and a link to it is shown as plain text.

/// The index.
pub const INDEX: &str = "/docs";
/// What customers and everybody may ask for.
pub const API: &str = "/docs/api";
/// What only operators may ask for.
pub const OPERATORS_API: &str = "/docs/api/operators";
/// What is taken and answered.
pub const SHAPES: &str = "/docs/shapes";
/// What only operators' operations take and answer.
pub const OPERATORS_SHAPES: &str = "/docs/shapes/operators";

/// A page.
pub struct Page {
    /// Where it is.
    pub address: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// The Markdown it is made of; the others are made from the OpenAPI document.
    pub written: Option<Written>,
}

/// A file in `docs/`.
pub struct Written {
    /// Its name there, by which the others link to it.
    pub file: &'static str,
    /// What stands in it.
    pub text: &'static str,
}

/// A page that is made of a file.
macro_rules! written {
    ($file:literal) => {
        Some(Written { file: $file, text: include_str!(concat!("../../../../docs/", $file)) })
    };
}

/// All pages below the index, in the order in which they are offered.
pub const PAGES: &[Page] = &[
    Page {
        address: "/docs/crypto-orders-ops-runbook",
        name: "Runbook",
        about: "What support does when a customer asks about a crypto payment, with the requests to paste.",
        written: written!("crypto-orders-ops-runbook.md"),
    },
    Page {
        address: "/docs/idempotency-keys",
        name: "Idempotency keys",
        about: "How a checkout that is sent twice makes one order, and what a key that is used wrongly does.",
        written: written!("idempotency-keys.md"),
    },
    Page {
        address: "/docs/webhooks-crypto-events",
        name: "Webhooks",
        about: "How your own program is told that an order was paid or failed, with code that verifies it.",
        written: written!("webhooks.md"),
    },
    Page {
        address: "/docs/admin-api-pagination",
        name: "Pagination",
        about: "How long lists are read page by page, without missing or repeating a row.",
        written: written!("admin-api-pagination.md"),
    },
    Page {
        address: "/docs/admin-csv-export",
        name: "CSV export",
        about: "How operators take orders into a spreadsheet or a reconciliation: a page of them, or all.",
        written: written!("admin-csv-export.md"),
    },
    Page {
        address: "/docs/operations",
        name: "Operations",
        about: "How the service is deployed, backed up, upgraded and watched.",
        written: written!("operations.md"),
    },
    Page {
        address: API,
        name: "API",
        about: "Every operation with its answers and a command to paste, for customers and for monitors.",
        written: None,
    },
    Page {
        address: OPERATORS_API,
        name: "API for operators",
        about: "The same for what only operators may ask for.",
        written: None,
    },
    Page {
        address: SHAPES,
        name: "Shapes",
        about: "What the operations take and answer, field by field.",
        written: None,
    },
    Page {
        address: OPERATORS_SHAPES,
        name: "Shapes for operators",
        about: "The same for what only operators meet.",
        written: None,
    },
];

/// Where a link of a file leads on these pages; nowhere if it leads to no page.
#[must_use]
pub fn resolve(link: &str) -> Option<String> {
    if link.starts_with('#') || link.starts_with("https://") {
        return Some(link.to_owned());
    }
    let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
    let file = file.strip_prefix("../docs/").unwrap_or(file);
    let page = PAGES.iter().find(|page| page.written.as_ref().is_some_and(|written| written.file == file))?;
    let hash = if fragment.is_empty() { "" } else { "#" };
    Some(format!("{}{hash}{fragment}", page.address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_between_files_become_addresses_of_pages() {
        for (link, address) in [
            ("webhooks.md", Some("/docs/webhooks-crypto-events")),
            ("operations.md#the-simulator", Some("/docs/operations#the-simulator")),
            ("../docs/operations.md", Some("/docs/operations")),
            ("#here", Some("#here")),
            ("https://example.com/a#b", Some("https://example.com/a#b")),
            ("../README.md#settings", None),
            ("licences/fonts.md", None),
            ("javascript:alert(1)", None),
            ("http://example.com", None),
            ("//example.com", None),
            ("/elsewhere", None),
        ] {
            assert_eq!(resolve(link).as_deref(), address, "{link}");
        }
    }
}
