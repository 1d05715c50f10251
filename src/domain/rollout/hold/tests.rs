//! Every hold, as people read it.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::action::{Component, Failure, Origin};
use crate::domain::deployment::Target;
use crate::domain::ids::{DeviceKey, FirmwareType, ImageId, ProductId, RolloutId, TenantId};
use crate::domain::rollout::{
    Canary, Cause, Difference, InFlight, NewRollout, NewWave, Pace, Remedy, Retries, Selection, Size, why,
};
use crate::domain::terms::{Terms, Timeouts};
use crate::domain::version::Version;
use crate::domain::window::Window;

const NOW: Time = Time(60_000);
const CANARY: &str = "6 of 100 ended badly in the first wave (6.0%, by Wilson 2.8 to 12.5%), \
    10 of 1000 ended badly in the others (1.0%, by Wilson 0.5 to 1.8%); by Newcombe at 95% the difference is \
    +5.0 points, at least 5.0 - sqrt(3.22² + 0.83²) = +1.7 and at most 5.0 + sqrt(6.48² + 0.46²) = +11.5, \
    all of it beyond the margin of 1 points";

/// A device that waits in the second of two waves of ten.
struct Scene {
    rollout: Rollout,
    waves: Vec<Wave>,
    device: DeviceId,
    member: Option<(u16, Member)>,
    action: Option<Action>,
    last: Option<Entry>,
    newer: Option<ActionId>,
    heavier: Option<ActionId>,
    penalty: Option<Time>,
    online: bool,
    matches: bool,
}

fn id(number: u64) -> ActionId {
    ActionId::new(number).unwrap()
}

fn rollout() -> (Rollout, Vec<Wave>) {
    let new = NewRollout {
        name: "spring".into(),
        description: None,
        target: Target::Image(ImageId::new(1).unwrap()),
        selection: Selection {
            who: Who::Product(ProductId::parse("lamp").unwrap()),
            share: Share::ALL,
            seed: 0,
            continuous: false,
        },
        waves: vec![NewWave::new(Size::Count(10)), NewWave::new(Size::Rest)],
        may_overlap: false,
        terms: Terms::default(),
        allow_downgrade: false,
        pace: Pace::Unbounded,
        in_flight: None,
        retries: Retries::default(),
        start_at: None,
        end: None,
        stops: Vec::new(),
        canary: None,
    };
    let (mut rollout, waves) =
        new.rollout(RolloutId::new(1).unwrap(), TenantId::default(), &[10, 10], "admin", Time(0));
    rollout.status = Status::Running;
    (rollout, waves)
}

fn action(state: State) -> Action {
    let part = Component {
        kind: FirmwareType::APPLICATION,
        image: ImageId::new(1).unwrap(),
        number: 1,
        version: Version::parse("1.0.1").unwrap(),
    };
    Action {
        id: id(7),
        device: DeviceKey { tenant: TenantId::default(), device: DeviceId::parse("lamp-1").unwrap() },
        target: Target::Image(ImageId::new(1).unwrap()),
        onward: None,
        components: vec![part],
        origin: Origin::Rollout(RolloutId::new(1).unwrap(), 2),
        terms: Terms::default(),
        by: "admin".into(),
        unconfirmed: false,
        state,
        last_code: None,
        read: false,
        warning: false,
        cancelling: false,
        cancel_by: None,
        attempt: 1,
        verified_in: None,
        progress: None,
        fingerprints: Vec::new(),
        entries: 1,
        created: Time(0),
        changed: Time(30_000),
        commanded: Some(Time(0)),
        stepped: Time(30_000),
        due_at: None,
    }
}

fn entry(state: State, note: Note, details: &[&str]) -> Entry {
    let details = details.iter().map(|text| (*text).into()).collect();
    Entry { at: Time(30_000), state, note, code: None, details }
}

impl Scene {
    fn new() -> Self {
        let (rollout, mut waves) = rollout();
        waves[0].status = WaveStatus::Running;
        let device = DeviceId::parse("lamp-1").unwrap();
        let member = Some((2, Member::waiting(device.clone())));
        let (action, last, newer, heavier, penalty) = (None, None, None, None, None);
        Scene {
            rollout,
            waves,
            device,
            member,
            action,
            last,
            newer,
            heavier,
            penalty,
            online: false,
            matches: true,
        }
    }

    fn placed(place: Place) -> Self {
        let mut scene = Scene::new();
        let member = Member { place, tries: 1, action: Some(id(7)), ..Member::waiting(scene.device.clone()) };
        scene.member = Some((2, member));
        scene
    }

    /// Its action is in this state, and the newest line says so.
    fn acting(state: State) -> Self {
        Scene { action: Some(action(state)), ..Scene::placed(Place::of(state)) }
    }

    fn deferred(until: Time) -> Self {
        let mut scene = Scene::placed(Place::Deferred);
        scene.member.as_mut().unwrap().1.again = Some(until);
        scene
    }

    fn running() -> Self {
        let mut scene = Scene::new();
        scene.waves[1].status = WaveStatus::Running;
        scene
    }

    fn hold(&self) -> Hold {
        let known = Known {
            rollout: &self.rollout,
            waves: &self.waves,
            device: &self.device,
            member: self.member.as_ref().map(|(wave, member)| (*wave, member)),
            action: self.action.as_ref(),
            last: self.last.as_ref(),
            newer: self.newer,
            heavier: self.heavier,
            penalty: self.penalty,
            online: self.online,
            matches: self.matches,
        };
        hold(&known, NOW)
    }
}

/// Changes a scene.
fn with(mut scene: Scene, change: impl FnOnce(&mut Scene)) -> Scene {
    change(&mut scene);
    scene
}

fn on_the_way(state: State, change: impl FnOnce(&mut Action)) -> Scene {
    with(Scene::acting(state), |scene| change(scene.action.as_mut().unwrap()))
}

fn told(state: State, note: Note, details: &[&str]) -> Scene {
    with(Scene::acting(state), |scene| scene.last = Some(entry(state, note, details)))
}

#[track_caller]
fn check(table: Vec<(Scene, &str, Option<u64>, &str)>) {
    for (scene, code, until, sentence) in table {
        let found = scene.hold();
        let seen = (found.code(), found.until(), found.to_string());
        assert_eq!(seen, (code, until.map(Time), sentence.to_owned()));
    }
}

fn status(status: Status) -> Scene {
    with(Scene::new(), |scene| scene.rollout.status = status)
}

#[test]
fn what_the_rollout_waits_for() {
    let caused = |at, cause| with(status(at), |scene| scene.rollout.cause = Some(cause));
    let found = Difference::of((6, 100), (10, 1000), Share::new(9500).unwrap());
    let canary = Canary {
        margin: Share::percent(1).unwrap(),
        confidence: Share::new(9500).unwrap(),
        sample: 50,
        then: Remedy::Pause,
    };
    let by_canary =
        with(caused(Status::Paused, Cause::Canary(found)), |scene| scene.rollout.canary = Some(canary));
    let denied = with(status(Status::Denied), |scene| {
        scene.rollout.decision = Some(Decision { by: "ann".into(), remark: Some("not on a Friday".into()) });
    });
    let starts = with(status(Status::Ready), |scene| scene.rollout.start_at = Some(Time(3_600_000)));
    let paused = "the rollout pauses until somebody resumes it: ";
    check(vec![
        (
            status(Status::Creating),
            "creating",
            None,
            "the rollout is being made: its devices are being written down",
        ),
        (
            status(Status::WaitingForApproval),
            "waiting-for-approval",
            None,
            "the rollout waits until somebody approves of it",
        ),
        (denied, "denied", None, "the rollout was not approved of by ann: not on a Friday"),
        (status(Status::Denied), "denied", None, "the rollout was not approved of"),
        (starts, "not-started", Some(3_600_000), "the rollout starts at 1970-01-01T01:00:00Z"),
        (status(Status::Ready), "not-started", None, "the rollout waits until somebody starts it"),
        (
            caused(Status::Paused, Cause::Operator("ann".into())),
            "paused",
            None,
            &format!("{paused}ann said so"),
        ),
        (by_canary, "paused", None, &format!("{paused}{CANARY}")),
        (
            caused(Status::Stopping, Cause::Rule { rule: 1, bad: 3, of: 20 }),
            "stopping",
            None,
            "the rollout is being stopped and takes no device on: stop rule 1: 3 of 20 ended badly",
        ),
        (
            caused(Status::Stopped, Cause::End),
            "stopped",
            None,
            "the rollout was stopped before its turn came: its end came",
        ),
        (status(Status::Finished), "finished", None, "the rollout has finished without it"),
    ]);
}

#[test]
fn what_the_wave_waits_for() {
    let behind = with(Scene::new(), |scene| {
        scene.waves[0].success = Share::percent(95).unwrap();
        scene.waves[0].tally = Tally { active: 4, succeeded: 6, ..Tally::default() };
    });
    let full = with(Scene::running(), |scene| {
        scene.rollout.in_flight = Some(InFlight { limit: 5, lease_ms: 1 });
        scene.waves[0].tally.leased = 5;
    });
    let slow = with(Scene::running(), |scene| {
        scene.rollout.pace = Pace::Constant { per_minute: 6 };
        scene.rollout.credit.at = NOW;
        scene.rollout.credit.parts = 0;
    });
    check(vec![
        (
            behind,
            "wave-not-begun",
            None,
            "wave 2 has not begun: wave 1 must first have 10 of its 10 devices on the target, and has 6",
        ),
        (
            full,
            "in-flight-limit",
            None,
            "5 devices are under way and hold all 5 places; it waits for one of them",
        ),
        (
            slow,
            "pace",
            Some(70_000),
            "the pace is 6 a minute; the next device is taken on at 1970-01-01T00:01:10Z",
        ),
        (Scene::running(), "turn", None, "its turn has not come; 10 devices of wave 2 wait, it among them"),
    ]);
}

#[test]
fn what_the_device_waits_for() {
    let later = Time(120_000);
    let failed = with(Scene::deferred(later), |scene| {
        scene.rollout.retries.limit = 2;
        scene.action = Some(action(State::Failed(Failure::Reported(Some(5)))));
    });
    let boxed = with(Scene::deferred(later), |scene| scene.penalty = Some(later));
    let light = with(Scene::deferred(later), |scene| scene.heavier = Some(id(9)));
    let queued = |online| with(Scene::acting(State::Queued), |scene| scene.online = online);
    let paused = with(queued(true), |scene| scene.rollout.status = Status::Paused);
    let shut = |prefetch| {
        on_the_way(State::Offered, |action| {
            action.terms.window = Window::parse("0 0 3 * * ?", "01:00:00", "+00:00", NOW).ok();
            action.terms.prefetch = prefetch;
        })
    };
    let lapsed = on_the_way(State::Queued, |action| {
        let (schedule, duration_ms) = ("never".into(), 1000);
        action.terms.window = Some(Window { schedule, duration_ms, offset_min: 0, of_device: false });
    });
    let asks = |note| {
        with(on_the_way(State::Queued, |action| action.unconfirmed = true), |scene| {
            scene.last = Some(entry(State::Queued, note, &[]));
        })
    };
    let clocks =
        |state, clock: fn(&mut Timeouts)| on_the_way(state, |action| clock(&mut action.terms.timeouts));
    let leaving = on_the_way(State::Downloading, |action| {
        action.cancelling = true;
        action.cancel_by = Some(later);
    });
    let replaced = with(on_the_way(State::Downloading, |action| action.cancelling = true), |scene| {
        scene.newer = Some(id(8));
    });
    check(vec![
        (
            failed,
            "retry",
            Some(120_000),
            "try 1 of 3 ended as failed (device code 5); the next one begins at 1970-01-01T00:02:00Z",
        ),
        (
            boxed,
            "penalty-box",
            Some(120_000),
            "the device failed to come up with updates too often, and is left alone until 1970-01-01T00:02:00Z",
        ),
        (
            light,
            "outweighed",
            Some(120_000),
            "action 9 is under way and weighs more; the rollout looks again at 1970-01-01T00:02:00Z",
        ),
        (
            Scene::deferred(later),
            "deferred",
            Some(120_000),
            "the device was busy; the rollout looks again at 1970-01-01T00:02:00Z",
        ),
        (
            shut(false),
            "window-closed",
            Some(946_695_600_000),
            "action 7 waits for its maintenance window, which opens at 2000-01-01T03:00:00Z",
        ),
        (
            shut(true),
            "window-closed",
            Some(946_695_600_000),
            "action 7 may be fetched and waits for its maintenance window, which opens at 2000-01-01T03:00:00Z",
        ),
        (
            lapsed,
            "window-lapsed",
            None,
            "the maintenance window of action 7 does not open again; it is being called off",
        ),
        (asks(Note::Created), "consent", None, "action 7 waits until somebody at the device agrees"),
        (
            asks(Note::Denied),
            "consent",
            None,
            "action 7 waits until somebody at the device agrees, who said no so far",
        ),
        (paused, "paused", None, "the rollout pauses until somebody resumes it"),
        (
            queued(false),
            "offline",
            None,
            "action 7 is queued; the device has no session and is told when it comes back",
        ),
        (queued(true), "untold", None, "action 7 is queued; the device is about to be told"),
        (
            clocks(State::Offered, |own| own.first_ms = Some(90_000)),
            "under-way",
            Some(90_000),
            "the device was told of action 7 at 1970-01-01T00:00:30Z and has not answered; \
             it times out at 1970-01-01T00:01:30Z without a first sign of the device",
        ),
        (
            clocks(State::Downloading, |own| own.step_ms = Some(60_000)),
            "under-way",
            Some(90_000),
            "action 7 is downloading since 1970-01-01T00:00:30Z; \
             it times out at 1970-01-01T00:01:30Z if it is still downloading then",
        ),
        (
            clocks(State::Installing, |own| own.total_ms = Some(90_000)),
            "under-way",
            Some(90_000),
            "action 7 is installing since 1970-01-01T00:00:30Z; \
             it times out at 1970-01-01T00:01:30Z if it is not done by then",
        ),
        (
            leaving,
            "cancelling",
            Some(120_000),
            "action 7 is being called off; it ends at 1970-01-01T00:02:00Z in any case",
        ),
        (replaced, "cancelling", None, "the device is asked to let action 7 go for action 8"),
    ]);
}

#[test]
fn how_it_ended() {
    let again = with(Scene::acting(State::Failed(Failure::NotConverged)), |scene| {
        scene.member.as_mut().unwrap().1.tries = 3;
    });
    let gone =
        with(Scene::placed(Place::NotCompatible), |scene| scene.member.as_mut().unwrap().1.action = None);
    let superseded = |newer| with(Scene::acting(State::Superseded), |scene| scene.newer = newer);
    let late = ["still downloading after 5 min"];
    check(vec![
        (
            Scene::acting(State::Succeeded),
            "succeeded",
            None,
            "the device runs the target; action 7 brought it",
        ),
        (
            Scene::acting(State::AlreadyInstalled),
            "succeeded",
            None,
            "the device ran the target before its turn came",
        ),
        (
            Scene::acting(State::Failed(Failure::Reported(Some(5)))),
            "failed",
            None,
            "action 7 failed: device code 5",
        ),
        (again, "failed", None, "action 7, the last of 3 tries, failed: not converged"),
        (
            told(State::Rejected, Note::Denied, &["not now"]),
            "rejected",
            None,
            "action 7 was refused: not now",
        ),
        (
            told(State::TimedOut, Note::TimedOut(Clock::Step), &late),
            "timed-out",
            None,
            "action 7 timed out: still downloading after 5 min (the clock of each step)",
        ),
        (
            told(
                State::TimedOut,
                Note::TimedOut(Clock::First),
                &["no sign within 24 h of the command, still queued"],
            ),
            "timed-out",
            None,
            "action 7 timed out: no sign within 24 h of the command, still queued (the clock of the first sign)",
        ),
        (Scene::acting(State::TimedOut), "timed-out", None, "action 7 timed out"),
        (
            told(State::NotCompatible, Note::Created, &["the device runs something newer"]),
            "not-compatible",
            None,
            "the device cannot take the target: the device runs something newer",
        ),
        (gone, "not-compatible", None, "the device was not there any more"),
        (
            told(State::Cancelled, Note::CancelEnded, &["the maintenance window does not open again"]),
            "cancelled",
            None,
            "action 7 was called off: the maintenance window does not open again",
        ),
        (superseded(Some(id(9))), "superseded", None, "action 7 was superseded by action 9"),
        (superseded(None), "superseded", None, "action 7 was superseded by a newer one"),
    ]);
}

#[test]
fn why_it_is_not_in_it() {
    let outside = |change: fn(&mut Scene)| {
        with(Scene::new(), |scene| {
            scene.member = None;
            change(scene);
        })
    };
    let no_match =
        |who| with(outside(|scene| scene.matches = false), |scene| scene.rollout.selection.who = who);
    let own = bucket(&DeviceId::parse("lamp-1").unwrap(), 0);
    let share = format!(
        "the rollout is for 0% of the devices, those with a bucket below 0; this one has bucket {own}"
    );
    check(vec![
        (
            no_match(Who::Filter("group==hall".into())),
            "not-selected",
            None,
            "the rollout is not for it: the device does not match its filter group==hall",
        ),
        (
            no_match(Who::Product(ProductId::parse("lamp").unwrap())),
            "not-selected",
            None,
            "the rollout is not for it: the device is not of product lamp",
        ),
        (
            no_match(Who::Listed),
            "not-selected",
            None,
            "the rollout is not for it: the device is not on its list",
        ),
        (outside(|scene| scene.rollout.selection.share = Share::NONE), "outside-share", None, &share),
        (
            outside(|_| {}),
            "too-late",
            None,
            "it came to match later than the rollout was made, at 1970-01-01T00:00:00Z, \
             and the rollout adds no device later",
        ),
        (
            outside(|scene| scene.rollout.selection.continuous = true),
            "joining",
            None,
            "it matches and joins the last wave as soon as it is next heard of",
        ),
    ]);
}

#[test]
fn why_a_rollout_stands_where_it_stands() {
    let (mut rollout, mut waves) = rollout();
    waves[0].status = WaveStatus::Running;
    waves[0].success = Share::percent(90).unwrap();
    waves[0].failure = Share::percent(20);
    waves[0].tally = Tally { waiting: 3, active: 2, leased: 2, succeeded: 4, failed: 1, ..Tally::default() };
    rollout.in_flight = Some(InFlight { limit: 2, lease_ms: 1000 });
    rollout.stops = vec![crate::domain::rollout::StopRule {
        on: crate::domain::rollout::BadEnd::Any,
        share: Share::percent(25).unwrap(),
        sample: 10,
        then: Remedy::Pause,
    }];
    rollout.canary = Some(Canary {
        margin: Share::percent(2).unwrap(),
        confidence: Share::new(9500).unwrap(),
        sample: 5,
        then: Remedy::Cancel,
    });
    rollout.end =
        Some(crate::domain::rollout::End { at: Time(3_600_000), then: crate::domain::rollout::Ending::Stop });
    let found = why(&rollout, &waves, NOW);
    let mut lines = vec![found.to_string()];
    lines.extend(found.waves.iter().map(ToString::to_string));
    lines.extend(found.rules.iter().map(ToString::to_string));
    lines.extend(found.canary.iter().map(ToString::to_string));
    lines.push(found.throttle.to_string());
    assert_eq!(
        lines,
        [
            "the rollout takes nobody on: 2 devices under way hold all 2 places",
            "wave 1 is running: 4 of 10 (40.0%) run the target, 90% are wanted; 1 of 10 (10.0%) ended badly, 20% are allowed; 5 have not ended",
            "wave 2 is scheduled: 0 of 10 (0.0%) run the target, 100% are wanted; 10 have not ended",
            "stop rule 1: 1 of 5 (20.0%) ended badly; at 25%, once 10 have ended, it pauses",
            "canary: 5 of the first wave and 0 of the others have ended, and 5 are needed on either side",
            "pace: unbounded; in flight: 2 of 2 places are held",
        ]
    );
    assert_eq!(found.next, Some(Time(3_600_000)));
}
