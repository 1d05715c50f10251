//! Whether a device may have an image: an ordered list of rules, each with its finding.
//!
//! The engine acts on the first failed rule; `explain` shows the whole list. There is one list for both.

mod path;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::action::Action;
use super::device::{Device, Hardware, Reported};
use super::ids::{ActionId, ImageId, Time};
use super::image::Image;
use super::offer::{HardwareMatch, Offer, Rules};
use super::terms::Weight;
use super::version::Version;

pub use path::LEGS_MAX;

/// What is held against the device: an image, who offers it and under which conditions.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The image.
    pub image: &'a Image,
    /// Conditions of the offer, beyond the image's own.
    pub rules: Option<&'a Rules>,
    /// Whether an older number or version may be installed.
    pub allow_downgrade: bool,
    /// An offer stands until it is taken back; a deployment is one order, which replaces what is under way, does
    /// not need a reported version, and starts the count of attempts anew.
    pub standing: bool,
    /// The weight of a rollout: it leaves a device alone that is in the penalty box or has something of more weight.
    pub gives_way: Option<Weight>,
    /// Images that may be brought first, where the device must pass through their versions.
    pub steps: &'a [Arc<Image>],
}

impl<'a> Candidate<'a> {
    /// The image of a standing offer.
    pub fn standing(offer: &'a Offer, image: &'a Image) -> Self {
        Candidate {
            image,
            rules: Some(&offer.rules),
            allow_downgrade: offer.allow_downgrade,
            standing: true,
            gives_way: None,
            steps: &[],
        }
    }

    /// An image that is ordered.
    pub fn ordered(image: &'a Image, allow_downgrade: bool) -> Self {
        Candidate { image, rules: None, allow_downgrade, standing: false, gives_way: None, steps: &[] }
    }
}

/// A rule, in the order in which they are held against a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// There is a standing offer for the product and type.
    Offered,
    /// The image is for the device's product.
    Product,
    /// The device can install the firmware type.
    Type,
    /// The device has reported a version of the firmware type.
    Reported,
    /// The device does not run the image yet.
    NotInstalled,
    /// The image is not older than what the device runs.
    NoDowngrade,
    /// The update may start from the version that the device runs.
    Compatible,
    /// The device has reached every version that it must pass through.
    Through,
    /// The image runs on the device's hardware.
    Hardware,
    /// The update may happen now.
    Window,
    /// The image has not failed too often on this device.
    Attempts,
    /// The device is not in the penalty box.
    Penalty,
    /// Nothing of more weight is under way for the firmware type.
    Weight,
    /// No other action for the firmware type is under way.
    Free,
}

impl Rule {
    /// The rule's name at every door.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Offered => "offered",
            Rule::Product => "product",
            Rule::Type => "type",
            Rule::Reported => "reported",
            Rule::NotInstalled => "not-installed",
            Rule::NoDowngrade => "no-downgrade",
            Rule::Compatible => "compatible",
            Rule::Through => "through",
            Rule::Hardware => "hardware",
            Rule::Window => "window",
            Rule::Attempts => "attempts",
            Rule::Penalty => "penalty",
            Rule::Weight => "weight",
            Rule::Free => "free",
        }
    }
}

/// Why a rule fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is offered for the device's product and this firmware type.
    NoOffer,
    /// The image is for another product.
    WrongProduct,
    /// The device does not list the firmware type among its capabilities.
    TypeNotSupported,
    /// The device has not reported a version of the firmware type.
    VersionUnknown,
    /// The device runs the image.
    AlreadyInstalled,
    /// The device runs something newer.
    Downgrade,
    /// The version that the device runs is not among those that the update may start from.
    NotCompatible,
    /// The device must install this version first.
    PassThrough {
        /// The version.
        version: Version,
        /// The image that comes next on the way there; none where nothing leads there.
        step: Option<ImageId>,
    },
    /// The image does not run on the device's hardware.
    WrongHardware,
    /// The window opens later.
    TooEarly(Time),
    /// The window has closed.
    TooLate(Time),
    /// The image has failed this many times on the device.
    AttemptsExhausted(u32),
    /// The device failed to come up with its updates, and is left alone until this moment.
    PenaltyBox(Time),
    /// This action weighs more.
    Outweighed(ActionId),
    /// This action is under way.
    ActionActive(ActionId),
}

impl Reason {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::NoOffer => "no-offer",
            Reason::WrongProduct => "wrong-product",
            Reason::TypeNotSupported => "type-not-supported",
            Reason::VersionUnknown => "version-unknown",
            Reason::AlreadyInstalled => "already-installed",
            Reason::Downgrade => "downgrade",
            Reason::NotCompatible => "not-compatible",
            Reason::PassThrough { .. } => "pass-through",
            Reason::WrongHardware => "wrong-hardware",
            Reason::TooEarly(_) => "too-early",
            Reason::TooLate(_) => "too-late",
            Reason::AttemptsExhausted(_) => "attempts-exhausted",
            Reason::PenaltyBox(_) => "penalty-box",
            Reason::Outweighed(_) => "outweighed",
            Reason::ActionActive(_) => "action-active",
        }
    }

    /// Whether it passes by itself, so that a rollout waits for it.
    pub fn is_hold(&self) -> bool {
        matches!(self, Reason::PenaltyBox(_) | Reason::Outweighed(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoOffer => write!(f, "nothing is offered for this product and type"),
            Reason::WrongProduct => write!(f, "the image is for another product"),
            Reason::TypeNotSupported => write!(f, "the device does not list this firmware type"),
            Reason::VersionUnknown => write!(f, "the device has not reported a version of this type"),
            Reason::AlreadyInstalled => write!(f, "the device runs this image"),
            Reason::Downgrade => write!(f, "the device runs something newer"),
            Reason::NotCompatible => write!(f, "the update may not start from the device's version"),
            Reason::PassThrough { version, step: None } => {
                write!(f, "the device must install {version} first")
            }
            Reason::PassThrough { version, step: Some(image) } => {
                write!(f, "the device must install {version} first; image {image} is the next step")
            }
            Reason::WrongHardware => write!(f, "the image does not run on this hardware"),
            Reason::TooEarly(_) => write!(f, "the window has not opened yet"),
            Reason::TooLate(_) => write!(f, "the window has closed"),
            Reason::AttemptsExhausted(count) => write!(f, "the image failed {count} times on this device"),
            Reason::PenaltyBox(_) => write!(f, "the device failed to come up with updates and is left alone"),
            Reason::Outweighed(id) => write!(f, "action {id} is under way and weighs more"),
            Reason::ActionActive(id) => write!(f, "action {id} is under way for this type"),
        }
    }
}

/// One rule held against the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Why it fails, or that it passes.
    pub failed: Option<Reason>,
}

/// How often an image may fail on a device before it is no longer offered there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimit(pub u32);

/// Holds every rule against the device, in order. `active` are the device's actions under way. Where the device must pass
/// through a version, the image that comes next on the way there is named.
pub fn findings(
    device: &Device,
    candidate: Candidate<'_>,
    active: &[Action],
    limit: AttemptLimit,
    now: Time,
) -> Vec<Finding> {
    let mut all = check(device, candidate, active, limit, now);
    let mut through = all.iter_mut().filter_map(|finding| finding.failed.as_mut());
    let through = through.rfind(|reason| matches!(reason, Reason::PassThrough { .. }));
    if let Some(Reason::PassThrough { step, .. }) = through {
        let walk = path::Walk { device, active, limit, now };
        *step = walk.first_step(candidate, 0).map(|image| image.id);
    }
    all
}

/// Every rule by itself, in order.
fn check(
    device: &Device,
    candidate: Candidate<'_>,
    active: &[Action],
    limit: AttemptLimit,
    now: Time,
) -> Vec<Finding> {
    let image = candidate.image;
    let reported = device.versions.get(&image.kind);
    let rules = [Some(&image.rules), candidate.rules];
    let rules = || rules.iter().flatten().copied();
    let checks = [
        (Rule::Product, product(device, image)),
        (Rule::Type, supported(device, image)),
        (Rule::Reported, known(reported, candidate.standing)),
        (Rule::NotInstalled, not_installed(reported, image)),
        (Rule::NoDowngrade, no_downgrade(reported, candidate)),
        (Rule::Compatible, rules().find_map(|r| compatible(reported, r))),
        (Rule::Through, through(reported, rules())),
        (Rule::Hardware, rules().find_map(|r| hardware(device.hardware.as_ref(), r))),
        (Rule::Window, rules().find_map(|r| window(r, now))),
        (Rule::Attempts, attempts(device, candidate, limit)),
        (Rule::Penalty, penalty(device, candidate, now)),
        (Rule::Weight, weight(candidate, active)),
        (Rule::Free, free(image, candidate.standing, active)),
    ];
    checks.into_iter().map(|(rule, failed)| Finding { rule, failed }).collect()
}

/// The reason of the first failed rule, or none when the device may have the image.
pub fn refusal(findings: &[Finding]) -> Option<&Reason> {
    findings.iter().find_map(|f| f.failed.as_ref())
}

/// The standing offer of a product and type held against a device, as `explain` shows it.
pub fn explain(
    device: &Device,
    offer: Option<(&Offer, &Image)>,
    steps: &[Arc<Image>],
    active: &[Action],
    limit: AttemptLimit,
    now: Time,
) -> Vec<Finding> {
    let Some((offer, image)) = offer else {
        return vec![Finding { rule: Rule::Offered, failed: Some(Reason::NoOffer) }];
    };
    let mut all = vec![Finding { rule: Rule::Offered, failed: None }];
    let candidate = Candidate { steps, ..Candidate::standing(offer, image) };
    all.append(&mut findings(device, candidate, active, limit, now));
    all
}

/// Whether an image is for devices of this kind at all: for its product, and of a type that it lists.
pub fn is_for(device: &Device, image: &Image) -> bool {
    product(device, image).is_none() && supported(device, image).is_none()
}

fn fails(condition: bool, reason: Reason) -> Option<Reason> {
    condition.then_some(reason)
}

fn product(device: &Device, image: &Image) -> Option<Reason> {
    fails(!image.products.contains(&device.product), Reason::WrongProduct)
}

fn supported(device: &Device, image: &Image) -> Option<Reason> {
    let types = &device.capabilities.types;
    fails(!types.is_empty() && !types.contains(&image.kind), Reason::TypeNotSupported)
}

fn known(reported: Option<&Reported>, standing: bool) -> Option<Reason> {
    fails(standing && reported.is_none(), Reason::VersionUnknown)
}

fn not_installed(reported: Option<&Reported>, image: &Image) -> Option<Reason> {
    let installed = reported.is_some_and(|r| r.running.is(image.number, &image.version));
    fails(installed, Reason::AlreadyInstalled)
}

/// Numbers order images of one type; texts order them only where one side has no number and both are semver.
fn no_downgrade(reported: Option<&Reported>, candidate: Candidate<'_>) -> Option<Reason> {
    let running = &reported?.running;
    let order = match running.number {
        Some(own) => Some(own.cmp(&candidate.image.number)),
        None => running.version.as_ref().and_then(|own| own.compare(&candidate.image.version)),
    };
    fails(order == Some(Ordering::Greater) && !candidate.allow_downgrade, Reason::Downgrade)
}

fn compatible(reported: Option<&Reported>, rules: &Rules) -> Option<Reason> {
    if rules.compatible.is_empty() {
        return None;
    }
    let version = reported.and_then(|r| r.running.version.as_ref());
    let listed = version.is_some_and(|v| rules.compatible.iter().any(|pattern| pattern.matches(v)));
    fails(!listed, Reason::NotCompatible)
}

/// The versions of all lists, one list after the other. A version that is no semver has no order of its own: a device that
/// runs it has reached what stands before it.
fn through<'r>(reported: Option<&Reported>, rules: impl Iterator<Item = &'r Rules>) -> Option<Reason> {
    let all: Vec<&Version> = rules.flat_map(|own| &own.through).collect();
    let running = reported.and_then(|r| r.running.version.as_ref());
    let opaque = running.filter(|own| own.compare(own).is_none());
    let passed = opaque.and_then(|own| all.iter().rposition(|version| *version == own));
    let reached = |version: &Version| {
        running.is_some_and(|own| own == version || own.compare(version).is_some_and(Ordering::is_ge))
    };
    let rest = all.into_iter().skip(passed.map_or(0, |at| at + 1));
    let version = rest.into_iter().find(|version| !reached(version))?.clone();
    Some(Reason::PassThrough { version, step: None })
}

fn hardware(own: Option<&Hardware>, rules: &Rules) -> Option<Reason> {
    let runs = rules.hardware.is_empty() || own.is_some_and(|h| rules.hardware.iter().any(|m| fits(h, m)));
    fails(!runs, Reason::WrongHardware)
}

fn fits(own: &Hardware, wanted: &HardwareMatch) -> bool {
    own.model.eq_ignore_ascii_case(&wanted.model)
        && wanted.revision.as_ref().is_none_or(|revision| own.revision.as_ref() == Some(revision))
}

fn window(rules: &Rules, now: Time) -> Option<Reason> {
    if let Some(opens) = rules.not_before.filter(|opens| now < *opens) {
        return Some(Reason::TooEarly(opens));
    }
    rules.not_after.filter(|closes| now >= *closes).map(Reason::TooLate)
}

fn attempts(device: &Device, candidate: Candidate<'_>, limit: AttemptLimit) -> Option<Reason> {
    let count = device.failures_of(candidate.image.kind, candidate.image.id);
    fails(candidate.standing && count >= limit.0, Reason::AttemptsExhausted(count))
}

fn penalty(device: &Device, candidate: Candidate<'_>, now: Time) -> Option<Reason> {
    let until = device.penalty?.until?;
    let heeds = candidate.standing || candidate.gives_way.is_some();
    fails(heeds && now < until, Reason::PenaltyBox(until))
}

fn weight(candidate: Candidate<'_>, active: &[Action]) -> Option<Reason> {
    let own = candidate.gives_way?;
    let busy =
        active.iter().filter(|a| !a.state.is_terminal() && a.component(candidate.image.kind).is_some());
    busy.filter(|a| a.terms.weight > own).map(|a| Reason::Outweighed(a.id)).next()
}

fn free(image: &Image, standing: bool, active: &[Action]) -> Option<Reason> {
    let busy = active.iter().find(|a| !a.state.is_terminal() && a.component(image.kind).is_some())?;
    fails(standing, Reason::ActionActive(busy.id))
}
