//! The customer's endpoints (contract, section 3), one file each.

pub mod cancel;
pub mod checkout;
pub mod events;
pub mod get;
pub mod list;
pub mod note;
pub mod quote;
pub mod receipt;

use actix_web::HttpRequest;

use crate::domain::ids::OrderId;
use crate::domain::order::Order;

use super::Shared;
use super::error::ApiError;
use super::extract::Customer;

/// The order that the path names, if it is this customer's. Another's is as good as none: never a 403,
/// which would tell that it exists.
async fn own_order(shared: &Shared, customer: Customer, request: &HttpRequest) -> Result<Order, ApiError> {
    let asked = super::order_id_asked(request);
    let found = match OrderId::parse(asked) {
        Some(id) => shared.store.order_load(id).await?,
        None => None,
    };
    found.filter(|order| order.account_id == customer.account_id).ok_or_else(|| ApiError::NoSuchOrder(asked.to_owned()))
}
