//! `updraft explain`: why a device has, or does not have, what is offered. The verdict first, then every rule.

use std::collections::BTreeSet;

use super::{Outcome, Session, device};
use crate::cli::args::Explain;
use crate::cli::client::{ClientError, segment};
use crate::cli::output::{self, Grid};
use crate::http::wire::{ActionBody, ActiveBody, ExplainedBody, ExplanationBody, FindingBody, StandingBody};

pub(super) fn run(session: &Session, command: Explain) -> Result<Outcome, ClientError> {
    let query: Vec<_> = command.kind.map(|kind| ("type", kind.to_string())).into_iter().collect();
    let path = format!("devices/{}/explain", segment(&command.device));
    let page: ExplainedBody = session.client.get(&path, &query)?;
    let brought = if session.json { BTreeSet::new() } else { brought(session, &page.items)? };
    session.show(&page, |page| {
        let mut texts = Vec::with_capacity(page.items.len() + 1);
        if page.items.is_empty() {
            let device = &command.device;
            texts.push(format!("{device} reports nothing, and nothing is offered to its product\n"));
        }
        texts.extend(page.items.iter().map(|item| describe(item, brought.contains(&item.kind))));
        let standings = page.rollouts.iter().map(standing);
        texts.extend((!page.rollouts.is_empty()).then(|| standings.collect()));
        texts.join("\n")
    })?;
    Ok(Outcome::Done)
}

/// How the device stands in a rollout, in a line.
pub(super) fn standing(standing: &StandingBody) -> String {
    let StandingBody { rollout, name, wave, message, .. } = standing;
    let wave = wave.map(|wave| format!(", wave {wave}")).unwrap_or_default();
    format!("rollout {rollout}, {}{wave}: {}\n", output::printable(name), output::printable(message))
}

/// The firmware types whose offered image an action is bringing already.
fn brought(session: &Session, explanations: &[ExplanationBody]) -> Result<BTreeSet<u8>, ClientError> {
    let mut kinds = BTreeSet::new();
    for explanation in explanations {
        let (Some(active), Some(image)) = (&explanation.active, &explanation.image) else { continue };
        let action: ActionBody = session.client.get(&format!("actions/{}", active.action), &[])?;
        if action.components.iter().any(|component| component.image == image.id) {
            kinds.insert(explanation.kind);
        }
    }
    Ok(kinds)
}

fn describe(explanation: &ExplanationBody, brought: bool) -> String {
    let mut grid = Grid::pairs(&[]);
    for finding in &explanation.rules {
        grid.add(vec![mark(finding).into(), finding.rule.clone(), why(finding)]);
    }
    let rules: String = grid.render().lines().map(|line| format!("  {line}\n")).collect();
    format!("{}\n{}{rules}", verdict(explanation, brought), facts(explanation))
}

/// The code of the rule that a device breaks by running what is offered.
const INSTALLED: &str = "already-installed";

fn verdict(explanation: &ExplanationBody, brought: bool) -> String {
    let ExplanationBody { device, kind, verdict, image, active, .. } = explanation;
    let offered = image.as_ref().map(|image| format!("{}#{}", image.version, image.number));
    let text = match (offered, active) {
        (Some(offered), _) if verdict.code.as_deref() == Some(INSTALLED) => {
            format!("up to date: runs the offered {offered}")
        }
        (Some(offered), Some(ActiveBody { action, state })) if brought => {
            format!("on its way: action {action} brings {offered} ({state})")
        }
        _ if verdict.eligible => "may have the offer".into(),
        _ => {
            let why = verdict.message.as_deref().or(verdict.code.as_deref());
            format!("no, {}", output::printable(why.unwrap_or("no reason was given")))
        }
    };
    format!("{device}, type {kind}: {text}")
}

fn facts(explanation: &ExplanationBody) -> String {
    let image = explanation.image.as_ref();
    let reported = explanation.reported.as_ref();
    let active = explanation.active.as_ref();
    let pairs = [
        ("  runs", reported.map_or_else(|| "not reported".into(), device::reported)),
        (
            "  offered",
            image
                .map_or_else(|| "nothing".into(), |i| format!("{}#{} (image {})", i.version, i.number, i.id)),
        ),
        ("  under way", active.map(|a| format!("action {} is {}", a.action, a.state)).unwrap_or_default()),
    ];
    Grid::pairs(&pairs).render()
}

fn mark(finding: &FindingBody) -> &'static str {
    if finding.pass { "✓" } else { "✗" }
}

fn why(finding: &FindingBody) -> String {
    finding.message.clone().or_else(|| finding.code.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::{ImageBody, ReportedBody, RulesBody, VerdictBody};

    #[test]
    fn the_verdict_comes_first_and_every_rule_has_its_mark() {
        let finding = |rule: &str, no: Option<(&str, &str)>| FindingBody {
            rule: rule.into(),
            pass: no.is_none(),
            code: no.map(|(code, _)| code.into()),
            message: no.map(|(_, message)| message.into()),
        };
        let no = ("version-unknown", "the device has not reported a version");
        let explanation = ExplanationBody {
            device: "lamp-1".into(),
            kind: 3,
            reported: None::<ReportedBody>,
            image: None,
            rules: vec![finding("offered", None), finding("reported", Some(no))],
            verdict: VerdictBody { eligible: false, code: Some(no.0.into()), message: Some(no.1.into()) },
            active: None,
        };
        let text = "lamp-1, type 3: no, the device has not reported a version\n  \
                    runs     not reported\n  offered  nothing\n  \
                    ✓  offered\n  ✗  reported  the device has not reported a version\n";
        assert_eq!(describe(&explanation, false), text);
    }

    #[test]
    fn a_rollout_is_a_line() {
        let inside = StandingBody {
            rollout: 3,
            name: "spring".into(),
            wave: Some(2),
            code: "paused".into(),
            message: "the rollout pauses until somebody resumes it: admin said so".into(),
            until: None,
        };
        let outside = StandingBody { wave: None, message: "it came late".into(), ..inside.clone() };
        assert_eq!(
            standing(&inside) + &standing(&outside),
            "rollout 3, spring, wave 2: the rollout pauses until somebody resumes it: admin said so\n\
             rollout 3, spring: it came late\n"
        );
    }

    #[test]
    fn the_headline_says_where_the_offered_image_is() {
        let image = ImageBody {
            id: 7,
            product: "lamp".into(),
            kind: 3,
            number: "1".into(),
            version: "1.0.1".into(),
            artifacts: Vec::new(),
            rules: RulesBody::default(),
            created: jiff::Timestamp::UNIX_EPOCH,
        };
        let busy = ("busy", "another update is under way");
        let table = [
            (Some((INSTALLED, "it runs this image")), false, "up to date: runs the offered 1.0.1#1"),
            (Some(busy), true, "on its way: action 3 brings 1.0.1#1 (offered)"),
            (Some(busy), false, "no, another update is under way"),
            (None, false, "may have the offer"),
        ];
        for (no, brought, expected) in table {
            let explanation = ExplanationBody {
                device: "lamp-1".into(),
                kind: 3,
                reported: None,
                image: Some(image.clone()),
                rules: Vec::new(),
                verdict: VerdictBody {
                    eligible: no.is_none(),
                    code: no.map(|(code, _)| code.into()),
                    message: no.map(|(_, message)| message.into()),
                },
                active: Some(ActiveBody { action: 3, state: "offered".into() }),
            };
            assert_eq!(verdict(&explanation, brought), format!("lamp-1, type 3: {expected}"));
        }
    }
}
