//! Conditions of images and offers: from flags to the wire, and back to text.

use crate::cli::args::Rules;
use crate::cli::output;
use crate::http::wire::{HardwareBody, RulesBody};

/// What the flags say.
pub(super) fn body(rules: Rules) -> RulesBody {
    RulesBody {
        compatible: rules.compatible,
        through: rules.through,
        not_before: rules.not_before,
        not_after: rules.not_after,
        hardware: rules.hardware.iter().map(|text| hardware(text)).collect(),
    }
}

fn hardware(text: &str) -> HardwareBody {
    match text.split_once(':') {
        Some((model, revision)) => HardwareBody { model: model.into(), revision: Some(revision.into()) },
        None => HardwareBody { model: text.into(), revision: None },
    }
}

/// `esp32-c3:B`, or `esp32-c3` for any revision.
pub(super) fn hardware_text(hardware: &HardwareBody) -> String {
    match &hardware.revision {
        Some(revision) => format!("{}:{revision}", hardware.model),
        None => hardware.model.clone(),
    }
}

/// The conditions in one line; `none` where there are none.
pub(super) fn text(rules: &RulesBody) -> String {
    let mut parts = Vec::new();
    if !rules.compatible.is_empty() {
        parts.push(format!("from {}", rules.compatible.join(" or ")));
    }
    if !rules.through.is_empty() {
        parts.push(format!("through {}", rules.through.join(" and ")));
    }
    if !rules.hardware.is_empty() {
        let models: Vec<_> = rules.hardware.iter().map(hardware_text).collect();
        parts.push(format!("on {}", models.join(" or ")));
    }
    parts.extend(rules.not_before.map(|at| format!("not before {}", output::moment(at))));
    parts.extend(rules.not_after.map(|at| format!("not after {}", output::moment(at))));
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_conditions_and_conditions_one_line() {
        let flags = Rules {
            compatible: vec!["0.x".into(), ">=1.0.0, <2.0.0".into()],
            through: vec!["0.9.0".into()],
            hardware: vec!["esp32-c3:B".into(), "lamp".into()],
            not_before: "2026-11-21T10:00:00Z".parse().ok(),
            not_after: None,
        };
        let line = "from 0.x or >=1.0.0, <2.0.0, through 0.9.0, on esp32-c3:B or lamp, not before 2026-11-21T10:00:00Z";
        assert_eq!(text(&body(flags)), line);
        assert_eq!(text(&RulesBody::default()), "none");
    }
}
