//! The words of the stories, read and written.

use std::collections::BTreeMap;

use updraft::domain::action::Action;
use updraft::domain::decide::{Note, Tell};
use updraft::domain::device::{AutoConfirm, Capabilities, Hardware};
use updraft::domain::event::{Configuration, Consent, Event, Hello, Mode, Report};
use updraft::domain::feedback::{Feedback, Finished, Progress, Word};
use updraft::domain::ids::{ActionId, AttributeId, FirmwareType, ProductId, Time};
use updraft::domain::offer::{HardwareMatch, Rules};
use updraft::domain::terms::{Force, Terms, Weight};
use updraft::domain::version::{Running, Version, VersionPattern};
use updraft::domain::window::Window;

pub fn device_event(what: &str, rest: &[&str]) -> Event {
    let fields: BTreeMap<&str, &str> = rest.iter().filter_map(|w| w.split_once('=')).collect();
    let versions = || {
        let kinds =
            fields.iter().filter_map(|(k, v)| Some((FirmwareType::new(k.parse().ok()?)?, running(v))));
        kinds.collect::<BTreeMap<_, _>>()
    };
    match what {
        "hello" => Event::Hello(Hello {
            seq: fields["seq"].parse().unwrap(),
            boot: fields.get("boot").map(|b| (*b).into()),
            product: fields.get("product").map(|p| ProductId::parse(p).unwrap()),
            hardware: fields.get("hw").map(|model| Hardware { model: (*model).into(), revision: None }),
            capabilities: fields.get("types").map(|types| Capabilities {
                types: types.split(',').map(kind_of).collect(),
                ..Capabilities::default()
            }),
            versions: versions(),
            attributes: BTreeMap::new(),
        }),
        "report" => {
            let seq = fields.get("seq").map(|s| s.parse().unwrap());
            Event::Report(Report { seq, versions: versions() })
        }
        "attr" => {
            let id = AttributeId::parse(rest[0]).unwrap();
            Event::Attribute { id, value: rest[1..].join(" ").into() }
        }
        "get" => Event::Get,
        "poll" => Event::Poll,
        "retrieved" => Event::Retrieved { action: ActionId::parse(rest[0]).unwrap() },
        "configure" => configure(rest),
        "confirms" | "denies" => {
            let details = rest[1..].iter().filter(|word| !word.contains('=')).map(|word| (*word).into());
            let code = fields.get("code").map(|code| code.parse().unwrap());
            let consent = Consent { agreed: what == "confirms", code, details: details.collect() };
            Event::Confirm { action: ActionId::parse(rest[0]).unwrap(), consent }
        }
        "auto-confirms" => {
            let (initiator, remark) = (Some(rest[0].into()), None);
            Event::AutoConfirm(Some(AutoConfirm { initiator, remark, since: Time(0) }))
        }
        "asks-again" => Event::AutoConfirm(None),
        "fetches" => Event::Fetching { action: ActionId::parse(rest[0]).unwrap(), what: rest[1].into() },
        "offline" => Event::Presence { online: false },
        "fb" => {
            let (action, feedback) = feedback(rest, &fields);
            Event::Feedback { action, feedback }
        }
        // At DDI an answer to a cancel has a path of its own.
        "ddi" => {
            let (action, feedback) = feedback(rest, &fields);
            Event::Feedback { action, feedback: Feedback { settles_cancel: false, ..feedback } }
        }
        "answer" => {
            let (action, feedback) = feedback(rest, &fields);
            Event::CancelAnswer { action, feedback }
        }
        other => panic!("no such event: {other}"),
    }
}

/// Words are the mode, then `name=value`, or `name` alone for one without a value.
fn configure(rest: &[&str]) -> Event {
    let mode = match rest[0] {
        "merge" => Mode::Merge,
        "replace" => Mode::Replace,
        "remove" => Mode::Remove,
        other => panic!("no such mode: {other}"),
    };
    let (mut numbered, mut named, mut versions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for word in &rest[1..] {
        let (name, value) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
        let id = AttributeId::parse(name);
        match (id, id.and_then(AttributeId::firmware_type)) {
            (_, Some(kind)) => drop(versions.insert(kind, running(value.unwrap()))),
            (Some(id), None) => drop(numbered.insert(id, value.map(Into::into))),
            (None, None) => drop(named.insert(name.into(), value.map(Into::into))),
        }
    }
    Event::Configure(Configuration { mode, numbered, named, hardware: None, versions })
}

fn feedback(rest: &[&str], fields: &BTreeMap<&str, &str>) -> (ActionId, Feedback) {
    let word = match rest[1] {
        "proceeding" => Word::Proceeding,
        "scheduled" => Word::Scheduled,
        "resumed" => Word::Resumed,
        "download" => Word::Download,
        "downloaded" => Word::Downloaded,
        "rejected" => Word::Rejected,
        "canceled" => Word::Canceled,
        "success" => Word::Closed(Finished::Success),
        "none" => Word::Closed(Finished::None),
        "failure" => Word::Closed(Finished::Failure),
        other => panic!("no such word: {other}"),
    };
    // A story gives a time to say "the same feedback again"; without one each line is a new one.
    let time = fields.get("time").map(|t| t.parse::<u64>().unwrap());
    let fingerprint = time.map_or_else(unique, |t| t * 100 + rest[1].len() as u64);
    let feedback = Feedback {
        word,
        code: fields.get("code").map(|c| c.parse().unwrap()),
        progress: fields.get("progress").map(|p| {
            let (done, of) = p.split_once('/').unwrap();
            Progress { done: done.parse().unwrap(), of: of.parse().unwrap() }
        }),
        details: fields.get("say").map(|s| (*s).into()).into_iter().collect(),
        time: time.map(Time),
        settles_cancel: true,
        fingerprint,
    };
    (ActionId::parse(rest[0]).unwrap(), feedback)
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn running(text: &str) -> Running {
    match text.split_once('#') {
        Some(("", number)) => Running::numbered(number.parse().unwrap()),
        Some((version, number)) => {
            Running { number: Some(number.parse().unwrap()), version: Version::parse(version) }
        }
        None => Running::named(Version::parse(text).unwrap()),
    }
}

pub fn kind_of(text: &str) -> FirmwareType {
    FirmwareType::new(text.parse().unwrap()).unwrap()
}

pub fn rules_of(words: &[&str]) -> Rules {
    let mut rules = Rules::default();
    for (key, value) in words.iter().filter_map(|w| w.split_once(':')) {
        match key {
            "from" => rules.compatible.push(VersionPattern::parse(value).unwrap()),
            "through" => rules.through.push(Version::parse(value).unwrap()),
            "opens" => rules.not_before = Some(Time(value.parse::<u64>().unwrap() * 60_000)),
            "closes" => rules.not_after = Some(Time(value.parse::<u64>().unwrap() * 60_000)),
            "hw" => rules.hardware.push(HardwareMatch { model: value.into(), revision: None }),
            other => panic!("no such rule: {other}"),
        }
    }
    rules
}

pub fn note(note: &Note, details: &[Box<str>]) -> String {
    let details = if details.is_empty() { String::new() } else { format!(": {}", details.join(", ")) };
    match note {
        Note::Created => format!("created{details}"),
        Note::Told => "told".into(),
        Note::Said(word) => format!("said {word:?}{details}"),
        Note::Retrieved => "retrieved".into(),
        Note::Fetching => "fetching".into(),
        Note::Confirmed => "confirmed".into(),
        Note::Denied => "denied".into(),
        Note::Forced => "forced".into(),
        Note::Answered(word) => format!("answered {word:?}{details}"),
        Note::Reported => format!("reported{details}"),
        Note::CancelAsked => "cancel asked".into(),
        Note::CancelEnded => "cancel ended".into(),
        Note::Superseded => "superseded".into(),
        Note::TimedOut(_) => format!("timed out{details}"),
        Note::Drift(word) => format!("drift {word:?}{details}"),
    }
}

pub fn tell(tell: &Tell) -> String {
    match tell {
        Tell::Desired { seq, actions } => {
            let part = |a: &Action| {
                let parts = a.components.iter().map(|c| format!("{}={}#{}", c.kind, c.version, c.number));
                format!("{}: {}", a.id, parts.collect::<Vec<_>>().join(" "))
            };
            format!("tell desired {seq} [{}]", actions.iter().map(part).collect::<Vec<_>>().join(", "))
        }
        Tell::Command { order, action, attempt } => {
            let action = action.map_or(String::new(), |a| format!(" action {a} attempt {attempt}"));
            format!("tell {order:?}{action}")
        }
    }
}

/// Minutes since 1970, or a moment of RFC 3339.
pub fn moment_of(text: &str) -> Time {
    match text.parse::<jiff::Timestamp>() {
        Ok(stamp) => Time(u64::try_from(stamp.as_millisecond()).unwrap()),
        Err(_) => Time(text.parse::<u64>().unwrap() * 60_000),
    }
}

/// `forced`, `soft`, `download-only` or `from:<moment>`, `consent`, `weight:<number>`, how many minutes the device may be
/// silent (`first:`, `step:`, `total:`) and `window:<schedule>` of an hour
/// in UTC, with `_` for blanks, or in the `zone:` that follows; `prefetch`.
pub fn terms_of(words: &[&str], now: Time) -> Terms {
    let mut terms = Terms::default();
    for word in words {
        match word.split_once(':') {
            None if *word == "forced" => terms.force = Force::Forced,
            None if *word == "soft" => terms.force = Force::Soft,
            None if *word == "download-only" => terms.force = Force::DownloadOnly,
            None if *word == "prefetch" => terms.prefetch = true,
            None if *word == "consent" => terms.consent = true,
            Some(("from", moment)) => terms.force = Force::From(moment_of(moment)),
            Some(("first", minutes)) => terms.timeouts.first_ms = Some(moment_of(minutes).0),
            Some(("step", minutes)) => terms.timeouts.step_ms = Some(moment_of(minutes).0),
            Some(("total", minutes)) => terms.timeouts.total_ms = Some(moment_of(minutes).0),
            Some(("weight", number)) => terms.weight = Weight::new(number.parse().unwrap()).unwrap(),
            Some(("zone", zone)) => {
                let window = terms.window.take().unwrap();
                terms.window = Some(Window::parse(&window.schedule, "01:00:00", zone, now).unwrap());
            }
            Some(("window", schedule)) => {
                let schedule = schedule.replace('_', " ");
                terms.window = Some(Window::parse(&schedule, "01:00:00", "+00:00", now).unwrap());
            }
            None | Some(_) => panic!("no such term: {word}"),
        }
    }
    terms
}
