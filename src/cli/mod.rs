//! The composition root and the operator's command line: the only room that knows all the others.

pub mod args;
pub mod client;
pub mod commands;
pub mod config;
pub mod exit;
pub mod first_start;
pub mod folder;
pub mod output;
pub mod secret;
pub mod serve;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use args::{Arguments, Command, Common, Serve};
use commands::Outcome;

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match arguments.command {
        None => serve(&arguments.common, &Serve::default()),
        Some(Command::Serve(flags)) => serve(&arguments.common, &flags),
        Some(command) => match commands::run(&arguments.common, command) {
            Ok(Outcome::Done) => ExitCode::SUCCESS,
            Ok(Outcome::Failed) => ExitCode::from(1),
            Err(error) if error.reader_has_gone() => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("updraft: {error}");
                ExitCode::from(error.exit_code())
            }
        },
    }
}

fn serve(common: &Common, flags: &Serve) -> ExitCode {
    match serve::serve(common, flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            eprintln!("updraft: {} (exit code {code})", exit::chain(&error));
            ExitCode::from(code)
        }
    }
}

/// Says what is wrong with the arguments: 64 to those who start a server, 2 to those who use one.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing better can be done when the terminal is gone.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(if serving() { exit::USAGE } else { 2 }),
    }
}

/// Whether the arguments ask for a server: their first word is `serve`. Without a word, nobody knows what they ask for.
fn serving() -> bool {
    let first = std::env::args_os().skip(1).find(|word| !word.to_string_lossy().starts_with('-'));
    first.is_some_and(|word| word == "serve")
}
