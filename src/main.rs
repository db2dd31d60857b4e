//! The binary: arguments in, exit code out. The story goes on in `cli.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    crypto_orders::cli::run()
}
