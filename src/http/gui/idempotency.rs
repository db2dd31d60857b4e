//! `/admin/idempotency`: how idempotency keys are used, by all accounts or by one, key by key.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::http::Shared;
use crate::http::admin::idempotency_metrics::{Keys, Totals, Usage, of_account, of_all};
use crate::http::admin::list::account;
use crate::http::error::ApiError;
use crate::http::pages::AsPage;
use crate::http::query::Query;
use crate::store::totals::AccountUsage;

use super::figures::{grouped, share};
use super::moment::Moment;
use super::shell::{Section, Shell};
use super::{GuiError, with_cursor};

const PATH: &str = "/admin/idempotency";
/// How many accounts are listed.
const ACCOUNTS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "idempotency.html", config = "src/http/pages/askama.toml")]
struct Idempotency {
    shell: Shell,
    asked: String,
    refused: Option<String>,
    all: KeyUse,
    misuses: Vec<Misuse>,
    account: Option<OfAccount>,
}

/// The keys of the account that was asked for.
struct OfAccount {
    id: String,
    keys: KeyUse,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    key: String,
    order: String,
    first_seen: Moment,
    last_seen: Moment,
    replays: String,
    body_mismatches: String,
    is_misused: bool,
}

/// How keys were used, ready to be shown.
pub struct KeyUse {
    /// First uses.
    pub first_writes: String,
    /// Uses after the first.
    pub replays: String,
    /// How many of all uses those are; none without any use.
    pub share: Option<String>,
    /// Replays with another body.
    pub body_mismatches: String,
    /// Whether there are any of those.
    pub is_misused: bool,
}

impl KeyUse {
    /// As the API tells it.
    #[must_use]
    pub fn of(totals: &Totals) -> Self {
        let Totals { first_writes, replays, body_mismatches } = *totals;
        Self {
            first_writes: grouped(first_writes),
            replays: grouped(replays),
            share: share(replays, first_writes.saturating_add(replays)),
            body_mismatches: grouped(body_mismatches),
            is_misused: body_mismatches > 0,
        }
    }
}

/// An account whose keys came again, ready to be shown.
pub struct Misuse {
    /// Whose keys.
    pub account: String,
    /// The page of its keys.
    pub address: String,
    /// How they were used.
    pub keys: KeyUse,
}

impl Misuse {
    /// As the store has it.
    #[must_use]
    pub fn of(usage: AccountUsage) -> Self {
        let account = usage.account.to_string();
        let address = format!("{PATH}?account_id={account}");
        Self { address, account, keys: KeyUse::of(&usage.totals.into()) }
    }
}

/// `GET /admin/idempotency`.
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let query = Query::of(&request)?.filled();
    let (account, refused) = match account(&query) {
        Ok(account) => (account, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let misuses = async { Ok::<_, ApiError>(shared.store.idempotency_busiest(ACCOUNTS_MAX).await?) };
    let of_account = async {
        match account {
            Some(account) => Ok(Some(keys_of(&shared, account, (&query, visitor.now)).await?)),
            None => Ok(None),
        }
    };
    let (all, misuses, account) = tokio::try_join!(of_all(&shared), misuses, of_account)?;
    let is_refused = refused.is_some();
    let page = Idempotency {
        shell: Shell::new(&visitor, &request, Section::Idempotency),
        asked: query.get("account_id").unwrap_or_default().to_owned(),
        refused,
        all: KeyUse::of(&all),
        misuses: misuses.into_iter().map(Misuse::of).collect(),
        account,
    };
    let mut response = visitor.answer(&page)?;
    if is_refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.extensions_mut().insert(AsPage);
    }
    Ok(response)
}

async fn keys_of(
    shared: &Shared,
    account: AccountId,
    (query, now): (&Query, Timestamp),
) -> Result<OfAccount, ApiError> {
    let found = of_account(shared, account, Keys::asked(query)?).await?;
    Ok(OfAccount {
        id: account.to_string(),
        keys: KeyUse::of(&found.totals),
        next: found.next_cursor.map(|cursor| with_cursor(PATH, query, Some(&cursor))),
        rows: found.keys.into_iter().map(|usage| row(usage, now)).collect(),
    })
}

fn row(usage: Usage, now: Timestamp) -> Row {
    Row {
        key: usage.key,
        order: usage.order_id.to_string(),
        first_seen: Moment::new(usage.first_seen_at, now),
        last_seen: Moment::new(usage.last_seen_at, now),
        replays: grouped(usage.replays),
        body_mismatches: grouped(usage.body_mismatches),
        is_misused: usage.body_mismatches > 0,
    }
}
