//! Which database, as far as its URL alone tells; its file or server is only met when it is opened.

/// Reads which database.
pub(super) fn parse(text: &str) -> Option<String> {
    let rest =
        ["sqlite://", "postgres://", "postgresql://"].into_iter().find_map(|scheme| text.strip_prefix(scheme))?;
    (!rest.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// What the URL asks for that this program does not have, in words without its secrets.
pub(super) fn fault(url: &str) -> Option<String> {
    let (place, query) = url.split_once('?')?;
    if place.starts_with("sqlite://") {
        return Some("has a `?`, but a sqlite:// URL takes no options: it ends with the path of the file".to_owned());
    }
    let mode = query.split('&').find_map(|option| option.strip_prefix("sslmode="))?;
    match mode {
        "disable" | "prefer" => None,
        "require" | "verify-ca" | "verify-full" => Some(format!(
            "asks for sslmode={mode}, but this program does not encrypt connections to PostgreSQL yet: leave sslmode \
             out where the network between is trusted, or lead the connection through a tunnel"
        )),
        _ => Some("has an sslmode that is not known: leave it out, or set it to disable".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_asks_for_in_vain_is_told_without_its_secrets() {
        for fine in ["sqlite://a/b.db", "postgres://a:b@c/d", "postgres://a@c/d?sslmode=disable&connect_timeout=3"] {
            assert_eq!((parse(fine).as_deref(), fault(fine)), (Some(fine), None));
        }
        for (url, word) in [
            ("sqlite://a/b.db?mode=rwc", "takes no options"),
            ("postgres://a:hidden@c/d?sslmode=require", "sslmode=require, but this program does not encrypt"),
            ("postgresql://a:hidden@c/d?connect_timeout=3&sslmode=verify-full", "sslmode=verify-full"),
            ("postgres://a:hidden@c/d?sslmode=hidden", "an sslmode that is not known"),
        ] {
            let told = fault(url).unwrap();
            assert!(told.contains(word) && !told.contains("hidden"), "{told}");
        }
    }
}
