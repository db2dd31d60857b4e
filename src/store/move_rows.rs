//! The counters of moves: by whose word orders moved, and how long the provider's news took to them.
//!
//! A move is a line of an order's log that has a witness; what is counted here is what counting those lines
//! gives. Like the totals (`effect_rows.rs`) they are folded over a whole group and sorted by their keys, and
//! like them an import makes them anew.

use std::collections::BTreeMap;

use super::changeset::OrderChange;
use super::effect_rows::ALL_DAYS;
use crate::domain::order::OrderEvent;
use crate::domain::time::Span;
use crate::store::tables::WitnessTotalRow;

/// Counters by day and witness.
pub(super) type Moves = BTreeMap<[String; 2], WitnessTotalRow>;

/// What these transitions add to the counters, each row once, in key order: those of the day of the move,
/// and those of all days.
pub(super) fn moves_of<'a>(changes: impl Iterator<Item = &'a OrderChange>, shard: i64) -> Vec<WitnessTotalRow> {
    let mut moves = Moves::new();
    for change in changes {
        let known = change.before.as_ref().map_or(0, |before| before.events.len());
        change.after.events.iter().skip(known).for_each(|event| move_add(&mut moves, event));
    }
    moves.into_values().map(|row| WitnessTotalRow { shard, ..row }).collect()
}

/// Counts a line of a log, if it has a witness.
pub(super) fn move_add(moves: &mut Moves, event: &OrderEvent) {
    let Some(witness) = event.witness else { return };
    for day in [event.at.day(), ALL_DAYS.to_owned()] {
        let witness = witness.as_str().to_owned();
        let row = moves.entry([day.clone(), witness.clone()]).or_insert_with(|| WitnessTotalRow {
            day,
            witness,
            ..WitnessTotalRow::default()
        });
        row.moves = row.moves.saturating_add(1);
        if let Some(lag) = event.lag() {
            row.lag_ms = row.lag_ms.saturating_add(lag.as_millis());
            let count = row.as_old_as(lag);
            *count = count.saturating_add(1);
        }
    }
}

impl WitnessTotalRow {
    /// The number of moves whose news took about so long.
    fn as_old_as(&mut self, lag: Span) -> &mut i64 {
        if lag < Span::seconds(10) {
            &mut self.under_10s
        } else if lag < Span::minutes(1) {
            &mut self.s10_to_1m
        } else if lag < Span::minutes(10) {
            &mut self.m1_to_10m
        } else {
            &mut self.over_10m
        }
    }
}
