//! The `updraft` program: the server and the operator's command line in one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft::cli::main()
}
