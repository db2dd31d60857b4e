//! The buyer's page, `/pay/{token}`: what to pay where, and how the order stands, without signing in.
//!
//! Whoever has the address sees the page; it never shows the merchant's account, notes, or anything by which the
//! provider or others know the payment. What a token is stands in `domain/pay_link.rs`; `sentence.rs` says how the
//! order stands, `page.rs` shows it, `stream.rs` keeps it up to date. It changes nothing: buyers are only told.

mod amounts;
mod coin;
mod page;
mod qr;
mod sentence;
pub mod stream;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::OnceCell;

use crate::clock::random_bytes;
use crate::domain::ids::OrderId;
use crate::domain::lifecycle::Moment;
use crate::domain::order::Order;
use crate::domain::pay_link::PayKey;
use crate::store::StoreError;

use super::Shared;
use super::error::ApiError;
use super::pages::{PageError, private_page};
use page::{Fragment, Page};

/// The key of the links, once it was read.
pub type Links = OnceCell<PayKey>;

/// Makes the addresses of buyers' pages, and knows them again.
pub struct PayLinks<'a> {
    key: &'a PayKey,
    public_url: &'a str,
}

impl PayLinks<'_> {
    /// Where an order's buyer looks.
    #[must_use]
    pub fn address(&self, order: OrderId) -> String {
        format!("{}/pay/{}", self.public_url, self.key.token(order))
    }
}

impl Shared {
    /// The addresses of buyers' pages. The key is read once, and made if the service has none yet.
    ///
    /// # Errors
    /// The first reading fails.
    pub async fn pay_links(&self) -> Result<PayLinks<'_>, StoreError> {
        let read = async || {
            let kept = self.store.service_secret(PayKey::NAME, PayKey::new(random_bytes()).expose()).await?;
            // Never with the text: it would be in the log.
            PayKey::parse(&kept).ok_or_else(|| StoreError::Broken("the key of payment links is none".to_owned()))
        };
        let key = self.pay_links.get_or_try_init(read).await?;
        Ok(PayLinks { key, public_url: &self.settings.public_url })
    }

    /// By what an order is judged now.
    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), rules: self.settings.orders.rules }
    }
}

/// Shows the page.
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, PageError> {
    let order = order_of(&request, &shared).await?;
    Ok(private_page(&Page::of(&order, token(&request), &shared.moment()))?)
}

/// Shows the part of the page that changes: for scripts that cannot listen to `events`.
pub async fn now(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, PageError> {
    let order = order_of(&request, &shared).await?;
    Ok(private_page(&Fragment::of(&order, &shared.moment()))?)
}

fn token(request: &HttpRequest) -> &str {
    request.match_info().get("token").unwrap_or_default()
}

/// The order of the token that the path has. A forged one is known without asking the database.
async fn order_of(request: &HttpRequest, shared: &Shared) -> Result<Order, ApiError> {
    let links = shared.pay_links().await?;
    let id = links.key.order(token(request)).ok_or(ApiError::NoSuchLink)?;
    shared.store.order_load(id).await?.ok_or(ApiError::NoSuchLink)
}
