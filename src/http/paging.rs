//! Pages of records: `{data, has_more, next_cursor}`, newest first (contract, section 1).
//!
//! A list is read one row further than it is shown: that row only tells that there is more.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::records::{Place, Stretch};

use super::cursor::{self, Records};
use super::error::ApiError;
use super::query::{LimitRule, Query, Start};

const LIMIT: LimitRule = LimitRule { max: 200, default: 50 };

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Paged<T> {
    /// Newest first.
    pub data: Vec<T>,
    /// Whether there is a next page.
    has_more: bool,
    /// Where the next page starts.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

impl<T> Paged<T> {
    /// A page, with where the next one starts, if there is one.
    #[must_use]
    pub fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { data, has_more: next_cursor.is_some(), next_cursor }
    }
}

/// Which page of a list is asked for.
#[derive(Debug)]
pub struct Asked {
    list: Records,
    limit: usize,
    start: Start<Place>,
}

impl Asked {
    /// Reads `limit` and `cursor`.
    ///
    /// # Errors
    /// 400 if either breaks its rule.
    pub fn of(query: &Query, list: Records) -> Result<Self, ApiError> {
        Self::within(query, list, LIMIT)
    }

    /// Reads `limit` by a rule of its own, and `cursor`.
    ///
    /// # Errors
    /// 400 if either breaks its rule.
    pub fn within(query: &Query, list: Records, rule: LimitRule) -> Result<Self, ApiError> {
        let limit = query.limit(rule)?;
        let start = query.start(|text| cursor::to_record(list, text))?;
        Ok(Self { list, limit, start })
    }

    /// What to read for it: nothing where the cursor leads nowhere.
    #[must_use]
    pub fn stretch(&self) -> Option<Stretch> {
        let limit = self.limit.saturating_add(1);
        match &self.start {
            Start::Newest => Some(Stretch { limit, after: None }),
            Start::After(place) => Some(Stretch { limit, after: Some(place.clone()) }),
            Start::Nowhere => None,
        }
    }

    /// The page of what was read; `place` tells where a row lies in the list.
    #[must_use]
    pub fn page<T>(&self, mut data: Vec<T>, place: fn(&T) -> Place) -> Paged<T> {
        let has_more = data.len() > self.limit;
        data.truncate(self.limit);
        let last = data.last().filter(|_| has_more);
        let next_cursor = last.map(|last| cursor::of_record(self.list, &place(last)));
        Paged::new(data, next_cursor)
    }
}
