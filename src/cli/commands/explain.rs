//! `updraft explain`: why a device has, or does not have, what is offered. The verdict first, then every rule.

use super::{Outcome, Session, device};
use crate::cli::args::Explain;
use crate::cli::client::{ClientError, segment};
use crate::cli::output::{self, Grid};
use crate::http::wire::{ExplanationBody, FindingBody, Page};

pub(super) fn run(session: &Session, command: Explain) -> Result<Outcome, ClientError> {
    let query: Vec<_> = command.kind.map(|kind| ("type", kind.to_string())).into_iter().collect();
    let path = format!("devices/{}/explain", segment(&command.device));
    let page: Page<ExplanationBody> = session.client.get(&path, &query)?;
    session.show(&page, |page| {
        if page.items.is_empty() {
            let device = &command.device;
            return format!("{device} reports nothing, and nothing is offered to its product\n");
        }
        page.items.iter().map(describe).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Outcome::Done)
}

fn describe(explanation: &ExplanationBody) -> String {
    let mut grid = Grid::pairs(&[]);
    for finding in &explanation.rules {
        grid.add(vec![mark(finding).into(), finding.rule.clone(), why(finding)]);
    }
    let rules: String = grid.render().lines().map(|line| format!("  {line}\n")).collect();
    format!("{}\n{}{rules}", verdict(explanation), facts(explanation))
}

fn verdict(explanation: &ExplanationBody) -> String {
    let ExplanationBody { device, kind, verdict, .. } = explanation;
    if verdict.eligible {
        return format!("{device}, type {kind}: may have the offer");
    }
    let why = verdict.message.as_deref().or(verdict.code.as_deref()).unwrap_or("no reason was given");
    format!("{device}, type {kind}: no, {}", output::printable(why))
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
    use crate::http::wire::{ReportedBody, VerdictBody};

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
        assert_eq!(describe(&explanation), text);
    }
}
