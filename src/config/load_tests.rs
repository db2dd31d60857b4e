//! Proves the strength of the layers, and that every refusal says what an operator needs.

use super::*;

struct File(PathBuf);

impl File {
    fn with(text: &str) -> Self {
        let name = data_encoding::HEXLOWER.encode(&crate::clock::random_bytes::<8>());
        let path = std::env::temp_dir().join(format!("crypto-orders-{name}.toml"));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from_environment(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    load(&Sources { environment: environment(variables), ..Sources::default() })
}

fn from_file(text: &str) -> Result<Settings, ConfigError> {
    let file = File::with(text);
    load(&Sources { file: Some(file.0.clone()), ..Sources::default() })
}

fn refusal(result: Result<Settings, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn nothing_given_is_a_service_on_this_machine() {
    let settings = load(&Sources::default()).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.public_url, "http://127.0.0.1:8080");
    assert_eq!(settings.database_url, "sqlite://data/crypto-orders.db");
    assert_eq!(settings.data_folder(), Some(PathBuf::from("data")));
    assert!(settings.ipn_secrets.is_empty() && settings.trusted_proxies.is_empty() && settings.cors_origins.is_empty());
    assert_eq!(settings.provider, Provider::Simulator);
    assert_eq!((settings.keep_alive, settings.shutdown_delay), (Span::seconds(75), Span::seconds(0)));
    let production = from_environment(&[("CRYPTO_ORDERS_PRODUCTION", "on")]).unwrap();
    assert_eq!(production.shutdown_delay, Span::seconds(5));
    assert!(!settings.production && settings.sweeper.automatic && settings.rate_limits.enabled);
    assert_eq!(settings.rate_limits.buckets.len(), Tier::ALL.len());
    assert_eq!(settings.rate_limits.buckets[&Tier::Enterprise], Bucket { capacity: 60_000, refill_per_second: 1000 });
    assert_eq!(settings.orders.pay_window, Span::minutes(60));
    assert_eq!(settings.orders.rules.tolerance_basis_points, 100);
    assert_eq!(settings.orders.rules.late_payments, LatePayments::Reopen);
    assert_eq!(settings.idempotency, IdempotencySettings { on_mismatch: OnMismatch::Replay, retention: None });
}

#[test]
fn the_shipped_catalogue_is_the_contract_s() {
    let catalogue = load(&Sources::default()).unwrap().orders.catalogue;
    let shipped = [
        ("solo_manual", 7900),
        ("team_manual", 24_900),
        ("agency_manual", 69_900),
        ("api_starter", 14_900),
        ("api_builder", 49_900),
        ("api_scale", 149_900),
    ];
    for (code, cents) in shipped {
        let (_, price) = catalogue.find(code).unwrap();
        assert_eq!((price.cents, price.currency.as_str()), (cents, "USD"), "{code}");
    }
    assert_eq!(catalogue.codes().count(), shipped.len());
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = File::with("listen = \"127.0.0.1:1001\"\npay_window = \"10m\"\npay_currency = \"btc\"\n");
    let variables = [("CRYPTO_ORDERS_LISTEN", "127.0.0.1:1002"), ("CRYPTO_ORDERS_PAY_WINDOW", "20m")];
    let settings = load(&Sources {
        file: Some(file.0.clone()),
        environment: environment(&variables),
        flags: vec![("listen", "127.0.0.1:1003".to_owned())],
    })
    .unwrap();
    assert_eq!(settings.listen.port(), 1003);
    assert_eq!(settings.orders.pay_window, Span::minutes(20));
    assert_eq!(settings.orders.pay_currency, Coin::parse("btc"));
    assert_eq!(settings.sweeper.interval, Span::seconds(5));
}

#[test]
fn the_file_may_be_named_by_the_environment_and_a_flag_names_a_better_one() {
    let (weak, strong) = (File::with("pay_window = \"10m\""), File::with("pay_window = \"20m\""));
    let environment = environment(&[("CRYPTO_ORDERS_CONFIG", weak.0.to_str().unwrap())]);
    let by_variable = load(&Sources { environment: environment.clone(), ..Sources::default() }).unwrap();
    assert_eq!(by_variable.orders.pay_window, Span::minutes(10));
    let by_flag = load(&Sources { environment, file: Some(strong.0.clone()), ..Sources::default() }).unwrap();
    assert_eq!(by_flag.orders.pay_window, Span::minutes(20));
}

#[test]
fn a_file_that_is_named_and_missing_is_an_error() {
    let sources = Sources { file: Some(PathBuf::from("/nonexistent/orders.toml")), ..Sources::default() };
    assert!(refusal(load(&sources)).contains("/nonexistent/orders.toml cannot be read"));
}

#[test]
fn an_empty_variable_is_not_given() {
    let settings = from_environment(&[("CRYPTO_ORDERS_IPN_SECRET", ""), ("CRYPTO_ORDERS_LISTEN", "")]).unwrap();
    assert!(settings.ipn_secrets.is_empty());
    assert_eq!(settings.listen.port(), 8080);
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name() {
    let pairs = [
        ("CRYPTO_ORDERS_LISTN", "CRYPTO_ORDERS_LISTEN"),
        ("CRYPTO_ORDERS_RATE_LIMIT", "CRYPTO_ORDERS_RATE_LIMITS"),
        ("CRYPTO_ORDERS_SWEEPER_AUTOMATICALLY", "CRYPTO_ORDERS_SWEEPER_AUTOMATIC"),
        ("CRYPTO_ORDERS_DATABASE_URL", "DATABASE_URL"),
        ("CRYPTO_ORDERS_CONFG", "CRYPTO_ORDERS_CONFIG"),
    ];
    for (given, nearest) in pairs {
        let said = refusal(from_environment(&[(given, "x"), ("HOME", "/"), ("PATH", "/bin")]));
        assert!(said.ends_with(&format!("{given}; the nearest is {nearest}")), "{said}");
    }
}

#[test]
fn what_was_meant_for_the_database_is_refused_unless_a_database_is_named() {
    let url = "postgres://orders@db.internal/orders";
    let alike = ["DATABASE_URL_FILE", "DATABSE_URL", "DATABASEURL", "database_url", "DATABASE_URI", "DATABASE_URLS"];
    for name in alike {
        let said = refusal(from_environment(&[(name, "/run/secrets/db")]));
        assert!(
            said.contains(&format!("no environment variable {name}; the database is named by DATABASE_URL")),
            "{said}"
        );
        // Hosts hand a second URL of their own on beside the first.
        assert_eq!(from_environment(&[(name, url), ("DATABASE_URL", url)]).unwrap().database_url, url, "{name}");
        assert!(from_environment(&[(name, "")]).is_ok(), "{name}");
    }
    for other in ["TEST_DATABASE_URL", "DATABASE", "DATABASE_HOST", "REDIS_URL"] {
        assert!(from_environment(&[(other, "x")]).is_ok(), "{other}");
    }
}

#[test]
fn line_ends_and_blanks_around_a_value_are_no_part_of_it() {
    let settings = from_environment(&[
        ("CRYPTO_ORDERS_IPN_SECRET", "\ta-secret-of-the-dashboard\r\n"),
        ("CRYPTO_ORDERS_PUBLIC_URL", " https://pay.example.com/\n"),
        ("CRYPTO_ORDERS_PROVIDER", "live\n"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_API_KEY", " KEY\n"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_EMAIL", "ada@example.com\n"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_PASSWORD", "pass word\n"),
        ("CRYPTO_ORDERS_LISTEN", "\n"),
        ("DATABASE_URL", "postgres://orders@db.internal/orders\n"),
    ])
    .unwrap();
    assert_eq!(settings.ipn_secrets[0].reveal(), "a-secret-of-the-dashboard");
    assert_eq!(settings.public_url, "https://pay.example.com");
    assert_eq!(settings.nowpayments.api_keys[0].reveal(), "KEY");
    let login = settings.nowpayments.login.unwrap();
    assert_eq!((login.email.as_str(), login.password.reveal()), ("ada@example.com", "pass word"));
    assert_eq!(
        (settings.database_url.as_str(), settings.listen.port()),
        ("postgres://orders@db.internal/orders", 8080)
    );
}

#[test]
fn quotes_around_a_secret_are_named_and_the_secret_is_not() {
    let variables =
        ["CRYPTO_ORDERS_IPN_SECRET", "CRYPTO_ORDERS_NOWPAYMENTS_API_KEY", "CRYPTO_ORDERS_NOWPAYMENTS_PASSWORD"];
    for variable in variables.into_iter().chain(["DATABASE_URL", "CRYPTO_ORDERS_NOWPAYMENTS_API_KEYS_OLD"]) {
        for quoted in ["\"s3cr3t\"", "'s3cr3t'", "\u{201c}s3cr3t\u{201d}", " \"s3cr3t\"\n"] {
            let said = refusal(from_environment(&[(variable, quoted)]));
            assert!(said.contains(&format!("(environment variable {variable}) has quotes around it")), "{said}");
            assert!(!said.contains("s3cr3t"), "{said}");
        }
    }
    let one = [("CRYPTO_ORDERS_NOWPAYMENTS_API_KEYS_OLD", "old-key, \"older-key\"")];
    assert!(refusal(from_environment(&one)).contains("without spaces or quotes around it"));
    let url = refusal(from_environment(&[("CRYPTO_ORDERS_PUBLIC_URL", "\"https://pay.example.com\"")]));
    assert!(url.contains("public_url: \"\\\"https://pay.example.com\\\"\""), "{url}");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    let said = refusal(from_file("listen = \"127.0.0.1:1\"\n\n[sweper]\nautomatic = false\n"));
    assert!(said.contains("line 4: there is no setting sweper.automatic; the nearest is sweeper.automatic"), "{said}");
    let said = refusal(from_file("[catalogue.tea]\nprice_cent = 500\nprice_currency = \"JPY\"\n"));
    assert!(said.contains("line 2: the product tea has no field price_cent; the nearest is price_cents"), "{said}");
    for empty in ["[nothing]", "listen = {}", "[listen]\nport = 1"] {
        assert!(from_file(empty).is_err(), "{empty}");
    }
}

#[test]
fn a_wrong_value_is_told_with_its_place_and_what_would_be_right() {
    let said = refusal(from_file("# ours\nlisten = \"localhost\"\n"));
    assert!(said.contains("listen: \"localhost\" (") && said.contains("line 2)"), "{said}");
    assert!(said.contains("is not an address and a port such as 127.0.0.1:8080"), "{said}");
    let said = refusal(from_environment(&[("CRYPTO_ORDERS_PAY_WINDOW", "1 hour")]));
    assert!(said.contains("(environment variable CRYPTO_ORDERS_PAY_WINDOW) is not a length of time"), "{said}");
    let flags = vec![("public_url", "pay.example.com".to_owned())];
    let said = refusal(load(&Sources { flags, ..Sources::default() }));
    assert!(said.contains("(flag --public-url) is not a URL"), "{said}");
}

#[test]
fn all_problems_are_told_at_once() {
    let error = from_environment(&[
        ("CRYPTO_ORDERS_LISTEN", "x"),
        ("CRYPTO_ORDERS_PROVIDER", "paypal"),
        ("CRYPTO_ORDERS_NONSENSE", "x"),
        ("CRYPTO_ORDERS_CATALOGUE", "tea=1 XXX"),
    ])
    .unwrap_err();
    assert_eq!(error.problems.len(), 4, "{error}");
}

#[test]
fn every_setting_is_read_under_its_variable() {
    for setting in SETTINGS {
        // No kind of value may hold a control character.
        let said = refusal(from_environment(&[(&setting.variable(), "\u{1}")]));
        assert!(said.contains(setting.key) && said.contains(&setting.variable()), "{}: {said}", setting.key);
        assert_ne!(setting.meaning, "");
    }
}

#[test]
fn every_default_that_is_written_out_reads_the_same() {
    for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
        let given = from_environment(&[(&setting.variable(), setting.default)]).unwrap();
        assert_eq!(format!("{given:?}"), format!("{:?}", load(&Sources::default()).unwrap()), "{}", setting.key);
    }
}

#[test]
fn a_secret_shows_in_no_error_and_no_debug() {
    let (secret, password) = ("pl a in", "s3cr3t");
    let said = refusal(from_environment(&[("CRYPTO_ORDERS_IPN_SECRET", secret)]));
    assert!(said.contains("ipn_secret: the value (environment variable") && !said.contains(secret), "{said}");
    let said = refusal(from_environment(&[("DATABASE_URL", "mysql://u:s3cr3t@host/db")]));
    assert!(said.contains("database_url: the value") && !said.contains(password), "{said}");
    let said = refusal(from_file("ipn_secret = \"s3cr3t\nlisten = 1"));
    assert!(said.contains("line 1") && !said.contains(password), "{said}");
    let said = refusal(from_file("ipn_secret = [\"s3cr3t\"]"));
    assert!(said.contains("ipn_secret") && !said.contains(password), "{said}");
    let settings = from_environment(&[
        ("CRYPTO_ORDERS_IPN_SECRET", password),
        ("DATABASE_URL", "postgres://user:s3cr3t@db.internal/orders?password=s3cr3t"),
    ])
    .unwrap();
    let shown = format!("{settings:?}");
    assert!(!shown.contains(password) && shown.contains("postgres://db.internal/orders"), "{shown}");
}

#[test]
fn two_secrets_verify_during_a_rotation_newest_first() {
    let settings =
        from_environment(&[("CRYPTO_ORDERS_IPN_SECRET", " new "), ("CRYPTO_ORDERS_IPN_SECRET_OLD", "old")]).unwrap();
    let secrets: Vec<&str> = settings.ipn_secrets.iter().map(Secret::reveal).collect();
    assert_eq!(secrets, ["new", "old"]);
    assert!(refusal(from_environment(&[("CRYPTO_ORDERS_IPN_SECRET_OLD", "old")])).contains("set the new secret too"));
}

#[test]
fn a_catalogue_in_the_file_replaces_the_shipped_one() {
    let settings = from_file("[catalogue.tea]\nprice_cents = 500\nprice_currency = \"JPY\"\n").unwrap();
    let codes: Vec<&str> = settings.orders.catalogue.codes().map(|code| code.as_str()).collect();
    assert_eq!(codes, ["tea"]);
    for wrong in ["XXX", "usd"] {
        let text = format!("[catalogue.tea]\nprice_cents = 500\nprice_currency = \"{wrong}\"\n");
        assert!(refusal(from_file(&text)).contains("no known ISO 4217 exponent"), "{wrong}");
    }
}

#[test]
fn a_tolerance_keeps_its_digits_as_a_number_of_the_file() {
    let points = |text| from_file(text).unwrap().orders.rules.tolerance_basis_points;
    assert_eq!(points("tolerance_percent = 0.29"), 29);
    assert_eq!(points("tolerance_percent = 2"), 200);
    assert_eq!(points("tolerance_percent = \"0.5%\""), 50);
    assert!(from_file("tolerance_percent = 0.291").is_err() && from_file("tolerance_percent = 0x10").is_err());
}

#[test]
fn only_the_sandbox_takes_a_received_zero_for_unknown() {
    let given = |provider| [("CRYPTO_ORDERS_PROVIDER", provider), ("CRYPTO_ORDERS_NOWPAYMENTS_API_KEY", "key")];
    let zero = |provider| from_environment(&given(provider)).unwrap().orders.rules.zero_received;
    assert_eq!(zero("sandbox"), ZeroReceived::Unknown);
    assert_eq!(
        (zero("live"), zero("none"), zero("simulator")),
        (ZeroReceived::Short, ZeroReceived::Short, ZeroReceived::Short)
    );
}

#[test]
fn the_simulator_starts_by_itself_only_where_nobody_else_reaches_it() {
    let provider = |listen| from_environment(&[("CRYPTO_ORDERS_LISTEN", listen)]).unwrap().provider;
    assert_eq!((provider("127.0.0.1:1"), provider("0.0.0.0:1")), (Provider::Simulator, Provider::None));
    assert_eq!(provider("[::1]:1"), Provider::Simulator);
    // Behind a proxy loopback is everybody's; and whoever set an IPN secret has a real provider.
    for set_up in [
        ("CRYPTO_ORDERS_TRUSTED_PROXIES", "127.0.0.1"),
        ("CRYPTO_ORDERS_PUBLIC_URL", "https://pay.example.com"),
        ("CRYPTO_ORDERS_IPN_SECRET", "a-secret-of-the-dashboard"),
    ] {
        assert_eq!(from_environment(&[set_up]).unwrap().provider, Provider::None, "{set_up:?}");
    }
}

#[test]
fn a_provider_needs_a_key_and_a_login_needs_both_its_halves() {
    let said = refusal(from_environment(&[
        ("CRYPTO_ORDERS_PROVIDER", "live"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_EMAIL", "ada@example.com"),
    ]));
    assert!(said.contains("nowpayments.api_key is not set"), "{said}");
    assert!(said.contains("nowpayments.password is not set"), "{said}");
}

#[test]
fn the_newest_api_key_comes_first_and_none_is_shown() {
    let settings = from_environment(&[
        ("CRYPTO_ORDERS_NOWPAYMENTS_API_KEY", "new-key"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_API_KEYS_OLD", "old-key, older-key"),
    ])
    .unwrap();
    let keys: Vec<&str> = settings.nowpayments.api_keys.iter().map(Secret::reveal).collect();
    assert_eq!(keys, ["new-key", "old-key", "older-key"]);
    assert!(!format!("{settings:?}").contains("-key"));
}

#[test]
fn a_public_url_that_was_derived_follows_the_port_that_was_bound() {
    let bound = "127.0.0.1:54321".parse().unwrap();
    let derived = from_environment(&[("CRYPTO_ORDERS_LISTEN", "127.0.0.1:0")]).unwrap().listening_on(bound);
    assert_eq!(derived.public_url, "http://127.0.0.1:54321");
    let given = [("CRYPTO_ORDERS_LISTEN", "127.0.0.1:0"), ("CRYPTO_ORDERS_PUBLIC_URL", "https://pay.example.com/")];
    assert_eq!(from_environment(&given).unwrap().listening_on(bound).public_url, "https://pay.example.com");
}

#[test]
fn lists_are_arrays_in_the_file_and_commas_in_a_variable() {
    let by_file =
        from_file("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\ncors_origins = [\"https://a.example\"]").unwrap();
    let by_variable = from_environment(&[("CRYPTO_ORDERS_TRUSTED_PROXIES", "10.0.0.0/8, ::1")]).unwrap();
    assert_eq!(by_file.trusted_proxies, by_variable.trusted_proxies);
    assert_eq!(by_file.cors_origins, ["https://a.example"]);
    assert!(from_file("listen = [\"127.0.0.1:80\"]").is_err());
}
