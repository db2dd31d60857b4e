//! How fast and how big the service is: checkouts, IPNs, memory, start, against the release binary.
//!
//! `cargo bench --bench load` takes under three minutes; `-- --orders 1000000` also shows the size after a
//! million orders. The generator runs beside the server, as in the figures the service promises. Every
//! answer is checked, and what was acknowledged is counted in the database afterwards: a wrong answer ends
//! the run. Nothing here is a test, because a busy machine is no defect. Rates are also told per flush of the
//! disk, measured in the same run, so that machines can be compared.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that went wrong has nothing to tell")]
#![expect(clippy::print_stdout, reason = "its output is the table")]

mod options;
#[path = "../site/mod.rs"]
mod site;
mod sizes;
mod table;
#[expect(dead_code, reason = "what only the benchmark of webhooks needs")]
mod work;

use options::Options;
// The tests' PostgreSQL looks for it here.
use site::engines;
use site::machine;
use sizes::Run;

fn main() {
    let Some(options) = Options::of_arguments() else { return };
    machine::refuse_memory_disk();
    let fetching = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for run in options.engines.iter().filter_map(|kind| Run::prepare(*kind, &options)) {
        tokio::task::LocalSet::new().block_on(&fetching, run.all());
    }
}
