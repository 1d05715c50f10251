//! `updraft events`: what changes, as it changes, over restarts of the server too.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Outcome, Session, print};
use crate::cli::args::Events;
use crate::cli::client::ClientError;
use crate::mqtt::payload::NewsBody;

/// Between two attempts to find the server again.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long a server may be away: longer than a restart or a reboot of a small machine takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(session: &Session, command: &Events) -> Result<Outcome, ClientError> {
    let mut after = command.after;
    let mut away = None;
    loop {
        let types = command.types.iter().map(|own| ("type", own.clone()));
        let query: Vec<_> = types.chain(after.map(|id| ("after", id.to_string()))).collect();
        let heard = session.client.follow("events", &query, &mut |data| {
            match serde_json::from_str(data) {
                Ok(body) => after = goes_on_behind(&body).or(after),
                // It is shown as it came, and comes once more if the server goes away before the next.
                Err(error) => eprintln!("updraft: the next line cannot be read: {error}"),
            }
            away = None;
            print(&if session.json { format!("{data}\n") } else { line(data) })
        });
        match heard {
            Err(error) if !error.may_pass() => return Err(error),
            Err(error) => {
                let since = *away.get_or_insert_with(|| {
                    eprintln!("updraft: {error}; trying for {} s", PATIENCE.as_secs());
                    Instant::now()
                });
                if since.elapsed() >= PATIENCE {
                    return Err(error);
                }
            }
            Ok(()) => {}
        }
        thread::sleep(INTERVAL);
    }
}

/// The number behind which the stream goes on after this event; behind a gap it is the one that the gap names.
fn goes_on_behind(body: &NewsBody) -> Option<u64> {
    let next = || body.next.as_ref()?.parse::<u64>().ok()?.checked_sub(1);
    body.id.parse().ok().or_else(next)
}

/// An event for people: number, time and type, then its members.
fn line(data: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(data) else { return format!("{data}\n") };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let head = ["id", "time", "type"].map(|name| members.get(name).map(text).unwrap_or_default());
    let rest = members.iter().filter(|(name, _)| !["id", "time", "type"].contains(&name.as_str()));
    let rest: String = rest.map(|(name, value)| format!(" {name}={}", text(value))).collect();
    format!("{:>8} {} {}{rest}\n", head[0], head[1], head[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_with_its_members() {
        let data =
            r#"{"id":"7","time":"2025-01-01T00:00:00Z","type":"action.failed","action":3,"device":"lamp"}"#;
        assert_eq!(line(data), "       7 2025-01-01T00:00:00Z action.failed action=3 device=lamp\n");
    }
}
