//! The values of a recorded statement, read from how diesel shows them: `["paid", 7, Some("x"), None]`.

/// A value that was sent with a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// None.
    Null,
    /// A number or a truth value, as it is written.
    Plain(String),
    /// A text.
    Text(String),
    /// Several of them in one.
    List(Vec<Value>),
}

impl Value {
    /// The value as SQL writes it.
    pub fn literal(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Plain(plain) => plain.clone(),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            // As a text, which becomes a list of whatever the statement takes there.
            Self::List(values) => {
                let elements = values.iter().map(Self::element).collect::<Vec<_>>().join(", ");
                format!("'{{{}}}'", elements.replace('\'', "''"))
            }
        }
    }

    /// The value as it stands in a list of PostgreSQL's.
    fn element(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            other => other.literal(),
        }
    }
}

/// Reads a list of values; nothing if it is written in any other way.
pub fn values(text: &str) -> Option<Vec<Value>> {
    let mut rest = text.trim();
    let Value::List(values) = value(&mut rest)? else { return None };
    rest.is_empty().then_some(values)
}

fn value(rest: &mut &str) -> Option<Value> {
    match rest.chars().next()? {
        '"' => quoted(rest).map(Value::Text),
        '[' => list(rest),
        _ => {
            let end = rest.find(['(', ')', ',', ']']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            *rest = after;
            // `Some("x")`, or how SQLite's own values are shown: `String("x")`.
            if let Some(inside) = rest.strip_prefix('(') {
                *rest = inside;
                let inner = value(rest)?;
                *rest = rest.strip_prefix(')')?;
                return Some(inner);
            }
            let plain = word.trim();
            (!plain.is_empty())
                .then(|| if plain == "None" || plain == "Null" { Value::Null } else { Value::Plain(plain.to_owned()) })
        }
    }
}

fn list(rest: &mut &str) -> Option<Value> {
    *rest = rest.strip_prefix('[')?;
    let mut values = Vec::new();
    loop {
        *rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix(']') {
            *rest = after;
            return Some(Value::List(values));
        }
        values.push(value(rest)?);
    }
}

/// A text in Rust's own quotes.
fn quoted(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                *rest = &rest[at + 1..];
                return Some(text);
            }
            '\\' => match characters.next()?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                '0' => text.push('\0'),
                'u' => {
                    let digits: String =
                        characters.by_ref().map(|(_, c)| c).skip(1).take_while(|c| *c != '}').collect();
                    text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    None
}

#[test]
fn values_are_read_as_diesel_shows_them() {
    let read = |text: &str| values(text).map(|values| values.iter().map(Value::literal).collect::<Vec<_>>());
    let literals = |expected: &[&str]| Some(expected.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    assert_eq!(read("[]"), literals(&[]));
    assert_eq!(
        read(r#"["it's", -7, None, Some("a\n\"\u{301}"), true]"#),
        literals(&["'it''s'", "-7", "null", "'a\n\"\u{301}'", "true"])
    );
    assert_eq!(read(r#"[["a", "b"], [], Array([1, 2])]"#), literals(&["'{\"a\", \"b\"}'", "'{}'", "'{1, 2}'"]));
    assert_eq!(read("[1"), None);
    assert_eq!(read("1"), None);
}
