//! How fast and how big the service is, against the release binary: beside a plain service, and on its own.
//!
//! `cargo bench --bench load` takes about eight minutes; `-- --only ratios` compares, `-- --only sizes` measures ours,
//! with `--orders 1000000` also after a million orders. The generator runs beside the server, as in the figures the
//! service promises. Every answer is checked, and what was acknowledged is counted in the database afterwards: a wrong
//! answer ends the run. Nothing here is a test, because a busy machine is no defect.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that went wrong has nothing to tell")]
#![expect(clippy::print_stdout, reason = "its output is the table")]

mod figures;
mod options;
mod peer;
mod ratio_table;
mod ratios;
#[path = "../site/mod.rs"]
mod site;
mod sizes;
mod table;
#[expect(dead_code, reason = "what only the benchmark of webhooks needs")]
mod work;

use mimalloc::MiMalloc;
use options::Options;
// The tests' PostgreSQL looks for it here.
use site::engines;
use site::machine;
use sizes::Run;

/// The server's own, so that the plain service has no worse one.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() {
    if peer::is_asked_for() {
        return peer::serve();
    }
    let Some(options) = Options::of_arguments() else { return };
    machine::refuse_memory_disk();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let here = tokio::task::LocalSet::new();
    if options.ratios {
        here.block_on(&runtime, ratios::compare(&options));
    }
    if options.sizes {
        for run in options.engines.iter().filter_map(|kind| Run::prepare(*kind, &options)) {
            here.block_on(&runtime, run.all());
        }
    }
}
