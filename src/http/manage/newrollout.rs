//! What is asked for with `POST /rollouts`: conditions with hawkBit's defaults, and so many groups of one size or each
//! with its own.

use serde::Deserialize;

use super::assign::{ForceType, force, weight};
use super::{fields, targets};
use crate::domain::deployment::Target;
use crate::domain::ids::{ReleaseId, Time};
use crate::domain::rollout::{
    AfterSuccess, NewRollout, NewWave, Pace, Retries, Rollout, Selection, Share, Size, WAVES_MAX, Who,
};
use crate::domain::terms::Terms;
use crate::http::hawkbit::{Fault, Kind};

/// What the thresholds are where nothing is said (hawkBit's `RolloutGroupConditionBuilder.withDefaults`).
const THRESHOLD_PERCENT: u64 = 50;

/// A rollout as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewBody {
    name: Option<String>,
    description: Option<String>,
    target_filter_query: Option<String>,
    distribution_set_id: Option<u64>,
    amount_groups: Option<i64>,
    groups: Option<Vec<GroupBody>>,
    r#type: Option<ForceType>,
    forcetime: Option<i64>,
    weight: Option<i64>,
    start_at: Option<u64>,
    confirmation_required: Option<bool>,
    dynamic: Option<bool>,
    success_condition: Option<Condition>,
    success_action: Option<SuccessAction>,
    error_condition: Option<Condition>,
    /// Read, so that another is refused; hawkBit has one.
    #[serde(rename = "errorAction")]
    _error_action: Option<ErrorAction>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupBody {
    name: Option<String>,
    description: Option<String>,
    target_filter_query: Option<String>,
    target_percentage: Option<f64>,
    confirmation_required: Option<bool>,
    success_condition: Option<Condition>,
    success_action: Option<SuccessAction>,
    error_condition: Option<Condition>,
    /// Read, so that another is refused; hawkBit has one.
    #[serde(rename = "errorAction")]
    _error_action: Option<ErrorAction>,
}

/// When a group has succeeded or failed, and what happens then.
#[derive(Clone, Copy)]
struct Conditions<'a> {
    success: Option<&'a Condition>,
    action: Option<&'a SuccessAction>,
    error: Option<&'a Condition>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    /// hawkBit has no other; it is the default too.
    #[serde(default, rename = "condition")]
    _kind: Threshold,
    expression: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Threshold {
    #[default]
    Threshold,
}

#[derive(Debug, Deserialize)]
struct SuccessAction {
    #[serde(default)]
    action: Success,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Success {
    #[default]
    NextGroup,
    Pause,
}

/// hawkBit has no other than to pause.
#[derive(Debug, Deserialize)]
struct ErrorAction {
    #[serde(default, rename = "action")]
    _action: PauseOnly,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum PauseOnly {
    #[default]
    Pause,
}

/// Conditions with what stands in for what is not said.
#[derive(Debug, Clone, Copy)]
struct Gates {
    success: Share,
    after: AfterSuccess,
    failure: Share,
}

impl Condition {
    fn share(&self) -> Result<Share, Fault> {
        let text = self.expression.as_deref().unwrap_or_default().trim();
        let percent = text.parse().ok().and_then(Share::percent);
        percent.ok_or_else(|| unfit(format!("the threshold {text:?} is no whole number from 0 to 100")))
    }
}

impl Conditions<'_> {
    fn gates(self, otherwise: Gates) -> Result<Gates, Fault> {
        let share = |said: Option<&Condition>, otherwise| said.map_or(Ok(otherwise), Condition::share);
        Ok(Gates {
            success: share(self.success, otherwise.success)?,
            after: match self.action.map(|said| said.action) {
                Some(Success::NextGroup) => AfterSuccess::Next,
                Some(Success::Pause) => AfterSuccess::Pause,
                None => otherwise.after,
            },
            failure: share(self.error, otherwise.failure)?,
        })
    }
}

impl Gates {
    fn usual() -> Gates {
        let half = Share::percent(THRESHOLD_PERCENT).unwrap_or(Share::ALL);
        Gates { success: half, after: AfterSuccess::Next, failure: half }
    }

    /// A group that has these, and this part of those that no group before it has.
    fn wave(self, share: Share) -> NewWave {
        NewWave {
            success: self.success,
            after: self.after,
            failure: Some(self.failure),
            ..NewWave::new(Size::PartOfRest(share))
        }
    }
}

fn unfit(why: impl Into<String>) -> Fault {
    Fault::new(Kind::RolloutVerification, why)
}

impl GroupBody {
    fn conditions(&self) -> Conditions<'_> {
        let (success, error) = (self.success_condition.as_ref(), self.error_condition.as_ref());
        Conditions { success, action: self.success_action.as_ref(), error }
    }

    fn wave(&self, number: usize, otherwise: Gates) -> Result<NewWave, Fault> {
        let percent = self.target_percentage.unwrap_or(100.0);
        let bad = || unfit(format!("targetPercentage {percent} is not above 0 and at most 100"));
        let query = self.target_filter_query.as_deref().filter(|text| !text.trim().is_empty());
        if let Some(query) = query {
            targets::FIELDS.filter(query)?;
        }
        let name = match self.name.as_deref() {
            Some(name) => fields::name(name)?,
            None => group_name(number),
        };
        Ok(NewWave {
            name: Some(name),
            description: fields::description(self.description.as_deref())?,
            filter: query.map(Into::into),
            consent: self.confirmation_required,
            ..self.conditions().gates(otherwise)?.wave(hundredths(percent).ok_or_else(bad)?)
        })
    }
}

/// A percentage, to the hundredth; above nothing, because a group of nothing is none.
fn hundredths(percent: f64) -> Option<Share> {
    if !(percent > 0.0 && percent <= 100.0) {
        return None;
    }
    // In 1..=10000 after the check: nothing is cut off.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let hundredths = (percent * 100.0).round().max(1.0) as u64;
    Share::new(hundredths)
}

fn group_name(number: usize) -> Box<str> {
    format!("group-{number}").into()
}

impl NewBody {
    fn conditions(&self) -> Conditions<'_> {
        let (success, error) = (self.success_condition.as_ref(), self.error_condition.as_ref());
        Conditions { success, action: self.success_action.as_ref(), error }
    }

    /// The set that is to be brought.
    ///
    /// # Errors
    /// 400 where none is named, 404 for one that cannot be.
    pub fn set(&self) -> Result<ReleaseId, Fault> {
        let number =
            self.distribution_set_id.ok_or_else(|| Fault::constraint("distributionSetId is missing"))?;
        ReleaseId::new(number).ok_or_else(|| Fault::missing("DistributionSet", number))
    }

    /// The rollout that it asks for.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub fn read(&self) -> Result<NewRollout, Fault> {
        let name = self.name.as_deref().ok_or_else(|| Fault::constraint("name is missing"))?;
        let name = fields::name(name)?;
        let query = self.target_filter_query.as_deref().filter(|text| !text.trim().is_empty());
        let missing = || Fault::new(Kind::FilterSyntax, "a rollout needs a targetFilterQuery");
        let query = query.ok_or_else(missing)?;
        targets::FIELDS.filter(query)?;
        Ok(NewRollout {
            description: fields::description(self.description.as_deref())?,
            selection: selection(Who::Filter(query.into()), self.is_dynamic()),
            waves: self.waves()?,
            start_at: self.start_at.map(Time),
            ..rollout(name, Target::Release(self.set()?), self.terms()?)
        })
    }

    fn is_dynamic(&self) -> bool {
        self.dynamic.unwrap_or(false)
    }

    fn terms(&self) -> Result<Terms, Fault> {
        Ok(Terms {
            force: force(self.r#type, self.forcetime),
            weight: weight(self.weight)?,
            // The engine asks nobody where the tenant has it so.
            consent: self.confirmation_required.unwrap_or(true),
            ..Terms::default()
        })
    }

    fn waves(&self) -> Result<Vec<NewWave>, Fault> {
        let gates = self.conditions().gates(Gates::usual())?;
        match &self.groups {
            None => self.even_waves(gates),
            Some(_) if self.is_dynamic() => {
                Err(Fault::constraint("Dynamic rollouts are not supported with groups"))
            }
            Some(_) if self.amount_groups.is_some() => {
                Err(Fault::constraint("If 'group' is set the 'amountGroups' must not be set in the request"))
            }
            Some(groups) => {
                check_count(groups.len())?;
                (1..).zip(groups).map(|(number, group)| group.wave(number, gates)).collect()
            }
        }
    }

    /// So many groups of one size: the first has one part of `n`, the next one of the `n - 1` that are left.
    fn even_waves(&self, gates: Gates) -> Result<Vec<NewWave>, Fault> {
        let count = usize::try_from(self.amount_groups.unwrap_or(1)).unwrap_or(0);
        check_count(count)?;
        let wave = |number: usize| {
            let share = Share::new(10_000 / (count + 1 - number) as u64).unwrap_or(Share::ALL);
            let name = group_name(number);
            NewWave { description: Some(name.clone()), name: Some(name), ..gates.wave(share) }
        };
        Ok((1..=count).map(wave).collect())
    }
}

fn check_count(count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(Fault::constraint("the amount of groups must be at least 1")),
        1..=WAVES_MAX => Ok(()),
        _ => Err(Fault::new(Kind::TooMany, format!("a rollout has at most {WAVES_MAX} groups"))),
    }
}

/// The same again, for the devices that it failed on (hawkBit: `fromRetriedRollout`).
pub fn again(old: &Rollout) -> NewRollout {
    let name: String = old.name.chars().take(fields::NAME_MAX - RETRY.len()).collect();
    let name = format!("{name}{RETRY}");
    let wave = NewWave {
        name: Some(group_name(1)),
        description: Some(group_name(1)),
        consent: Some(false),
        ..Gates::usual().wave(Share::ALL)
    };
    NewRollout {
        description: old.description.clone(),
        selection: selection(Who::Listed, false),
        waves: vec![wave],
        start_at: old.start_at,
        allow_downgrade: old.allow_downgrade,
        ..rollout(name.into(), old.target, old.terms.clone())
    }
}

/// What the name of a retry ends in (hawkBit's).
const RETRY: &str = "_retry";

fn selection(who: Who, continuous: bool) -> Selection {
    Selection { who, share: Share::ALL, seed: 0, continuous }
}

/// A rollout as hawkBit's are: to everybody, without a pace, a limit or an end. Older versions may be brought.
fn rollout(name: Box<str>, target: Target, terms: Terms) -> NewRollout {
    NewRollout {
        name,
        description: None,
        target,
        selection: selection(Who::Listed, false),
        waves: Vec::new(),
        may_overlap: true,
        terms,
        allow_downgrade: true,
        pace: Pace::Unbounded,
        in_flight: None,
        retries: Retries::default(),
        start_at: None,
        end: None,
        stops: Vec::new(),
        canary: None,
    }
}
