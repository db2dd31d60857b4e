//! The rule of rooms: calls and crates that may appear in some files only.

use super::source::{Offence, Source, occurrences};

/// Words that do not belong into a part of the house.
pub struct Ban {
    /// The words or paths, matched whole and in code only.
    words: &'static [&'static str],
    /// Where the ban holds: the beginning of the path.
    within: &'static str,
    /// Where it does not hold after all: beginnings of paths.
    except: &'static [&'static str],
    /// What to do instead.
    pub remedy: &'static str,
}

/// All bans.
pub const BANS: &[Ban] = &[
    Ban {
        words: &[
            "Utc::now",
            "Local::now",
            "SystemTime::now",
            "Instant::now",
            "Uuid::now_v7",
            "Uuid::new_v4",
            "getrandom",
            "rand",
        ],
        within: "src/",
        except: &["src/clock.rs"],
        remedy: "time and randomness are arguments: take a `Clock`, or what `src/clock.rs` hands out",
    },
    Ban {
        words: &["diesel", "diesel_async", "diesel_migrations", "libsqlite3_sys"],
        within: "src/",
        except: &["src/store/"],
        remedy: "only `src/store` speaks to a database: ask the `Store`",
    },
    Ban {
        words: &["actix", "actix_web", "actix_cors", "actix_http", "actix_rt"],
        within: "src/",
        except: &[
            "src/actors/",
            "src/http/",
            "src/app.rs",
            "src/app/",
            "src/main.rs",
            "src/cli.rs",
            "src/cli/",
            "src/provider/simulator",
        ],
        remedy: "what decides, stores or signs knows no actors and no server",
    },
    Ban {
        words: &[
            "async",
            "await",
            "tokio",
            "tracing",
            "reqwest",
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
        ],
        within: "src/domain/",
        except: &[],
        remedy: "the domain is pure: decide here, wait, read and log in the shell",
    },
    Ban {
        words: &["Writer", "store::writer"],
        within: "src/http/",
        except: &[],
        remedy: "http only reads the store: changes of orders go through their actor",
    },
    Ban {
        words: &["sleep"],
        within: "tests/",
        except: &["tests/it/harness"],
        remedy: "move the clock by hand, or wait for the thing itself",
    },
];

impl Ban {
    /// Its words where they do not belong.
    pub fn offences(&self, source: &Source) -> Vec<Offence> {
        let holds = source.path.starts_with(self.within)
            && !self.except.iter().any(|exception| source.path.starts_with(exception));
        if !holds {
            return Vec::new();
        }
        let found = |word: &&str| -> Vec<Offence> {
            occurrences(&source.code, word).map(|at| source.offence(at, format!("`{word}`"))).collect()
        };
        self.words.iter().flat_map(found).collect()
    }
}

/// Notes of work that is left for later; these are looked for in comments, where they live.
pub fn reminders(source: &Source) -> Vec<Offence> {
    // Put together here, so that the rule does not find itself.
    [concat!("TO", "DO"), concat!("FIX", "ME")]
        .iter()
        .flat_map(|word| occurrences(&source.text, word).map(move |at| source.offence(at, format!("`{word}`"))))
        .collect()
}

#[test]
fn a_banned_word_is_found_outside_its_room_and_not_inside() {
    let count = |path: &str, text: &str| -> usize {
        let source = Source::new(path, text);
        BANS.iter().map(|ban| ban.offences(&source).len()).sum()
    };
    let cases = [
        ("src/actors/sweeper.rs", "let now = chrono::Utc::now();", "src/clock.rs"),
        ("src/http/quote.rs", "let now = std::time::SystemTime::now();", "src/clock.rs"),
        ("src/store/writer.rs", "let from = Instant::now();", "src/clock.rs"),
        ("src/http/list.rs", "use diesel::prelude::*;", "src/store/queries/orders.rs"),
        ("src/store/writer.rs", "use actix_web::rt;", "src/actors/order.rs"),
        ("src/domain/order.rs", "pub async fn load() {}", "src/store/mod.rs"),
        ("src/domain/order.rs", "std::fs::read(path)", "src/config.rs"),
        ("src/http/list.rs", "fn f(writer: Writer) {}", "src/actors/order.rs"),
        ("tests/it/expiry.rs", "std::thread::sleep(second);", "tests/it/harness.rs"),
    ];
    for (outside, text, inside) in cases {
        assert_eq!(count(outside, text), 1, "{outside}: {text}");
        assert_eq!(count(inside, text), 0, "{inside}: {text}");
        assert_eq!(count(outside, &format!("// {text}")), 0, "a comment may speak of it: {text}");
    }
}

#[test]
fn a_reminder_is_found_in_a_comment() {
    let text = format!("//! Head.\n// {}: later\n", concat!("TO", "DO"));
    let found = reminders(&Source::new("src/x.rs", &text));
    assert_eq!(found.iter().map(|offence| offence.line).collect::<Vec<_>>(), [2]);
    assert!(reminders(&Source::new("src/x.rs", "//! A mastodon and a to-do list.")).is_empty());
}
