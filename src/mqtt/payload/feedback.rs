//! Feedback in hawkBit DDI's words (DDI API, `POST .../deploymentBase/{actionId}/feedback`).

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::value::Value;
use super::{PayloadError, read};
use crate::domain::device::Format;
use crate::domain::feedback::{DETAILS_MAX, Feedback, Finished, Progress, Word};
use crate::domain::ids::{ActionId, Time};

/// From this number on a time is in milliseconds: as seconds it would lie in the year 5138.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

#[derive(Deserialize)]
pub(super) struct FeedbackWire {
    id: Option<Value>,
    time: Option<Value>,
    timestamp: Option<Value>,
    status: StatusWire,
}

#[derive(Deserialize)]
struct StatusWire {
    execution: String,
    code: Option<i32>,
    details: Option<Vec<String>>,
    result: Option<ResultWire>,
}

#[derive(Deserialize)]
struct ResultWire {
    finished: Option<String>,
    progress: Option<ProgressWire>,
}

#[derive(Deserialize)]
struct ProgressWire {
    cnt: Option<u32>,
    of: Option<u32>,
}

/// Reads the body of hawkBit's own door, which must say how it finished where MQTT lets it be left out.
///
/// # Errors
/// [`PayloadError`] says what is wrong.
pub fn ddi_feedback(action: ActionId, format: Format, body: &[u8]) -> Result<Feedback, PayloadError> {
    let wire: FeedbackWire = read(format, body)?;
    if wire.status.result.as_ref().is_none_or(|result| result.finished.is_none()) {
        return Err(PayloadError::Value("status.result.finished"));
    }
    let mut feedback = feedback(action, wire)?;
    feedback.fingerprint = exactly(&feedback);
    feedback.settles_cancel = false;
    Ok(feedback)
}

/// The feedback for `action`, which the topic names. An id in the body must name the same.
pub(super) fn feedback(action: ActionId, wire: FeedbackWire) -> Result<Feedback, PayloadError> {
    let own = u64::from(action.get());
    if wire.id.is_some_and(|id| id.number("id") != Ok(own)) {
        return Err(PayloadError::OtherAction);
    }
    let details = wire.status.details.unwrap_or_default();
    if details.len() > DETAILS_MAX {
        let (field, found) = ("status.details", details.len());
        return Err(PayloadError::TooMany { field, found, max: DETAILS_MAX });
    }
    let result = wire.status.result.unwrap_or(ResultWire { finished: None, progress: None });
    let finished = finished(result.finished.as_deref())?;
    let progress = result.progress.map(|p| Progress { done: p.cnt.unwrap_or(0), of: p.of.unwrap_or(0) });
    let word = word(&wire.status.execution, finished)?;
    let said = wire.time.or(wire.timestamp);
    let mut feedback = Feedback {
        word,
        code: wire.status.code,
        progress,
        details: details.into_iter().map(Into::into).collect(),
        time: said.as_ref().and_then(moment),
        settles_cancel: true,
        fingerprint: 0,
    };
    feedback.fingerprint = fingerprint(&feedback, finished, said);
    Ok(feedback)
}

/// `status.result.finished`; case does not matter, because clients in the field write it both ways.
fn finished(text: Option<&str>) -> Result<Finished, PayloadError> {
    let words = [("success", Finished::Success), ("failure", Finished::Failure), ("none", Finished::None)];
    match text {
        None => Ok(Finished::None),
        Some(text) => {
            let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
            found.map(|(_, finished)| *finished).ok_or(PayloadError::Value("status.result.finished"))
        }
    }
}

/// `status.execution`, with the result where the device is done.
fn word(text: &str, finished: Finished) -> Result<Word, PayloadError> {
    let words = [
        ("proceeding", Word::Proceeding),
        ("scheduled", Word::Scheduled),
        ("resumed", Word::Resumed),
        ("download", Word::Download),
        ("downloaded", Word::Downloaded),
        ("rejected", Word::Rejected),
        ("canceled", Word::Canceled),
        ("closed", Word::Closed(finished)),
    ];
    let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
    found.map(|(_, word)| *word).ok_or(PayloadError::Value("status.execution"))
}

/// A time in any of the ways that devices write it, in UTC; none when it cannot be read.
fn moment(said: &Value) -> Option<Time> {
    if let Ok(number) = said.number("time") {
        let ms = if number < MILLISECONDS_FROM { number * 1000 } else { number };
        return Some(Time(ms));
    }
    let Value::Text(text) = said else { return None };
    let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    u64::try_from(stamp.as_millisecond()).ok().map(Time)
}

/// Equal for a repeat, in whatever format: over what was said and when, or without a time over everything that was
/// said. A time that cannot be read still tells one message from another.
fn fingerprint(feedback: &Feedback, finished: Finished, said: Option<Value>) -> u64 {
    let mut sum = Sha256::new();
    sum.update([word_number(feedback.word), finished_number(finished)]);
    match (feedback.time, said) {
        (Some(Time(ms)), _) => sum.update(ms.to_be_bytes()),
        (None, Some(said)) => sum.update(said.into_text("time").unwrap_or_default().as_bytes()),
        (None, None) => everything(&mut sum, feedback),
    }
    first_bytes(sum)
}

/// Equal for a repeat that is the same in every part. Over HTTP whoever lost an answer sends the same body again, and
/// clients stamp several things that they say with the same second (SWUpdate).
fn exactly(feedback: &Feedback) -> u64 {
    let mut sum = Sha256::new();
    sum.update(feedback.fingerprint.to_be_bytes());
    everything(&mut sum, feedback);
    first_bytes(sum)
}

fn first_bytes(sum: Sha256) -> u64 {
    let sum: [u8; 32] = sum.finalize().into();
    u64::from_be_bytes(std::array::from_fn(|i| sum[i]))
}

fn everything(sum: &mut Sha256, feedback: &Feedback) {
    sum.update(feedback.code.map_or([0; 5], |code| with_one(code.to_be_bytes())));
    let progress = feedback.progress.map_or((0, 0), |p| (p.done, p.of));
    sum.update(progress.0.to_be_bytes());
    sum.update(progress.1.to_be_bytes());
    for detail in &feedback.details {
        sum.update((detail.len() as u64).to_be_bytes());
        sum.update(detail.as_bytes());
    }
}

/// A mark that tells "0" from "not said".
fn with_one(code: [u8; 4]) -> [u8; 5] {
    [1, code[0], code[1], code[2], code[3]]
}

/// The numbers are part of fingerprints on disk: they never change.
fn word_number(word: Word) -> u8 {
    match word {
        Word::Proceeding => 1,
        Word::Scheduled => 2,
        Word::Resumed => 3,
        Word::Download => 4,
        Word::Downloaded => 5,
        Word::Rejected => 6,
        Word::Canceled => 7,
        Word::Closed(_) => 8,
    }
}

/// As [`word_number`].
fn finished_number(finished: Finished) -> u8 {
    match finished {
        Finished::Success => 1,
        Finished::Failure => 2,
        Finished::None => 3,
    }
}
