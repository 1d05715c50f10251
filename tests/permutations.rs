//! The life of an action under every order in which a trace of its device and its operator can arrive.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use updraft::domain::action::{Action, Origin, State};
use updraft::domain::catalog::Trail;
use updraft::domain::decide::{Facts, Outcome, Policy, Verdict, decide};
use updraft::domain::deployment::Target;
use updraft::domain::device::Device;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::event::{Event, Hello, Report, Withdrawal};
use updraft::domain::feedback::{Feedback, Finished, Word};
use updraft::domain::ids::{
    ActionId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, TenantId, Time,
};
use updraft::domain::image::Image;
use updraft::domain::terms::Terms;
use updraft::domain::version::{Running, Version};

/// One thing of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    /// The device says this. A repeat is the same word again.
    Says(Word),
    /// The device reports the version that it is to have.
    RunsTarget,
    /// The device reports the version that it had.
    RunsOld,
    /// An operator calls it off.
    Cancel,
    /// An operator calls it off without waiting.
    Force,
    /// The device answers a cancel so, where it has a place of its own for that.
    Answers(Word),
    /// The time of a cancel is over.
    CancelExpires,
    /// The device asks.
    Get,
}

use Thing::{Answers, Cancel, CancelExpires, Force, Get, RunsOld, RunsTarget, Says};

const SUCCESS: Word = Word::Closed(Finished::Success);
const FAILURE: Word = Word::Closed(Finished::Failure);

/// A device with one action, told of it.
#[derive(Clone)]
struct World {
    device: Device,
    action: Action,
    now: Time,
    seq: u64,
}

impl World {
    fn new() -> World {
        let kind = FirmwareType::new(3).unwrap();
        let product = ProductId::parse("lamp").unwrap();
        let key = DeviceKey { tenant: TenantId::default(), device: DeviceId::parse("lamp-1").unwrap() };
        let mut device = Device::new(key, product.clone(), "admin", Time(0));
        let versions = BTreeMap::from([(kind, Running::numbered(1))]);
        let hello = Hello {
            seq: 1,
            boot: None,
            product: None,
            hardware: None,
            capabilities: None,
            versions,
            attributes: BTreeMap::new(),
        };
        device = decide(facts(device, Vec::new()), &Event::Hello(hello), Time(1)).device;
        let version = Version::parse("2.0.0").unwrap();
        let id = ImageId::new(1).unwrap();
        let trail = Trail::new("admin", Time(0));
        let image = Image::new(TenantId::default(), id, product, (kind, 2), version, trail);
        let event = Event::Assign {
            origin: Origin::Deployment(DeploymentId::new(1).unwrap()),
            target: Target::Image(id),
            images: vec![Arc::new(image)],
            allow_downgrade: false,
            terms: Terms::default(),
            by: "admin".into(),
            attempt: 1,
            steps: Vec::new(),
        };
        let outcome = decide(facts(device, Vec::new()), &event, Time(2));
        let action = outcome.changed[0].action.clone();
        assert_eq!(action.state, State::Offered);
        World { device: outcome.device, action, now: Time(10), seq: 1 }
    }

    /// Lets a thing happen, and holds what must be so after every one of them.
    fn happen(&mut self, thing: Thing, copy: u64) -> Verdict {
        self.now = self.now.plus_ms(1);
        let event = self.event(thing, copy);
        let before = self.action.clone();
        let open = self.under_way();
        let outcome = decide(facts(self.device.clone(), vec![before.clone()]), &event, self.now);
        let twin = decide(facts(self.device.clone(), vec![before.clone()]), &event, self.now);
        assert_eq!(told(&outcome), told(&twin), "the same facts, another decision");
        let changed = outcome.changed.iter().find(|changed| changed.action.id == before.id);
        if let Some(changed) = changed {
            self.action = changed.action.clone();
        }
        self.device = outcome.device;
        let (from, to) = (before.state, self.action.state);
        assert!(!from.is_terminal() || from == to, "{from:?} is an end, and became {to:?}");
        assert!(rank(from) <= rank(to), "{from:?} went back to {to:?}");
        assert!(!to.is_terminal() || !self.action.cancelling, "it has ended and waits for a cancel");
        assert_eq!(
            self.device.active.is_empty(),
            to.is_terminal(),
            "the type is taken while it is under way"
        );
        if outcome.verdict == Verdict::Repeated {
            assert_eq!(before, self.action, "a repeat changed it");
        }
        assert!(open || to == from);
        outcome.verdict
    }

    fn under_way(&self) -> bool {
        !self.action.state.is_terminal()
    }

    fn event(&mut self, thing: Thing, copy: u64) -> Event {
        let action = self.action.id;
        match thing {
            Says(word) => Event::Feedback { action, feedback: feedback(word, copy) },
            Answers(word) => Event::CancelAnswer { action, feedback: feedback(word, 100 + copy) },
            RunsTarget => self.report(2),
            RunsOld => self.report(1),
            Cancel => Event::Cancel { action, how: Withdrawal::Plain },
            Force => Event::Cancel { action, how: Withdrawal::Forced },
            CancelExpires => Event::CancelExpired { action },
            Get => Event::Get,
        }
    }

    fn report(&mut self, number: u64) -> Event {
        self.seq += 1;
        let versions = BTreeMap::from([(FirmwareType::new(3).unwrap(), Running::numbered(number))]);
        Event::Report(Report { seq: Some(self.seq), versions })
    }
}

fn facts(device: Device, actions: Vec<Action>) -> Facts {
    Facts {
        device,
        connected: true,
        actions,
        offers: Vec::new(),
        names: BTreeMap::new(),
        next_action: ActionId::new(1).unwrap(),
        steps: Vec::new(),
        onward: Vec::new(),
        paused: std::collections::BTreeSet::new(),
        closes: true,
        policy: Policy {
            attempts: AttemptLimit(2),
            cancel_timeout_ms: 600_000,
            penalty_after: 3,
            penalty_ms: 3_600_000,
        },
    }
}

/// The same word of the same copy is the same feedback.
fn feedback(word: Word, copy: u64) -> Feedback {
    let fingerprint = copy * 100 + WORDS.iter().position(|known| *known == word).unwrap() as u64;
    Feedback {
        word,
        code: None,
        progress: None,
        details: Vec::new(),
        time: None,
        settles_cancel: copy < 100,
        fingerprint,
    }
}

const WORDS: [Word; 10] = [
    Word::Proceeding,
    Word::Scheduled,
    Word::Resumed,
    Word::Download,
    Word::Downloaded,
    Word::Rejected,
    Word::Canceled,
    SUCCESS,
    FAILURE,
    Word::Closed(Finished::None),
];

fn told(outcome: &Outcome) -> String {
    format!("{outcome:?}")
}

/// How far a state is; ends are after everything else.
fn rank(state: State) -> usize {
    let order = [
        "queued",
        "offered",
        "accepted",
        "downloading",
        "downloaded",
        "waiting",
        "installing",
        "rebooting",
        "verifying",
    ];
    order.iter().position(|name| *name == state.name()).unwrap_or(order.len())
}

/// Plays every order of the trace. Returns the states that it may end in, and how many orders there are.
fn ends(trace: &[Thing]) -> (BTreeSet<&'static str>, usize) {
    let mut ends = BTreeSet::new();
    let mut orders = 0;
    let mut left: Vec<(usize, Thing)> = trace.iter().copied().enumerate().collect();
    walk(&World::new(), &mut left, &mut |world| {
        ends.insert(world.action.state.name());
        orders += 1;
    });
    (ends, orders)
}

fn walk(world: &World, left: &mut Vec<(usize, Thing)>, leaf: &mut impl FnMut(&World)) {
    if left.is_empty() {
        return leaf(world);
    }
    for place in 0..left.len() {
        let next = left.remove(place);
        let mut world = world.clone();
        world.happen(next.1, 1);
        // Anything may arrive twice: a word that comes again at once is known, and changes nothing.
        if let Says(_) = next.1 {
            let (state, cancelling) = (world.action.state, world.action.cancelling);
            let verdict = world.happen(next.1, 1);
            assert_ne!(verdict, Verdict::Stored, "{next:?} came twice");
            assert_eq!((state, cancelling), (world.action.state, world.action.cancelling));
        }
        walk(&world, left, leaf);
        left.insert(place, next);
    }
}

fn check(trace: &[Thing], expected: &[&str]) {
    let (found, orders) = ends(trace);
    assert_eq!(orders, (1..=trace.len()).product::<usize>());
    assert_eq!(found, expected.iter().copied().collect(), "{trace:?}");
}

#[test]
fn an_update_in_any_order_ends_with_its_report() {
    let words = [Word::Proceeding, Word::Download, Word::Downloaded, Word::Scheduled, Word::Resumed, SUCCESS]
        .map(Says);
    check(&[&words[..], &[RunsTarget]].concat(), &["succeeded"]);
    // Without a report, "success" waits for it.
    check(&words, &["verifying"]);
    // An old report after "success" is a failure; before it, it says nothing.
    check(&[Says(Word::Download), Says(SUCCESS), RunsOld, RunsTarget, Get], &["failed", "succeeded"]);
    check(&[Says(Word::Download), Says(SUCCESS), RunsOld, Get], &["failed", "verifying"]);
}

#[test]
fn a_failure_in_any_order_is_one_unless_the_target_was_reported_before() {
    let words = [Word::Proceeding, Word::Download, Word::Downloaded, Word::Rejected].map(Says);
    check(&[&words[..], &[Says(FAILURE)]].concat(), &["failed"]);
    check(&[&words[..], &[Says(FAILURE), RunsTarget, Get]].concat(), &["failed", "succeeded"]);
}

#[test]
fn a_cancel_in_any_order_ends_or_loses_the_race() {
    let words = [Word::Download, Word::Downloaded].map(Says);
    let canceled = Says(Word::Canceled);
    // The answer may come before the question: then the cancel ends by its time, or still waits.
    check(&[&words[..], &[Cancel, canceled, RunsTarget]].concat(), &["cancelled", "succeeded"]);
    check(&[&words[..], &[Cancel, canceled]].concat(), &["cancelled", "downloaded"]);
    check(&[&words[..], &[Cancel, Says(FAILURE), Says(SUCCESS)]].concat(), &["failed"]);
    check(&[&words[..], &[Cancel, Says(SUCCESS), RunsTarget, Get]].concat(), &["succeeded"]);
    check(&[&words[..], &[Cancel, CancelExpires, RunsTarget]].concat(), &["cancelled", "succeeded"]);
    check(&[&words[..], &[Force, Says(SUCCESS), RunsTarget]].concat(), &["cancelled", "succeeded"]);
    check(&[&words[..], &[Force, Cancel, canceled, CancelExpires]].concat(), &["cancelled"]);
}

#[test]
fn a_cancel_with_a_place_of_its_own_for_the_answer() {
    let words = [Word::Proceeding, Word::Download].map(Says);
    check(&[&words[..], &[Cancel, Answers(SUCCESS)]].concat(), &["cancelled", "downloading"]);
    check(&[&words[..], &[Cancel, Answers(FAILURE), Says(SUCCESS), RunsTarget]].concat(), &["succeeded"]);
    check(
        &[&words[..], &[Cancel, Answers(Word::Rejected), CancelExpires]].concat(),
        &["cancelled", "downloading"],
    );
    check(
        &[&words[..], &[Cancel, Answers(SUCCESS), Says(SUCCESS), RunsTarget]].concat(),
        &["cancelled", "succeeded"],
    );
}
