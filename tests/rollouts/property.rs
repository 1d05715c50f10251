//! Rollouts of chance, over devices of chance: what must hold whatever happens.

use proptest::prelude::*;
use updraft::domain::ids::{ImageId, Time};
use updraft::domain::rollout::{
    Advance, AfterSuccess, BadEnd, Canary, Cause, Command, Counted, End, Ending, InFlight, NewRollout,
    NewWave, Pace, Place, Remedy, Rollout, Share, Status, StopRule, Tally, Wave, WaveStatus, advance,
    command,
};

use super::plain;

/// What happens next.
#[derive(Debug, Clone)]
enum Happening {
    /// So many milliseconds pass.
    Pass(u64),
    /// So many devices under way in a wave come to stand elsewhere.
    Members(usize, u64, Place),
    /// So many that were put off can be reached again.
    Back(usize, u64),
    /// So many leases of a wave end.
    Leases(usize, u64),
    /// An operator asks for something.
    Asked(Command),
}

/// A rollout, the engine's part of it, and what was seen.
struct World {
    now: Time,
    most: u64,
    rollout: Rollout,
    waves: Vec<Wave>,
    wake: Option<Time>,
    /// When devices were taken on, and how many.
    taken: Vec<(Time, u64)>,
    /// Waves that an operator began.
    early: Vec<u16>,
}

impl World {
    fn new(draft: &NewRollout, sizes: &[u64], most: u64) -> Self {
        let (rollout, waves) = plain::ready(draft.clone(), sizes);
        let (taken, early) = (Vec::new(), Vec::new());
        World { now: Time(0), most, rollout, waves, wake: None, taken, early }
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Pass(ms) => self.pass(self.now.plus_ms(*ms)),
            Happening::Members(wave, devices, place) => self.shift(*wave, *devices, Place::Active, *place),
            Happening::Back(wave, devices) => self.shift(*wave, *devices, Place::Deferred, Place::Waiting),
            Happening::Leases(wave, devices) => {
                let tally = &mut self.waves.iter_mut().cycle_at(*wave).tally;
                tally.leased = tally.leased.saturating_sub(*devices);
                self.go();
            }
            Happening::Asked(asked) => self.ask(asked),
        }
    }

    fn pass(&mut self, until: Time) {
        while let Some(wake) = self.wake.filter(|wake| *wake <= until) {
            assert!(wake > self.now, "woken at {wake:?}, and it is {:?}", self.now);
            // A moment before, there was nothing to do: no moment is too early, and none too late.
            self.quiet(Time(wake.0 - 1));
            self.now = wake;
            self.go();
        }
        self.quiet(until);
        self.now = until;
    }

    /// Time alone does nothing at this moment.
    fn quiet(&self, moment: Time) {
        if moment > self.now {
            let (mut rollout, mut waves) = (self.rollout.clone(), self.waves.clone());
            let done = advance(&mut rollout, &mut waves, self.most, moment);
            assert_eq!(done, Advance { wake: done.wake, ..Advance::default() }, "missed by {moment:?}");
        }
    }

    fn shift(&mut self, wave: usize, devices: u64, from: Place, to: Place) {
        let limited = self.rollout.in_flight.is_some();
        let tally = &mut self.waves.iter_mut().cycle_at(wave).tally;
        let devices = devices.min(*tally.at(from));
        *tally.at(from) -= devices;
        *tally.at(to) += devices;
        if limited && from == Place::Active {
            tally.leased = tally.leased.saturating_sub(devices);
        }
        self.go();
    }

    fn ask(&mut self, asked: &Command) {
        let next =
            self.waves.iter().find(|wave| wave.status == WaveStatus::Scheduled).map(|wave| wave.number);
        let before = (self.rollout.clone(), self.waves.clone());
        match command(&mut self.rollout, &mut self.waves, asked, "ann", self.now) {
            Ok(_) if *asked == Command::Next => self.early.extend(next),
            Ok(_) => {}
            Err(_) => assert_eq!(before, (self.rollout.clone(), self.waves.clone()), "refused and changed"),
        }
        self.go();
    }

    fn go(&mut self) {
        let before = (self.rollout.clone(), self.waves.clone());
        let done = self.advance();
        let mut twin = before.clone();
        assert_eq!(advance(&mut twin.0, &mut twin.1, self.most, self.now), done);
        self.hold(&before, &done);
        for take in &done.take {
            let limited = self.rollout.in_flight.is_some();
            let tally = &mut self.waves[usize::from(take.wave) - 1].tally;
            tally.waiting = tally.waiting.checked_sub(take.devices).expect("no more than wait are taken on");
            tally.active += take.devices;
            tally.leased += if limited { take.devices } else { 0 };
            self.taken.push((self.now, take.devices));
        }
        if done.wake == Some(self.now) {
            let devices: u64 = done.take.iter().map(|take| take.devices).sum();
            assert_eq!(devices, self.most, "only the engine's own bound makes it go on at once");
            return self.go();
        }
        let again = self.advance();
        assert_eq!(again, Advance { wake: again.wake, ..Advance::default() });
        self.wake = again.wake;
        self.bounds();
    }

    fn advance(&mut self) -> Advance {
        advance(&mut self.rollout, &mut self.waves, self.most, self.now)
    }

    /// What holds of every single step.
    fn hold(&self, before: &(Rollout, Vec<Wave>), done: &Advance) {
        let changed = before.0.status != self.rollout.status
            || before
                .1
                .iter()
                .map(|w| (w.status, w.passed, w.ended))
                .ne(self.waves.iter().map(|w| (w.status, w.passed, w.ended)));
        assert_eq!(done.moved, changed);
        assert!(done.take.is_empty() || self.rollout.status == Status::Running);
        assert!(before.0.status.is_live() || !changed, "an end is final");
        for (place, wave) in self.waves.iter().enumerate().filter(|(_, wave)| wave.started.is_some()) {
            let its_turn = self.waves[..place].iter().all(|wave| wave.passed);
            assert!(its_turn || self.early.contains(&wave.number), "wave {} began early", wave.number);
        }
        let stopped = matches!(self.rollout.status, Status::Stopping | Status::Stopped | Status::Paused);
        assert!(!stopped || self.rollout.cause.is_some(), "nobody says why");
    }

    /// What holds of the numbers.
    fn bounds(&self) {
        if let Some(bound) = self.rollout.in_flight {
            assert!(Tally::sum(&self.waves).leased <= bound.limit);
        }
        if let Pace::Constant { per_minute } = self.rollout.pace {
            let allowed = u64::from(per_minute) + u64::from(per_minute / 6).max(1);
            for (at, _) in &self.taken {
                let minute = self.taken.iter().filter(|(t, _)| t >= at && t.0 < at.0 + 60_000);
                let minute: u64 = minute.map(|(_, devices)| devices).sum();
                assert!(minute <= allowed, "{minute} devices in a minute, {per_minute} a minute are allowed");
            }
        }
    }

    fn counted(&self) -> Vec<u64> {
        self.waves.iter().map(|wave| wave.tally.total()).collect()
    }
}

trait CycleAt<'a> {
    fn cycle_at(self, place: usize) -> &'a mut Wave;
}

impl<'a, I: ExactSizeIterator<Item = &'a mut Wave>> CycleAt<'a> for I {
    fn cycle_at(mut self, place: usize) -> &'a mut Wave {
        let count = self.len();
        self.nth(place % count).expect("a rollout has a wave")
    }
}

fn share() -> impl Strategy<Value = Share> {
    (0_u64..=10_000).prop_map(|n| Share::new(n).unwrap())
}

fn remedy() -> impl Strategy<Value = Remedy> {
    let image = ImageId::new(9).unwrap();
    prop_oneof![Just(Remedy::Pause), Just(Remedy::Cancel), Just(Remedy::RollBack(image))]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![Just(Ending::Stop), Just(Ending::Cancel), Just(Ending::Force)]
}

fn pace() -> impl Strategy<Value = Pace> {
    let counted = prop_oneof![Just(Counted::Notified), Just(Counted::Succeeded)];
    prop_oneof![
        Just(Pace::Unbounded),
        (1_u32..200).prop_map(|per_minute| Pace::Constant { per_minute }),
        (1_u32..20, 101_u32..1000, 1_u64..10, counted).prop_map(
            |(base, factor_hundredths, every, counted)| {
                Pace::Exponential { base, factor_hundredths, every, counted, at_most: base * 20 }
            }
        ),
    ]
}

fn stop_rule() -> impl Strategy<Value = StopRule> {
    let on =
        prop_oneof![Just(BadEnd::Failed), Just(BadEnd::Rejected), Just(BadEnd::TimedOut), Just(BadEnd::Any)];
    (on, share(), 1_u64..20, remedy()).prop_map(|(on, share, sample, then)| StopRule {
        on,
        share,
        sample,
        then,
    })
}

fn wave() -> impl Strategy<Value = (u64, NewWave)> {
    let devices = prop_oneof![Just(0_u64), 1_u64..40];
    (devices, share(), proptest::option::of(share()), any::<bool>()).prop_map(
        |(devices, success, failure, pauses)| {
            let after = if pauses { AfterSuccess::Pause } else { AfterSuccess::Next };
            (devices, NewWave { success, failure, after, ..plain::wave(devices) })
        },
    )
}

fn draft() -> impl Strategy<Value = (NewRollout, Vec<u64>)> {
    let waves = proptest::collection::vec(wave(), 1..5);
    let in_flight = proptest::option::of(1_u64..20);
    let stops = proptest::collection::vec(stop_rule(), 0..3);
    let canary = proptest::option::of((share(), 1_u64..10, remedy()));
    let end = proptest::option::of((1_u64..3_600_000, ending()));
    let start = proptest::option::of(0_u64..600_000);
    (waves, pace(), in_flight, stops, canary, end, start).prop_map(
        |(waves, pace, limit, stops, canary, end, start)| {
            let (sizes, waves) = waves.into_iter().unzip();
            let confidence = Share::percent(95).unwrap();
            let draft = NewRollout {
                waves,
                pace,
                in_flight: limit.map(|limit| InFlight { limit, lease_ms: 60_000 }),
                stops,
                canary: canary.map(|(margin, sample, then)| Canary { margin, confidence, sample, then }),
                end: end.map(|(at, then)| End { at: Time(at), then }),
                start_at: start.map(Time),
                ..plain::draft()
            };
            (draft, sizes)
        },
    )
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        4 => Just(Place::Succeeded),
        1 => Just(Place::Failed),
        1 => Just(Place::Rejected),
        1 => Just(Place::TimedOut),
        1 => Just(Place::NotCompatible),
        1 => Just(Place::Cancelled),
        1 => Just(Place::Deferred),
    ]
}

fn asked() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => Just(Command::Resume),
        4 => Just(Command::Start),
        2 => Just(Command::Pause),
        2 => Just(Command::Next),
        1 => ending().prop_map(Command::Stop),
        1 => Just(Command::Remove),
    ]
}

fn happening(commands: u32) -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1_u64..200_000).prop_map(Happening::Pass),
        6 => (0_usize..5, 1_u64..20, place()).prop_map(|(w, n, p)| Happening::Members(w, n, p)),
        2 => (0_usize..5, 1_u64..20).prop_map(|(w, n)| Happening::Back(w, n)),
        1 => (0_usize..5, 1_u64..5).prop_map(|(w, n)| Happening::Leases(w, n)),
        commands => asked().prop_map(Happening::Asked),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_bounds_hold(
        (draft, sizes) in draft(),
        most in prop_oneof![Just(u64::MAX), 1_u64..10],
        happenings in proptest::collection::vec(happening(3), 1..60),
    ) {
        let mut world = World::new(&draft, &sizes, most);
        world.go();
        world.happen(&Happening::Asked(Command::Start));
        for happening in &happenings {
            world.happen(happening);
            prop_assert_eq!(world.counted(), sizes.clone());
        }
    }

    #[test]
    fn a_rollout_whose_devices_all_answer_comes_to_an_end(
        (draft, sizes) in draft(),
        places in proptest::collection::vec(place(), 1..20),
    ) {
        let mut world = World::new(&draft, &sizes, u64::MAX);
        world.go();
        world.happen(&Happening::Asked(Command::Start));
        // Each round is a minute and reaches a device at least, unless an operator has to say something.
        for round in 0..2_000 {
            if !matches!(world.rollout.status, Status::Ready | Status::Running | Status::Stopping) {
                break;
            }
            world.happen(&Happening::Pass(60_000));
            for wave in 0..sizes.len() {
                let place = places[(round + wave) % places.len()];
                // Who was put off every time would never end.
                let place = if round > 100 && place == Place::Deferred { Place::Succeeded } else { place };
                world.happen(&Happening::Members(wave, u64::MAX, place));
                world.happen(&Happening::Back(wave, u64::MAX));
            }
        }
        let status = world.rollout.status;
        let paused = status == Status::Paused && !matches!(world.rollout.cause, None | Some(Cause::Operator(_)));
        prop_assert!(paused || matches!(status, Status::Finished | Status::Stopped), "{:?}", status);
    }
}

#[test]
fn a_constant_pace_does_not_drift_in_a_day_of_odd_moments() {
    for (per_minute, step_ms) in
        [(1, 61_003), (7, 997), (119, 1), (59_999, 37), (60_001, 1009), (1000, 8_999)]
    {
        let draft =
            NewRollout { pace: Pace::Constant { per_minute }, waves: vec![plain::wave(1)], ..plain::draft() };
        let (mut rollout, mut waves) = plain::ready(draft, &[u64::from(u32::MAX)]);
        command(&mut rollout, &mut waves, &Command::Start, "ann", Time(0)).unwrap();
        let day_ms = if step_ms < 10 { 3_600_000 } else { 86_400_000 };
        let mut now = Time(0);
        while now.0 <= day_ms {
            for take in advance(&mut rollout, &mut waves, u64::MAX, now).take {
                waves[0].tally.shift_many(take.devices);
            }
            now = now.plus_ms(step_ms);
        }
        let last = now.0 - step_ms;
        // The first one did not wait, and what is not enough for a device stays.
        let due = 1 + last * u64::from(per_minute) / 60_000;
        let allowed = if per_minute == 1 { last / step_ms + 1 } else { due };
        assert_eq!(waves[0].tally.active, allowed, "{per_minute} a minute, each {step_ms} ms");
    }
}

trait ShiftMany {
    fn shift_many(&mut self, devices: u64);
}

impl ShiftMany for Tally {
    fn shift_many(&mut self, devices: u64) {
        self.waiting -= devices;
        self.active += devices;
    }
}
