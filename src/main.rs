//! The binary: arguments in, exit code out. The story goes on in `cli.rs`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Messages are made on one thread and end on another, which the system's allocator pays for dearly.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    crypto_orders::cli::run()
}
