//! `updraft rollout explain`: why a rollout stands where it stands, line by line.

use super::super::explain::standing;
use crate::cli::client::ClientError;
use crate::cli::commands::Session;
use crate::cli::output;
use crate::http::wire::RolloutWhyBody;

pub(super) fn run(session: &Session, id: u32, device: Option<String>) -> Result<(), ClientError> {
    let query: Vec<_> = device.map(|device| ("device", device)).into_iter().collect();
    let why: RolloutWhyBody = session.client.get(&format!("rollouts/{id}/explain"), &query)?;
    session.show(&why, describe)
}

fn describe(why: &RolloutWhyBody) -> String {
    let line = |text: &str| format!("  {}\n", output::printable(text));
    let RolloutWhyBody { rollout, name, message, .. } = why;
    let mut text =
        format!("rollout {rollout}, {}: {}\n", output::printable(name), output::printable(message));
    text.extend(why.waves.iter().map(|gates| line(&gates.text)));
    text.extend(why.stop_rules.iter().map(|rule| line(&rule.text)));
    text.extend(why.canary.iter().map(|canary| line(&canary.text)));
    text += &line(&why.throttle.text);
    let next = why.next.map(|at| line(&format!("time changes something next at {}", output::moment(at))));
    text += &next.unwrap_or_else(|| line("time alone changes nothing next"));
    text.extend(why.device.iter().map(|own| format!("\n{}", standing(own))));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::{GatesBody, StandingBody, ThrottleBody};

    #[test]
    fn the_sentence_comes_first_then_gates_and_bounds_then_the_device() {
        let gates = GatesBody {
            wave: 1,
            name: "first".into(),
            status: "running".into(),
            passed: false,
            succeeded: 1,
            total: 2,
            success_percent: 100.into(),
            bad: None,
            failure_percent: None,
            open: 1,
            text: "wave 1 is running".into(),
        };
        let throttle =
            ThrottleBody { per_minute: None, limit: None, held: None, text: "pace: unbounded".into() };
        let device = StandingBody {
            rollout: 3,
            name: "spring".into(),
            wave: Some(1),
            code: "offline".into(),
            message: "action 7 is queued".into(),
            until: None,
        };
        let why = RolloutWhyBody {
            rollout: 3,
            name: "spring".into(),
            status: "running".into(),
            code: None,
            message: "the rollout waits for its devices".into(),
            next: None,
            waves: vec![gates],
            stop_rules: Vec::new(),
            canary: None,
            throttle,
            device: Some(device),
        };
        let expected = "rollout 3, spring: the rollout waits for its devices\n  wave 1 is running\n  \
                        pace: unbounded\n  time alone changes nothing next\n\n\
                        rollout 3, spring, wave 1: action 7 is queued\n";
        assert_eq!(describe(&why), expected);
    }
}
