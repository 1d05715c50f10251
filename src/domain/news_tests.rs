#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::action::Failure;

fn action(state: State) -> Happened {
    let (action, device) = (ActionId::new(7).unwrap(), DeviceId::parse("lamp").unwrap());
    Happened::Action { action, device, state, new: false, deployment: None, wave: None }
}

fn deployment(counters: Counters) -> Happened {
    Happened::Deployment { deployment: DeploymentId::new(4).unwrap(), counters }
}

fn each() -> Vec<(Happened, &'static str)> {
    let product = ProductId::parse("lamp").unwrap();
    let version = Version::parse("1.0.0").unwrap();
    let (image, kind) = (ImageId::new(3).unwrap(), FirmwareType::APPLICATION);
    let (rollout, device) = (RolloutId::new(2).unwrap(), DeviceId::parse("lamp-1").unwrap());
    let (added, removed) = (Presence::Added, Presence::Removed);
    vec![
        (action(State::Failed(Failure::NotConverged)), "action.failed"),
        (action(State::AlreadyInstalled), "action.already-installed"),
        (Happened::Device { device, product: product.clone(), presence: added }, "device.added"),
        (
            Happened::Image { image, kind, number: 9, version: version.clone(), presence: removed },
            "image.removed",
        ),
        (
            Happened::Release {
                release: ReleaseId::new(1).unwrap(),
                name: "x".into(),
                version,
                presence: added,
            },
            "release.added",
        ),
        (Happened::Offer { product: product.clone(), kind, image: Some(image) }, "offer.set"),
        (Happened::Offer { product, kind, image: None }, "offer.removed"),
        (deployment(Counters { pending: 1, ..Counters::default() }), "deployment.created"),
        (deployment(Counters { succeeded: 1, ..Counters::default() }), "deployment.finished"),
        (
            Happened::Rollout { rollout, name: "x".into(), status: Status::WaitingForApproval, cause: None },
            "rollout.waiting-for-approval",
        ),
        (Happened::Wave { rollout, wave: 1, status: WaveStatus::Running }, "wave.running"),
    ]
}

#[test]
fn a_type_is_the_subject_and_what_became_of_it_and_either_can_be_asked_for() {
    for (what, name) in each() {
        assert_eq!(format!("{}.{}", what.subject(), what.change()), name);
        let takes = |types: &[&str]| Wanted::parse(types.iter().copied()).unwrap().takes(&what);
        assert!(takes(&[]) && takes(&[name]) && takes(&[what.subject()]), "{name}");
        assert!(takes(&["wave.other", what.subject()]), "{name}");
        assert!(!takes(&[&format!("{}.other", what.subject())]), "{name}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused_with_the_reason() {
    let check = |text: &str, error: WantedError| assert_eq!(Wanted::parse([text]), Err(error), "{text:?}");
    check("", WantedError::Subject);
    check("actions", WantedError::Subject);
    check("Action", WantedError::Subject);
    check("gap", WantedError::Subject);
    check("action.", WantedError::Change);
    check("action.a.b", WantedError::Change);
    check("action.Failed", WantedError::Change);
    let many: Vec<String> = (0..=TYPES_MAX).map(|n| format!("action.{}", "a".repeat(n + 1))).collect();
    assert_eq!(Wanted::parse(many.iter().map(|text| &text[..])), Err(WantedError::Change));
    let letters =
        |n: usize| format!("action.{}{}", (b'a' + (n / 26) as u8) as char, (b'a' + (n % 26) as u8) as char);
    let many: Vec<String> = (0..=TYPES_MAX).map(letters).collect();
    assert_eq!(Wanted::parse(many.iter().map(|text| &text[..])), Err(WantedError::TooMany));
}
