//! The grammar of `updraft rollout`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::Number;

use super::{image, moment, release};
use crate::http::wire::{
    AfterBody, BadEndBody, CanaryBody, CountedBody, EndingBody, ModeBody, NewWaveBody, PaceBody, RemedyBody,
    SpanBody, StopRuleBody,
};

/// `rollout`
#[derive(Debug, Subcommand)]
pub enum Rollout {
    /// Make a rollout: an image or a release brought to many devices, wave by wave.
    Create(Box<NewRollout>),
    /// Play a rollout through without making it: who would get what and when, when it would end or stop.
    Plan(Box<PlannedRollout>),
    /// List rollouts, newest first.
    List {
        /// Stop after this many; 0 lists all.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a rollout and its waves.
    Show {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// Follow it until it ends.
        #[arg(long)]
        watch: bool,
    },
    /// Start it, at once or as soon as it is ready.
    Start {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// Follow it until it ends.
        #[arg(long)]
        watch: bool,
    },
    /// Take no device on for now; what is under way goes on.
    Pause {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
    },
    /// Go on after a pause.
    Resume {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
    },
    /// End it.
    Stop {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// What happens to what is under way.
        #[arg(long, value_enum, default_value_t = Ending::Stop)]
        ending: Ending,
    },
    /// Agree to a rollout that waits for it.
    Approve {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// What is said about it.
        #[arg(long)]
        remark: Option<String>,
    },
    /// Do not agree to a rollout that waits for it.
    Deny {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// What is said about it.
        #[arg(long)]
        remark: Option<String>,
    },
    /// Begin the next wave, whatever the ones before came to.
    Next {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
    },
    /// Make a rollout on the same terms for the devices that ended badly.
    Retry {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// Start it too.
        #[arg(long)]
        start: bool,
    },
    /// Call it otherwise.
    #[command(group(ArgGroup::new("names").args(["name", "description"]).required(true).multiple(true)))]
    Rename {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        /// What people say about it.
        #[arg(long)]
        description: Option<String>,
    },
    /// Remove it; what is under way goes on.
    Remove {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
    },
    /// Say why it stands where it stands: its gates, rules and bounds with their numbers.
    Explain {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// Say of a device as well why it has, or has not, what the rollout brings.
        #[arg(long, value_name = "DEVICE")]
        device: Option<String>,
    },
    /// List its devices and where they are.
    Devices {
        /// The rollout.
        #[arg(value_parser = rollout)]
        id: u32,
        /// Only those of a wave.
        #[arg(long, value_name = "N")]
        wave: Option<u16>,
        /// Only those at a place, such as `failed`.
        #[arg(long)]
        place: Option<String>,
    },
}

/// `rollout create`. A flag goes before what the file says.
#[derive(Debug, Clone, Default, Args)]
pub struct NewRollout {
    /// What people call it.
    #[arg(required_unless_present = "file")]
    pub name: Option<String>,
    /// The request of the API, as JSON; `-` reads the standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// What people say about it.
    #[arg(long)]
    pub description: Option<String>,
    /// The image.
    #[arg(long, value_name = "N", value_parser = image)]
    pub image: Option<u32>,
    /// The release.
    #[arg(long, value_name = "N", value_parser = release)]
    pub release: Option<u32>,
    /// To the devices that match, such as `product==lamp;tag==kitchen`.
    #[arg(long, value_name = "RSQL")]
    pub filter: Option<String>,
    /// To the devices of a product.
    #[arg(long)]
    pub product: Option<String>,
    /// To this device; may be repeated.
    #[arg(long = "device", value_name = "DEVICE")]
    pub devices: Vec<String>,
    /// To the devices in a file, one id on a line; `-` reads the standard input.
    #[arg(long, value_name = "FILE")]
    pub devices_from: Option<PathBuf>,
    /// To this part of them only.
    #[arg(long, value_name = "P", value_parser = percent)]
    pub percent: Option<Number>,
    /// Which part, and who comes first.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Also to devices that come to match later.
    #[arg(long)]
    pub continuous: bool,
    /// A wave; may be repeated, in order: `10%`, `100` or `rest`, then `,success=95`, `,failure=5`, `,pause`,
    /// `,consent`, `,name=TEXT`, and last `,filter=RSQL`.
    #[arg(long = "wave", value_name = "SIZE[,...]", value_parser = wave)]
    pub waves: Vec<NewWaveBody>,
    /// So many waves of the same size.
    #[arg(long = "waves", value_name = "N", conflicts_with = "waves")]
    pub wave_count: Option<u16>,
    /// A wave has succeeded once at least this part runs the target [default: 100].
    #[arg(long, value_name = "P", value_parser = percent)]
    pub success: Option<Number>,
    /// A wave has failed once more than this part ended badly [default: never].
    #[arg(long, value_name = "P", value_parser = percent)]
    pub failure: Option<Number>,
    /// At most so many devices a minute.
    #[arg(long, value_name = "N", conflicts_with = "pace")]
    pub per_minute: Option<u32>,
    /// A growing pace: `BASE:FACTOR:EVERY:MAX`, then perhaps `:succeeded`.
    #[arg(long, value_name = "PACE", value_parser = pace)]
    pub pace: Option<PaceBody>,
    /// At most so many devices at once.
    #[arg(long, value_name = "N")]
    pub in_flight: Option<u64>,
    /// How long a silent device counts among these, such as `30m` [default: 1h].
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "in_flight")]
    pub lease: Option<u64>,
    /// How many times a failed device is tried again.
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// How long after its first failure, twice as long after each further one [default: 1m].
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "retries")]
    pub backoff: Option<u64>,
    /// When it starts by itself, such as 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub start_at: Option<Timestamp>,
    /// When it ends in any case.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub end_at: Option<Timestamp>,
    /// What then happens to what is under way [default: stop].
    #[arg(long, value_enum, requires = "end_at")]
    pub at_end: Option<Ending>,
    /// When devices may install, as a Quartz cron expression such as `0 0 2 * * ?`.
    #[arg(long, value_name = "CRON", requires = "window_for")]
    pub window: Option<String>,
    /// How long each opening lasts, `HH:mm:ss`.
    #[arg(long, value_name = "TIME", requires = "window")]
    pub window_for: Option<String>,
    /// The window's offset from UTC, or `device` for the device's own [default: +00:00].
    #[arg(long, value_name = "OFFSET", requires = "window", allow_hyphen_values = true)]
    pub window_zone: Option<String>,
    /// Which of a device's actions comes first, 0 to 1000 [default: 1000].
    #[arg(long, value_name = "N")]
    pub weight: Option<u64>,
    /// How hard it presses [default: forced].
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Since when it presses, for `--mode time-forced`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub force_at: Option<Timestamp>,
    /// Somebody at the device has to agree first.
    #[arg(long)]
    pub consent: bool,
    /// Devices may fetch before their window opens, and install once it is open.
    #[arg(long)]
    pub prefetch: bool,
    /// How long a device may take to its first sign; 0 is for ever [default: 24h].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub first_sign: Option<u64>,
    /// How long it may take for each step after that; 0 is for ever [default: 1h].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub step: Option<u64>,
    /// How long it may take in all; 0 is for ever [default: 7d].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub total: Option<u64>,
    /// Stop by itself: `failed|rejected|timed-out|any:PERCENT[:SAMPLE[:pause|cancel|roll-back=IMAGE]]`; may be
    /// repeated.
    #[arg(long, value_name = "RULE", value_parser = stop_rule)]
    pub stop_on: Vec<StopRuleBody>,
    /// Hold the first wave against the others: `MARGIN[:CONFIDENCE[:SAMPLE[:pause|cancel|roll-back=IMAGE]]]`.
    #[arg(long, value_name = "RULE", value_parser = canary)]
    pub canary: Option<CanaryBody>,
    /// Also to devices that run something newer.
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Start it as soon as it is ready.
    #[arg(long, conflicts_with = "start_at")]
    pub start: bool,
}

/// What happens to open actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ending {
    /// They go on.
    Stop,
    /// They are cancelled, and devices are asked to let go.
    Cancel,
    /// They are cancelled without waiting for the devices.
    Force,
}

impl From<Ending> for EndingBody {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Stop => EndingBody::Stop,
            Ending::Cancel => EndingBody::Cancel,
            Ending::Force => EndingBody::Force,
        }
    }
}

/// How hard it presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Install at once.
    Forced,
    /// The device chooses its moment.
    Soft,
    /// Soft until `--force-at`, forced from then on.
    TimeForced,
    /// Fetch, and do not install.
    DownloadOnly,
}

impl From<Mode> for ModeBody {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Forced => ModeBody::Forced,
            Mode::Soft => ModeBody::Soft,
            Mode::TimeForced => ModeBody::TimeForced,
            Mode::DownloadOnly => ModeBody::DownloadOnly,
        }
    }
}

fn rollout(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "a rollout is a number such as 1, see `updraft rollout list`")
}

/// `12.5` or `12.5%`; how far it may go is the server's to say.
fn percent(text: &str) -> Result<Number, &'static str> {
    let text = text.strip_suffix('%').unwrap_or(text);
    text.parse().map_err(|_| "it has to be a percentage such as 12.5")
}

/// Seconds: `90`, `30s`, `15m`, `24h` or `7d`.
fn duration(text: &str) -> Result<u64, &'static str> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1_u64));
    let number: Option<u64> = number.parse().ok();
    number.and_then(|n| n.checked_mul(seconds)).ok_or("it has to be a time such as 30s, 15m, 24h or 7d")
}

fn wave(text: &str) -> Result<NewWaveBody, String> {
    let (size, mut rest) = text.split_once(',').unwrap_or((text, ""));
    let mut wave = NewWaveBody::default();
    match (size, size.strip_suffix('%')) {
        ("rest", _) => wave.rest = true,
        (_, Some(part)) => wave.percent = Some(percent(part)?),
        (count, None) => {
            let bad = |_| format!("a wave has `10%`, `100` or `rest` of the devices, not {count:?}");
            wave.devices = Some(count.parse().map_err(bad)?);
        }
    }
    while !rest.is_empty() {
        // A filter has commas of its own.
        if let Some(query) = rest.strip_prefix("filter=") {
            wave.filter = Some(query.into());
            break;
        }
        let (word, more) = rest.split_once(',').unwrap_or((rest, ""));
        match word.split_once('=').unwrap_or((word, "")) {
            ("success", value) => wave.success_percent = Some(percent(value)?),
            ("failure", value) => wave.failure_percent = Some(percent(value)?),
            ("name", value) => wave.name = Some(value.into()),
            ("description", value) => wave.description = Some(value.into()),
            ("pause", "") => wave.after = Some(AfterBody::Pause),
            ("consent", "") => wave.consent = Some(true),
            ("no-consent", "") => wave.consent = Some(false),
            _ => {
                return Err(format!(
                    "a wave has no {word:?}; `updraft rollout create --help` says what it has"
                ));
            }
        }
        rest = more;
    }
    Ok(wave)
}

fn pace(text: &str) -> Result<PaceBody, String> {
    let bad = || "a pace is `BASE:FACTOR:EVERY:MAX`, such as 50:1.5:100:1000".to_owned();
    let words: Vec<&str> = text.split(':').collect();
    let (base, factor, every, most, count) = match words[..] {
        [base, factor, every, most] | [base, factor, every, most, "notified"] => {
            (base, factor, every, most, CountedBody::Notified)
        }
        [base, factor, every, most, "succeeded"] => (base, factor, every, most, CountedBody::Succeeded),
        _ => return Err(bad()),
    };
    Ok(PaceBody {
        per_minute: None,
        base_per_minute: Some(base.parse().map_err(|_| bad())?),
        factor: Some(factor.parse().map_err(|_| bad())?),
        every: Some(every.parse().map_err(|_| bad())?),
        count: Some(count),
        max_per_minute: Some(most.parse().map_err(|_| bad())?),
    })
}

fn stop_rule(text: &str) -> Result<StopRuleBody, String> {
    let words: Vec<&str> = text.split(':').collect();
    let [on, share, ref rest @ ..] = words[..] else {
        return Err("a rule is such as any:5%:100:pause".into());
    };
    let on = match on {
        "failed" => BadEndBody::Failed,
        "rejected" => BadEndBody::Rejected,
        "timed-out" => BadEndBody::TimedOut,
        "any" => BadEndBody::Any,
        other => return Err(format!("{other:?} is not failed, rejected, timed-out or any")),
    };
    let Remedied { min_sample, then, image } = sample_and_remedy(rest)?;
    Ok(StopRuleBody { on, percent: percent(share)?, min_sample, then, image })
}

fn canary(text: &str) -> Result<CanaryBody, String> {
    let words: Vec<&str> = text.split(':').collect();
    let (margin, rest) = words.split_first().ok_or("a canary is such as 2:95:100:pause")?;
    let confidence_percent = rest.first().map(|text| percent(text)).transpose()?;
    let Remedied { min_sample, then, image } = sample_and_remedy(rest.get(1..).unwrap_or_default())?;
    Ok(CanaryBody { margin_percent: percent(margin)?, confidence_percent, min_sample, then, image })
}

/// What stands at the end of a rule.
#[derive(Default)]
struct Remedied {
    min_sample: Option<u64>,
    then: Option<RemedyBody>,
    image: Option<u32>,
}

fn sample_and_remedy(words: &[&str]) -> Result<Remedied, String> {
    let (sample, then) = match *words {
        [] => return Ok(Remedied::default()),
        [sample] => (sample, None),
        [sample, then] => (sample, Some(then)),
        _ => return Err("nothing follows `pause`, `cancel` or `roll-back=IMAGE`".into()),
    };
    let min_sample = Some(sample.parse().map_err(|_| "the sample is a number such as 100")?);
    let (then, image) = match then.map(|text| text.split_once('=').unwrap_or((text, ""))) {
        None => (None, None),
        Some(("pause", "")) => (Some(RemedyBody::Pause), None),
        Some(("cancel", "")) => (Some(RemedyBody::Cancel), None),
        Some(("roll-back", id)) => (Some(RemedyBody::RollBack), Some(image(id)?)),
        Some((other, _)) => return Err(format!("{other:?} is not pause, cancel or roll-back=IMAGE")),
    };
    Ok(Remedied { min_sample, then, image })
}

/// `rollout plan`: the rollout, and what devices are said to do.
#[derive(Debug, Clone, Default, Args)]
pub struct PlannedRollout {
    /// The rollout, as `rollout create` takes it.
    #[command(flatten)]
    pub new: NewRollout,
    /// The part of the tries that fail [default: 0].
    #[arg(long, value_name = "P", value_parser = percent)]
    pub fail: Option<Number>,
    /// The part of the tries of which nothing is heard after the first sign [default: 0].
    #[arg(long, value_name = "P", value_parser = percent)]
    pub silent: Option<Number>,
    /// The part of the devices that are away at the start [default: 0].
    #[arg(long, value_name = "P", value_parser = percent)]
    pub away: Option<Number>,
    /// From the command to a device's first sign [default: 1s..1m].
    #[arg(long, value_name = "TIME..TIME", value_parser = span)]
    pub sign: Option<SpanBody>,
    /// From the first sign to the end [default: 30s..10m].
    #[arg(long, value_name = "TIME..TIME", value_parser = span)]
    pub install: Option<SpanBody>,
    /// How long a device that is away stays away [default: 1m..1d].
    #[arg(long, value_name = "TIME..TIME", value_parser = span)]
    pub back: Option<SpanBody>,
    /// For how long the fleet is watched [default: 30d].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub horizon: Option<u64>,
    /// Another number is another fleet [default: 0].
    #[arg(long, value_name = "N")]
    pub model_seed: Option<u64>,
    /// List every device too.
    #[arg(long)]
    pub list_devices: bool,
}

/// `1s..1m`
fn span(text: &str) -> Result<SpanBody, &'static str> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    Ok(SpanBody { least_s: duration(least)?, most_s: duration(most)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn json<T: serde::Serialize>(value: Result<T, String>) -> String {
        value.map_or_else(|error| error, |value| serde_json::to_string(&value).unwrap())
    }

    #[test]
    fn waves_rules_and_paces_are_read() {
        let table = [
            (json(wave("10%,success=95,pause")), r#"{"percent":10,"success_percent":95,"after":"pause"}"#),
            (json(wave("rest,filter=a==b,c==d")), r#"{"rest":true,"filter":"a==b,c==d"}"#),
            (json(wave("5,name=first")), r#"{"name":"first","devices":5}"#),
            (json(wave("many")), "a wave has `10%`, `100` or `rest` of the devices, not \"many\""),
            (
                json(stop_rule("any:2.5%:50:cancel")),
                r#"{"on":"any","percent":2.5,"min_sample":50,"then":"cancel"}"#,
            ),
            (
                json(stop_rule("failed:10:1:roll-back=3")),
                r#"{"on":"failed","percent":10,"min_sample":1,"then":"roll-back","image":3}"#,
            ),
            (json(stop_rule("late:1")), "\"late\" is not failed, rejected, timed-out or any"),
            (json(canary("2:99")), r#"{"margin_percent":2,"confidence_percent":99}"#),
            (
                json(pace("50:1.5:100:1000:succeeded")),
                r#"{"base_per_minute":50,"factor":1.5,"every":100,"count":"succeeded","max_per_minute":1000}"#,
            ),
        ];
        for (found, expected) in table {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_duration_has_a_unit_or_is_in_seconds() {
        let table =
            [("90", Ok(90)), ("30s", Ok(30)), ("15m", Ok(900)), ("24h", Ok(86_400)), ("7d", Ok(604_800))];
        for (text, expected) in table {
            assert_eq!(duration(text), expected, "{text}");
        }
        assert!(duration("soon").is_err() && duration("h").is_err() && duration("-1s").is_err());
    }
}
