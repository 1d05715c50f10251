//! Reading a password: from a terminal without showing it, else the first line of the standard input.

use std::io::{self, BufRead as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};

use crate::engine::call::Secret;

/// Longer than any password that a server takes, so that a wrong file is not read whole.
const LINE_MAX: u64 = 4096;

/// Reads a password; at a terminal it is asked for twice, because nobody sees what they type.
///
/// # Errors
/// When the input cannot be read, or the two differ.
pub fn read() -> io::Result<Secret> {
    if !isatty(io::stdin()) {
        return line();
    }
    let first = ask("Password: ")?;
    match ask("Once more: ")? == first {
        true => Ok(first),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "the two are not the same")),
    }
}

fn ask(question: &str) -> io::Result<Secret> {
    // The answer to a question on the error output may be piped on.
    write!(io::stderr(), "{question}")?;
    io::stderr().flush()?;
    let silent = Silent::new()?;
    let read = line();
    drop(silent);
    writeln!(io::stderr())?;
    read
}

fn line() -> io::Result<Secret> {
    let mut text = String::new();
    io::Read::take(io::stdin().lock(), LINE_MAX).read_line(&mut text)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silent(Termios);

impl Silent {
    fn new() -> io::Result<Silent> {
        let shown = tcgetattr(io::stdin())?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Silent(shown))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that has gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
