//! Rollouts told as stories: each file beside this one is a script of what happens and what comes of it.
//!
//! A line at the margin happens; the indented lines below it are everything that the core makes of it, and of the
//! moments that it asked to be woken at. With `UPDATE_STORIES=1` they are written anew, to be read before they are
//! committed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use updraft::domain::ids::{ImageId, Time};
use updraft::domain::rollout::{
    Advance, AfterSuccess, BadEnd, Canary, Command, Counted, End, Ending, InFlight, NewRollout, NewWave,
    Pace, Place, Remedy, Rollout, Size, Status, StopRule, Wave, advance, check, command,
};

use super::plain;

#[test]
fn every_rollout_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rollouts");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "rollout"));
    files.sort();
    assert!(files.len() >= 12, "the stories are missing");
    for file in files {
        let written = fs::read_to_string(&file).unwrap();
        let played = play(&written);
        if std::env::var_os("UPDATE_STORIES").is_some() {
            fs::write(&file, &played).unwrap();
            continue;
        }
        assert_eq!(written, played, "{}", file.display());
    }
}

/// Plays the lines at the margin and writes what comes of each below it.
fn play(script: &str) -> String {
    let mut world = World::new();
    let mut out = String::new();
    for line in script.lines().filter(|line| !line.starts_with("    ")) {
        out.push_str(line);
        out.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        world.line(line);
        for said in world.said.drain(..) {
            writeln!(out, "    {said}").unwrap();
        }
    }
    out
}

/// One rollout, and an engine for it that keeps only numbers.
struct World {
    now: Time,
    draft: NewRollout,
    most: u64,
    made: Option<(Rollout, Vec<Wave>)>,
    wake: Option<Time>,
    said: Vec<String>,
}

impl World {
    fn new() -> Self {
        World {
            now: Time(0),
            draft: plain::draft(),
            most: u64::MAX,
            made: None,
            wake: None,
            said: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["rollout", words @ ..] => words.iter().for_each(|word| self.term(word)),
            ["wave", number, "joined", "by", devices] => self.join(number, devices.parse().unwrap()),
            ["wave", words @ ..] => self.draft.waves.push(wave(words)),
            ["made"] => self.make(Status::Ready),
            ["made", "to", "be", "approved"] => self.make(Status::WaitingForApproval),
            ["most", devices] => self.most = devices.parse().unwrap(),
            ["at", moment] => self.wait_until(moment_of(moment)),
            [number, ":", devices, what @ ..] => self.members(number, devices.parse().unwrap(), what),
            ["stands"] => self.stands(),
            words => self.command(&command_of(words)),
        }
    }

    fn term(&mut self, word: &str) {
        let draft = &mut self.draft;
        match word.split_once('=') {
            None if word == "continuous" => draft.selection.continuous = true,
            Some(("pace", pace)) => draft.pace = pace_of(pace),
            Some(("in-flight", limit)) => {
                draft.in_flight = Some(InFlight { limit: limit.parse().unwrap(), lease_ms: 60_000 });
            }
            Some(("starts", moment)) => draft.start_at = Some(moment_of(moment)),
            Some(("ends", text)) => {
                let (moment, then) = text.split_once(',').unwrap();
                draft.end = Some(End { at: moment_of(moment), then: ending_of(then) });
            }
            Some(("stop", rule)) => draft.stops.push(rule_of(rule)),
            Some(("canary", text)) => draft.canary = Some(canary_of(text)),
            None | Some(_) => panic!("no such term: {word}"),
        }
    }

    fn make(&mut self, status: Status) {
        if let Err(fault) = check(&self.draft, self.now) {
            self.said.push(format!("refused: {} {}", fault.field, fault.reason));
            return;
        }
        let sizes: Vec<_> = self.draft.waves.iter().map(size_of).collect();
        let (mut rollout, waves) = plain::ready(self.draft.clone(), &sizes);
        rollout.status = status;
        self.made = Some((rollout, waves));
        self.go();
    }

    /// Time passes, and the core is woken when it asked for it.
    fn wait_until(&mut self, moment: Time) {
        while let Some(wake) = self.wake.filter(|wake| *wake <= moment) {
            self.now = wake;
            self.go();
        }
        self.now = moment;
        self.go();
    }

    /// Devices of a wave come to stand elsewhere.
    fn members(&mut self, number: &str, devices: u64, what: &[&str]) {
        let (rollout, waves) = self.made.as_mut().unwrap();
        let wave = waves.iter_mut().find(|wave| wave.number.to_string() == number).unwrap();
        let leased = rollout.in_flight.is_some();
        let (from, to) = match what {
            ["succeed"] => (Place::Active, Place::Succeeded),
            ["fail"] => (Place::Active, Place::Failed),
            ["refuse"] => (Place::Active, Place::Rejected),
            ["time", "out"] => (Place::Active, Place::TimedOut),
            ["cannot", "take", "it"] => (Place::Active, Place::NotCompatible),
            ["are", "called", "off"] => (Place::Active, Place::Cancelled),
            ["are", "put", "off"] => (Place::Active, Place::Deferred),
            ["come", "back"] => (Place::Deferred, Place::Waiting),
            ["fall", "silent"] => (Place::Active, Place::Active),
            what => panic!("no such thing: {what:?}"),
        };
        for _ in 0..devices {
            assert!(*wave.tally.at(from) > 0, "no device of wave {number} is {}", from.name());
            wave.tally.shift(Some(from), to);
        }
        if leased && from == Place::Active {
            wave.tally.leased = wave.tally.leased.saturating_sub(devices);
        }
        self.go();
    }

    fn join(&mut self, number: &str, devices: u64) {
        let (_, waves) = self.made.as_mut().unwrap();
        let wave = waves.iter_mut().find(|wave| wave.number.to_string() == number).unwrap();
        assert!(wave.continuous, "wave {number} does not grow");
        wave.tally.waiting += devices;
        self.go();
    }

    fn command(&mut self, asked: &Command) {
        let (mut rollout, mut waves) = self.made.clone().unwrap();
        match command(&mut rollout, &mut waves, asked, "ann", self.now) {
            Ok(consequence) => {
                self.change(rollout, waves);
                self.said.extend(consequence.withdraw.map(|how| format!("withdraws: {how:?}")));
                self.said.extend(consequence.tell.then(|| "tells those held back".to_owned()));
                self.go();
            }
            Err(refusal) => self.said.push(format!("refused: {refusal}")),
        }
    }

    /// Calls the core until there is no more for it to do, as the engine does.
    fn go(&mut self) {
        let Some((mut rollout, mut waves)) = self.made.clone() else { return };
        let done = advance(&mut rollout, &mut waves, self.most, self.now);
        self.tell(&done);
        self.change(rollout, waves);
        self.take(&done);
        let (rollout, waves) = self.made.as_mut().unwrap();
        if done.wake == Some(self.now) {
            assert!(!done.take.is_empty(), "it asks to be woken at once, and took nobody on");
            return self.go();
        }
        let again = advance(rollout, waves, self.most, self.now);
        assert_eq!(again, Advance { wake: again.wake, ..Advance::default() }, "not done at {}", at(self.now));
        self.wake = again.wake;
    }

    fn tell(&mut self, done: &Advance) {
        self.said.extend(done.withdraw.map(|how| format!("withdraws: {how:?}")));
        self.said.extend(done.tell.then(|| "tells those held back".to_owned()));
        self.said.extend(done.roll_back.map(|image| format!("rolls back to image {image}")));
    }

    fn take(&mut self, done: &Advance) {
        let (rollout, waves) = self.made.as_mut().unwrap();
        for take in &done.take {
            let tally = &mut waves[usize::from(take.wave) - 1].tally;
            tally.waiting -= take.devices;
            tally.active += take.devices;
            tally.leased += if rollout.in_flight.is_some() { take.devices } else { 0 };
            self.said.push(format!("{} takes {} of wave {}", at(self.now), take.devices, take.wave));
        }
    }

    /// Says what stands elsewhere than before.
    fn change(&mut self, rollout: Rollout, waves: Vec<Wave>) {
        let (old, old_waves) = self.made.as_ref().unwrap();
        for (new, old) in waves.iter().zip(old_waves) {
            if new.status != old.status {
                let (number, from, to) = (new.number, old.status.name(), new.status.name());
                self.said.push(format!("{} wave {number}: {from} -> {to}", at(self.now)));
            }
            if new.passed != old.passed {
                self.said.push(format!("{} wave {} lets the next one begin", at(self.now), new.number));
            }
        }
        if rollout.status != old.status {
            let (from, to) = (old.status.name(), rollout.status.name());
            let cause = rollout.cause.as_ref().filter(|_| rollout.status != Status::Running);
            let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
            self.said.push(format!("{} rollout: {from} -> {to}{cause}", at(self.now)));
        }
        self.made = Some((rollout, waves));
    }

    fn stands(&mut self) {
        let (rollout, waves) = self.made.as_ref().unwrap();
        let wake = self.wake.map_or("only by others".to_owned(), |wake| format!("at {}", at(wake)));
        self.said.push(format!("{}, moves {wake}", rollout.status.name()));
        for wave in waves {
            let mut tally = wave.tally;
            let count = |place: Place| (*tally.at(place), place.name());
            let places: Vec<_> = Place::ALL.map(count).into_iter().filter(|(count, _)| *count > 0).collect();
            let places: Vec<_> = places.iter().map(|(count, name)| format!("{count} {name}")).collect();
            self.said.push(format!("wave {} {}: {}", wave.number, wave.status.name(), places.join(", ")));
        }
    }
}

fn command_of(words: &[&str]) -> Command {
    match words {
        ["start"] => Command::Start,
        ["pause"] => Command::Pause,
        ["resume"] => Command::Resume,
        ["next"] => Command::Next,
        ["remove"] => Command::Remove,
        ["approve", remark @ ..] => Command::Approve(Some(remark.join(" ").into())),
        ["deny", remark @ ..] => Command::Deny(Some(remark.join(" ").into())),
        ["rename", name] => Command::Rename { name: Some((*name).into()), description: None },
        ["stop", ending] => Command::Stop(ending_of(ending)),
        words => panic!("no such line: {words:?}"),
    }
}

/// `10 success=50% failure=10% pause`
fn wave(words: &[&str]) -> NewWave {
    let mut wave = plain::wave(words[0].parse().unwrap());
    // The text of a story says how many there are; a draft may have no wave that is meant to be empty.
    if wave.size == Size::Count(0) {
        wave.size = Size::Rest;
    }
    for word in &words[1..] {
        match word.split_once('=') {
            None if *word == "pause" => wave.after = AfterSuccess::Pause,
            Some(("success", share)) => wave.success = plain::share(share),
            Some(("failure", share)) => wave.failure = Some(plain::share(share)),
            None | Some(_) => panic!("no such word: {word}"),
        }
    }
    wave
}

fn size_of(wave: &NewWave) -> u64 {
    match wave.size {
        Size::Count(devices) => devices,
        Size::Rest | Size::Part(_) | Size::PartOfRest(_) => 0,
    }
}

/// `6` devices a minute, or `2,1.5,3,notified,60`: base, factor, every so many, of which, at most.
fn pace_of(text: &str) -> Pace {
    let words: Vec<&str> = text.split(',').collect();
    match words.as_slice() {
        [per_minute] => Pace::Constant { per_minute: per_minute.parse().unwrap() },
        [base, factor, every, counted, at_most] => Pace::Exponential {
            base: base.parse().unwrap(),
            factor_hundredths: u32::from(plain::share(factor).hundredths()),
            every: every.parse().unwrap(),
            counted: match *counted {
                "notified" => Counted::Notified,
                "succeeded" => Counted::Succeeded,
                other => panic!("no such criterion: {other}"),
            },
            at_most: at_most.parse().unwrap(),
        },
        other => panic!("no such pace: {other:?}"),
    }
}

/// `failed,20%,10,cancel`: what is counted, the part, the least sample, what then.
fn rule_of(text: &str) -> StopRule {
    let words: Vec<&str> = text.split(',').collect();
    let [on, share, sample, then] = words.as_slice() else { panic!("no such rule: {text}") };
    let on = match *on {
        "failed" => BadEnd::Failed,
        "rejected" => BadEnd::Rejected,
        "timed-out" => BadEnd::TimedOut,
        "any" => BadEnd::Any,
        other => panic!("no such end: {other}"),
    };
    StopRule { on, share: plain::share(share), sample: sample.parse().unwrap(), then: remedy_of(then) }
}

/// `5%,95%,20,pause`: margin, confidence, the least sample, what then.
fn canary_of(text: &str) -> Canary {
    let words: Vec<&str> = text.split(',').collect();
    let [margin, confidence, sample, then] = words.as_slice() else { panic!("no such canary: {text}") };
    let (margin, confidence) = (plain::share(margin), plain::share(confidence));
    Canary { margin, confidence, sample: sample.parse().unwrap(), then: remedy_of(then) }
}

fn remedy_of(text: &str) -> Remedy {
    match text.split_once(':') {
        None if text == "pause" => Remedy::Pause,
        None if text == "cancel" => Remedy::Cancel,
        Some(("back", image)) => Remedy::RollBack(ImageId::parse(image).unwrap()),
        None | Some(_) => panic!("no such remedy: {text}"),
    }
}

fn ending_of(text: &str) -> Ending {
    match text {
        "stop" => Ending::Stop,
        "cancel" => Ending::Cancel,
        "force" => Ending::Force,
        other => panic!("no such ending: {other}"),
    }
}

/// Minutes, or minutes and seconds: `5` or `5:30`.
fn moment_of(text: &str) -> Time {
    let (minutes, seconds) = text.split_once(':').unwrap_or((text, "0"));
    let seconds: f64 = seconds.parse().unwrap();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A story is short and goes forward.
    let ms = (seconds * 1000.0).round() as u64;
    Time(minutes.parse::<u64>().unwrap() * 60_000 + ms)
}

fn at(moment: Time) -> String {
    let (minutes, ms) = (moment.0 / 60_000, moment.0 % 60_000);
    match ms % 1000 {
        0 => format!("{minutes}:{:02}", ms / 1000),
        rest => format!("{minutes}:{:02}.{rest:03}", ms / 1000),
    }
}
