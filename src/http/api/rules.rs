//! From the JSON of rules to the domain's.

use jiff::Timestamp;

use crate::domain::ids::Time;
use crate::domain::offer::{HardwareMatch, Rules};
use crate::domain::version::{Version, VersionPattern};
use crate::http::error::ApiError;
use crate::http::wire::{HardwareBody, RulesBody};

/// The most entries of one list of rules: every version of a long-lived product.
const ENTRIES_MAX: usize = 256;
/// The longest text of a hardware or a pattern in bytes, twice what a version may have.
const TEXT_MAX: usize = 256;

/// Reads rules; `prefix` is what the members' names begin with in an answer.
///
/// # Errors
/// 400 with the member that is wrong.
pub(super) fn read(prefix: &str, body: &RulesBody) -> Result<Rules, ApiError> {
    let rules = Rules {
        compatible: patterns(&format!("{prefix}compatible"), &body.compatible)?,
        through: versions(&format!("{prefix}through"), &body.through)?,
        not_before: body.not_before.map(|at| moment(&format!("{prefix}not_before"), at)).transpose()?,
        not_after: body.not_after.map(|at| moment(&format!("{prefix}not_after"), at)).transpose()?,
        hardware: hardware(&format!("{prefix}hardware"), &body.hardware)?,
    };
    match (rules.not_before, rules.not_after) {
        (Some(opens), Some(closes)) if closes <= opens => {
            let field = format!("{prefix}not_after");
            Err(ApiError::bad("bad-window", &field, "`not_after` must be later than `not_before`"))
        }
        (_, _) => Ok(rules),
    }
}

/// Reads the versions that an update may start from.
///
/// # Errors
/// 400 with the pattern that is wrong.
pub(super) fn patterns(field: &str, texts: &[String]) -> Result<Vec<VersionPattern>, ApiError> {
    check_count(field, texts.len())?;
    let read = |text: &String| {
        let bad = || {
            let message =
                format!("{text:?} is neither a version, nor one with x segments, nor a semver range");
            ApiError::bad("bad-pattern", field, message)
        };
        Some(text)
            .filter(|text| text.len() <= TEXT_MAX)
            .and_then(|t| VersionPattern::parse(t))
            .ok_or_else(bad)
    };
    texts.iter().map(read).collect()
}

fn versions(field: &str, texts: &[String]) -> Result<Vec<Version>, ApiError> {
    check_count(field, texts.len())?;
    let bad = |text| ApiError::bad("bad-version", field, format!("{text:?} is not a version such as 1.4.0"));
    texts.iter().map(|text| Version::parse(text).ok_or_else(|| bad(text))).collect()
}

fn check_count(field: &str, count: usize) -> Result<(), ApiError> {
    if count <= ENTRIES_MAX {
        return Ok(());
    }
    Err(ApiError::bad("too-many", field, format!("`{field}` may have {ENTRIES_MAX} entries at most")))
}

fn moment(field: &str, at: Timestamp) -> Result<Time, ApiError> {
    let early = |_| ApiError::bad("bad-time", field, format!("`{field}` must be 1970 or later"));
    u64::try_from(at.as_millisecond()).map(Time).map_err(early)
}

fn hardware(field: &str, bodies: &[HardwareBody]) -> Result<Vec<HardwareMatch>, ApiError> {
    check_count(field, bodies.len())?;
    let fits = |text: &str| (1..=TEXT_MAX).contains(&text.len());
    let read = |body: &HardwareBody| {
        let revision_fits = body.revision.as_deref().is_none_or(fits);
        if !fits(&body.model) || !revision_fits {
            let message = format!("a model and a revision have 1 to {TEXT_MAX} bytes");
            return Err(ApiError::bad("bad-hardware", field, message));
        }
        Ok(HardwareMatch {
            model: body.model.as_str().into(),
            revision: body.revision.as_deref().map(Into::into),
        })
    };
    bodies.iter().map(read).collect()
}
