//! `seed`: believable orders in any number, for trying out, for measuring, for showing.
//!
//! What they are is `seed/generator.rs`'s affair, and depends on nothing but the arguments and the settings
//! of orders. Making and judging them runs beside the writing. Only an empty database is filled.

mod crowd;
mod dice;
mod generator;
mod payments;
mod story;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use clap::Args;
use serde_json::json;

use crate::config::OrderSettings;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::archive::Misfit;
use crate::store::archive::batch::{Batch, Batches};
use crate::store::archive::load::Load;

use super::error::{CliError, LoadFailed};
use super::progress::Progress;
use super::{Shell, output};
use crowd::Crowd;
use generator::Generator;

pub(super) const HELP: &str = "\
Examples:
  crypto-orders seed --orders 10000
  crypto-orders seed --orders 1000000 --seed 7 --until 2026-06-01T00:00:00Z
  crypto-orders seed --orders 10000 --json    {\"orders\": …, \"operator_key\": …, \"customer_key\": …, …}

The same --seed, --orders and --until, on the same catalogue and rules, give the same records, byte for byte,
keys included: whoever knows the seed knows its keys, so production refuses to serve while they work.
The orders are spread over the 90 days before --until. No server may be running.";

/// The most orders of one seed: their payments have ids of ten digits.
const ORDERS_MAX: u64 = 100_000_000;
/// How many orders are written in one go.
const BATCH_ORDERS: u64 = 2_000;
/// How many batches may wait for the writer.
const BATCHES_WAITING_MAX: usize = 2;

#[derive(Args)]
pub(super) struct Seed {
    /// How many orders
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=ORDERS_MAX))]
    orders: u64,
    /// The number that the dice begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The end of the 90 days; the last midnight (UTC) without it
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Print {"orders": …, "operator_key": …, "customer_key": …, "account_id": …, "until": …} alone
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(seed: &Seed, shell: &mut Shell<'_>) -> Result<(), CliError> {
    if shell.settings.production {
        return Err(CliError::Usage("a seed's keys are known to everybody: it is refused in production".to_owned()));
    }
    let until = seed.until.or_else(|| Timestamp::parse(&format!("{}T00:00:00Z", shell.clock.now().day())));
    let until = until.ok_or_else(|| CliError::Failed("the clock tells no day".to_owned()))?;
    let (url, shown) = (shell.settings.database_url.clone(), shell.settings.database_shown());
    let (number, orders, settings) = (seed.seed, seed.orders, shell.settings.orders.clone());
    let sown = Sown { number, orders, until, settings };
    let filling = tokio::task::spawn_blocking(move || fill(&url, &sown).map_err(|failed| failed.told_of(shown)));
    let ended = |_| CliError::Failed("the seed came to an end without an answer".to_owned());
    let crowd = filling.await.map_err(ended)??;
    show(seed, until, &crowd, shell)
}

/// What is to be made.
struct Sown {
    number: u64,
    orders: u64,
    until: Timestamp,
    settings: OrderSettings,
}

/// Makes batches on a thread of its own and writes them on this one.
fn fill(database_url: &str, sown: &Sown) -> Result<Crowd, LoadFailed> {
    let mut load = Load::begin(database_url)?;
    let progress = Progress::new("orders", Some(sown.orders));
    let (sender, batches) = sync_channel(BATCHES_WAITING_MAX);
    std::thread::scope(|scope| {
        let making = scope.spawn(move || make(sown, &sender));
        let last = write(&mut load, batches, &progress)?;
        let crowd = making.join().map_err(|_| LoadFailed::Failed("the orders could not be made".to_owned()))?;
        let crowd =
            crowd.map_err(|misfit| LoadFailed::Failed(format!("an order was made that cannot be: {misfit}")))?;
        progress.say("indexes");
        load.finish(last)?;
        progress.end();
        Ok(crowd)
    })
}

/// Writes all but the last batch, which is handed back.
fn write(load: &mut Load, batches: Receiver<Batch>, progress: &Progress) -> Result<Batch, StoreError> {
    let mut held = Batch::default();
    for batch in batches {
        let orders = held.orders();
        load.write(std::mem::replace(&mut held, batch))?;
        progress.add(orders);
    }
    Ok(held)
}

/// Makes everything, batch by batch. A writer that failed takes no more; it says why.
fn make(sown: &Sown, sender: &SyncSender<Batch>) -> Result<Crowd, Misfit> {
    let mut generator = Generator::new(sown.number, sown.orders, sown.until, &sown.settings);
    let mut batches = Batches::default();
    for record in generator.crowd() {
        batches.add(record)?;
    }
    let mut made = 0_u64;
    while let Some(records) = generator.next_order() {
        for record in records {
            batches.add(record)?;
        }
        made = made.saturating_add(1);
        if made.is_multiple_of(BATCH_ORDERS) && sender.send(batches.take()).is_err() {
            return Ok(generator.into_crowd());
        }
    }
    for record in generator.rest() {
        batches.add(record)?;
    }
    // Nobody to take it: the writer has failed, and says so.
    drop(sender.send(batches.finish()));
    Ok(generator.into_crowd())
}

fn show(seed: &Seed, until: Timestamp, crowd: &Crowd, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let account = crowd.accounts.first().map(|account| account.id);
    let [operator, customer] = [crowd.operator.reveal(), crowd.customer.reveal()];
    if seed.json {
        let result = json!({
            "orders": seed.orders,
            "seed": seed.seed,
            "until": until,
            "account_id": account,
            "operator_key": operator,
            "customer_key": customer,
        });
        return Ok(output::json(shell.out, &result)?);
    }
    let account = account.map(|id| id.to_string()).unwrap_or_default();
    let told = format!(
        "made {} orders of the 90 days before {until}\n\n  account       {account}  (the largest)\n  \
         customer key  {customer}\n  operator key  {operator}\n\nnext: crypto-orders serve",
        seed.orders,
    );
    Ok(output::line(shell.out, &told)?)
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("a time such as 2026-06-01T00:00:00Z")
}
