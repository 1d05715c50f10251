//! Records of rollouts, their waves and the members of these.

use std::borrow::Cow;

use crate::domain::ids::{ActionId, DeviceId, ImageId, RolloutId, TenantId, Time};
use crate::domain::rollout::{
    AfterSuccess, BadEnd, Canary, Cause, Counted, Credit, Decision, Difference, End, Ending, InFlight,
    Member, Pace, Place, Remedy, Retries, Rollout, Selection, Share, Status, StopRule, Tally, Wave,
    WaveStatus, Who,
};

use super::action::TargetRecord;
use super::terms::{TermsRecord, TrailRecord};
use super::{Bad, product, record, some, text};

record! {
    /// A rollout; tenant and id are the key.
    RolloutRecord<'a> {
        name: Cow<'a, str>,
        description: Option<Cow<'a, str>>,
        target: TargetRecord,
        selection: SelectionRecord<'a>,
        terms: TermsRecord<'a>,
        allow_downgrade: bool,
        limits: LimitsRecord,
        stops: Vec<StopRecord>,
        canary: Option<CanaryRecord>,
        life: LifeRecord<'a>,
        waves: u16,
        deleted: bool,
        trail: TrailRecord<'a>,
    }
}

record! {
    /// Which devices: a filter, a product, or a list where there is neither.
    SelectionRecord<'a> {
        filter: Option<Cow<'a, str>>,
        product: Option<Cow<'a, str>>,
        share: u16,
        seed: u64,
        continuous: bool,
    }
}

record! {
    /// How fast, how many at once, and between which moments.
    LimitsRecord {
        pace: Option<PaceRecord>,
        in_flight: Option<(u64, u64)>,
        retries: (u32, u64),
        start_at: Option<u64>,
        end: Option<(u64, u8)>,
    }
}

record! {
    /// A pace that grows where there is a factor.
    PaceRecord {
        base: u32,
        factor: Option<(u32, u64, bool, u32)>,
    }
}

record! {
    StopRecord {
        on: u8,
        share: u16,
        sample: u64,
        then: RemedyRecord,
    }
}

record! {
    CanaryRecord {
        margin: u16,
        confidence: u16,
        sample: u64,
        then: RemedyRecord,
    }
}

record! {
    RemedyRecord {
        remedy: u8,
        image: Option<u32>,
    }
}

record! {
    /// Where a rollout stands.
    LifeRecord<'a> {
        status: u8,
        cause: Option<CauseRecord<'a>>,
        ending: Option<u8>,
        decision: Option<(Cow<'a, str>, Option<Cow<'a, str>>)>,
        credit: (u64, u64),
        excused: Vec<u16>,
        started: Option<u64>,
        ended: Option<u64>,
    }
}

record! {
    /// Why it paused or stopped: what the numbers are depends on the kind.
    CauseRecord<'a> {
        kind: u8,
        by: Option<Cow<'a, str>>,
        numbers: Vec<u64>,
    }
}

record! {
    /// A wave; tenant, rollout and number are the key.
    WaveRecord<'a> {
        name: Cow<'a, str>,
        description: Option<Cow<'a, str>>,
        filter: Option<Cow<'a, str>>,
        share: Option<u16>,
        gates: (u16, bool, Option<u16>),
        consent: Option<bool>,
        continuous: bool,
        status: u8,
        passed: bool,
        tally: Vec<u64>,
        started: Option<u64>,
        ended: Option<u64>,
    }
}

record! {
    /// A member; tenant, rollout, wave, whether it was reached, and device are the key.
    MemberRecord {
        place: u8,
        action: Option<u32>,
        tries: u32,
        leased: bool,
        again: Option<u64>,
    }
}

impl<'a> RolloutRecord<'a> {
    /// The record of a rollout.
    pub(in crate::store) fn of(rollout: &'a Rollout) -> Self {
        RolloutRecord {
            name: Cow::Borrowed(&rollout.name),
            description: rollout.description.as_deref().map(Cow::Borrowed),
            target: TargetRecord::of(rollout.target),
            selection: SelectionRecord::of(&rollout.selection),
            terms: TermsRecord::of(&rollout.terms),
            allow_downgrade: rollout.allow_downgrade,
            limits: LimitsRecord {
                pace: pace_record(rollout.pace),
                in_flight: rollout.in_flight.map(|bound| (bound.limit, bound.lease_ms)),
                retries: (rollout.retries.limit, rollout.retries.backoff_ms),
                start_at: rollout.start_at.map(|at| at.0),
                end: rollout.end.map(|end| (end.at.0, ending_code(end.then))),
            },
            stops: rollout.stops.iter().map(StopRecord::of).collect(),
            canary: rollout.canary.as_ref().map(CanaryRecord::of),
            life: LifeRecord {
                status: status_code(rollout.status),
                cause: rollout.cause.as_ref().map(CauseRecord::of),
                ending: rollout.ending.map(ending_code),
                decision: rollout
                    .decision
                    .as_ref()
                    .map(|own| (Cow::Borrowed(&*own.by), own.remark.as_deref().map(Cow::Borrowed))),
                credit: (rollout.credit.parts, rollout.credit.at.0),
                excused: rollout.excused.clone(),
                started: rollout.started.map(|at| at.0),
                ended: rollout.ended.map(|at| at.0),
            },
            waves: rollout.waves,
            deleted: rollout.deleted,
            trail: TrailRecord::of(&rollout.trail),
        }
    }

    /// The rollout under that key.
    pub(in crate::store) fn rollout(self, tenant: TenantId, id: RolloutId) -> Result<Rollout, Bad> {
        let RolloutRecord { limits, life, .. } = self;
        Ok(Rollout {
            id,
            tenant,
            name: text(self.name),
            description: self.description.map(text),
            target: self.target.target()?,
            selection: self.selection.selection()?,
            terms: self.terms.terms()?,
            allow_downgrade: self.allow_downgrade,
            pace: pace_of(limits.pace),
            in_flight: limits.in_flight.map(|(limit, lease_ms)| InFlight { limit, lease_ms }),
            retries: Retries { limit: limits.retries.0, backoff_ms: limits.retries.1 },
            start_at: limits.start_at.map(Time),
            end: limits.end.map(|(at, then)| Ok(End { at: Time(at), then: ending_of(then)? })).transpose()?,
            stops: self.stops.into_iter().map(StopRecord::stop).collect::<Result<_, _>>()?,
            canary: self.canary.map(CanaryRecord::canary).transpose()?,
            status: status_of(life.status)?,
            cause: life.cause.map(CauseRecord::cause).transpose()?,
            ending: life.ending.map(ending_of).transpose()?,
            decision: life.decision.map(|(by, remark)| Decision { by: text(by), remark: remark.map(text) }),
            credit: Credit { parts: life.credit.0, at: Time(life.credit.1) },
            excused: life.excused,
            waves: self.waves,
            deleted: self.deleted,
            started: life.started.map(Time),
            ended: life.ended.map(Time),
            trail: self.trail.trail(),
        })
    }
}

impl<'a> SelectionRecord<'a> {
    fn of(selection: &'a Selection) -> Self {
        let (filter, product) = match &selection.who {
            Who::Filter(query) => (Some(Cow::Borrowed(&**query)), None),
            Who::Product(product) => (None, Some(product.as_str().into())),
            Who::Listed => (None, None),
        };
        SelectionRecord {
            filter,
            product,
            share: selection.share.hundredths(),
            seed: selection.seed,
            continuous: selection.continuous,
        }
    }

    fn selection(self) -> Result<Selection, Bad> {
        let who = match (self.filter, self.product) {
            (Some(query), None) => Who::Filter(text(query)),
            (None, Some(own)) => Who::Product(product(&own)?),
            (None, None) => Who::Listed,
            (Some(_), Some(_)) => return some(None, "a rollout is for a filter and for a product"),
        };
        let share = share(self.share)?;
        Ok(Selection { who, share, seed: self.seed, continuous: self.continuous })
    }
}

impl StopRecord {
    fn of(rule: &StopRule) -> Self {
        let on = match rule.on {
            BadEnd::Failed => 0,
            BadEnd::Rejected => 1,
            BadEnd::TimedOut => 2,
            BadEnd::Any => 3,
        };
        StopRecord {
            on,
            share: rule.share.hundredths(),
            sample: rule.sample,
            then: RemedyRecord::of(rule.then),
        }
    }

    fn stop(self) -> Result<StopRule, Bad> {
        let on = match self.on {
            0 => BadEnd::Failed,
            1 => BadEnd::Rejected,
            2 => BadEnd::TimedOut,
            3 => BadEnd::Any,
            _ => return some(None, "what a stop rule counts is unknown"),
        };
        Ok(StopRule { on, share: share(self.share)?, sample: self.sample, then: self.then.remedy()? })
    }
}

impl CanaryRecord {
    fn of(canary: &Canary) -> Self {
        CanaryRecord {
            margin: canary.margin.hundredths(),
            confidence: canary.confidence.hundredths(),
            sample: canary.sample,
            then: RemedyRecord::of(canary.then),
        }
    }

    fn canary(self) -> Result<Canary, Bad> {
        Ok(Canary {
            margin: share(self.margin)?,
            confidence: share(self.confidence)?,
            sample: self.sample,
            then: self.then.remedy()?,
        })
    }
}

impl RemedyRecord {
    fn of(remedy: Remedy) -> Self {
        match remedy {
            Remedy::Pause => RemedyRecord { remedy: 0, image: None },
            Remedy::Cancel => RemedyRecord { remedy: 1, image: None },
            Remedy::RollBack(image) => RemedyRecord { remedy: 2, image: Some(image.get()) },
        }
    }

    fn remedy(self) -> Result<Remedy, Bad> {
        let image = self.image.map(|id| ImageId::new(u64::from(id)));
        match (self.remedy, image) {
            (0, None) => Ok(Remedy::Pause),
            (1, None) => Ok(Remedy::Cancel),
            (2, Some(Some(image))) => Ok(Remedy::RollBack(image)),
            _ => some(None, "what a rollout does when it stops is unknown"),
        }
    }
}

impl<'a> CauseRecord<'a> {
    fn of(cause: &'a Cause) -> Self {
        let (kind, numbers) = match cause {
            Cause::Operator(_) => (0, Vec::new()),
            Cause::Wave { wave, bad, of, allowed } => {
                (1, vec![u64::from(*wave), *bad, *of, u64::from(allowed.hundredths())])
            }
            Cause::WaveDone(wave) => (2, vec![u64::from(*wave)]),
            Cause::WaveMissed { wave, succeeded, of, wanted } => {
                (3, vec![u64::from(*wave), *succeeded, *of, u64::from(wanted.hundredths())])
            }
            Cause::Rule { rule, bad, of } => (4, vec![u64::from(*rule), *bad, *of]),
            Cause::Canary(found) => {
                let confidence = u64::from(found.confidence.hundredths());
                (5, vec![found.first.0, found.first.1, found.others.0, found.others.1, confidence])
            }
            Cause::End => (6, Vec::new()),
        };
        let by = match cause {
            Cause::Operator(by) => Some(Cow::Borrowed(&**by)),
            _ => None,
        };
        CauseRecord { kind, by, numbers }
    }

    fn cause(self) -> Result<Cause, Bad> {
        let wave = |number: u64| some(u16::try_from(number).ok(), "a wave's number is out of range");
        let part = |number: u64| some(Share::new(number), "a share is more than the whole");
        match (self.kind, self.by, self.numbers.as_slice()) {
            (0, Some(by), []) => Ok(Cause::Operator(text(by))),
            (1, None, &[number, bad, of, allowed]) => {
                Ok(Cause::Wave { wave: wave(number)?, bad, of, allowed: part(allowed)? })
            }
            (2, None, &[number]) => Ok(Cause::WaveDone(wave(number)?)),
            (3, None, &[number, succeeded, of, wanted]) => {
                Ok(Cause::WaveMissed { wave: wave(number)?, succeeded, of, wanted: part(wanted)? })
            }
            (4, None, &[rule, bad, of]) => Ok(Cause::Rule { rule: wave(rule)?, bad, of }),
            (5, None, &[a, b, c, d, confidence]) => {
                Ok(Cause::Canary(Difference::of((a, b), (c, d), part(confidence)?)))
            }
            (6, None, []) => Ok(Cause::End),
            (_, _, _) => some(None, "why a rollout stopped is unknown"),
        }
    }
}

impl<'a> WaveRecord<'a> {
    /// The record of a wave.
    pub(in crate::store) fn of(wave: &'a Wave) -> Self {
        let mut tally = wave.tally;
        let mut numbers: Vec<u64> = Place::ALL.iter().map(|place| *tally.at(*place)).collect();
        numbers.push(wave.tally.leased);
        WaveRecord {
            name: Cow::Borrowed(&wave.name),
            description: wave.description.as_deref().map(Cow::Borrowed),
            filter: wave.filter.as_deref().map(Cow::Borrowed),
            share: wave.share.map(Share::hundredths),
            gates: (
                wave.success.hundredths(),
                wave.after == AfterSuccess::Pause,
                wave.failure.map(Share::hundredths),
            ),
            consent: wave.consent,
            continuous: wave.continuous,
            status: wave_status_code(wave.status),
            passed: wave.passed,
            tally: numbers,
            started: wave.started.map(|at| at.0),
            ended: wave.ended.map(|at| at.0),
        }
    }

    /// The wave with that number.
    pub(in crate::store) fn wave(self, number: u16) -> Result<Wave, Bad> {
        let mut tally = Tally::default();
        let (leased, places) = some(self.tally.split_last(), "a wave has no numbers")?;
        some((places.len() == Place::ALL.len()).then_some(()), "a wave has other numbers")?;
        for (place, count) in Place::ALL.into_iter().zip(places) {
            *tally.at(place) = *count;
        }
        tally.leased = *leased;
        Ok(Wave {
            number,
            name: text(self.name),
            description: self.description.map(text),
            filter: self.filter.map(text),
            share: self.share.map(share).transpose()?,
            success: share(self.gates.0)?,
            after: if self.gates.1 { AfterSuccess::Pause } else { AfterSuccess::Next },
            failure: self.gates.2.map(share).transpose()?,
            consent: self.consent,
            continuous: self.continuous,
            status: wave_status_of(self.status)?,
            passed: self.passed,
            tally,
            started: self.started.map(Time),
            ended: self.ended.map(Time),
        })
    }
}

impl MemberRecord {
    /// The record of a member.
    pub(in crate::store) fn of(member: &Member) -> Self {
        let place = Place::ALL.iter().position(|place| *place == member.place);
        MemberRecord {
            place: place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default(),
            action: member.action.map(ActionId::get),
            tries: member.tries,
            leased: member.leased,
            again: member.again.map(|at| at.0),
        }
    }

    /// The member that is this device.
    pub(in crate::store) fn member(self, device: DeviceId) -> Result<Member, Bad> {
        let action = self.action.map(|id| ActionId::new(u64::from(id)));
        Ok(Member {
            device,
            place: some(Place::ALL.get(usize::from(self.place)).copied(), "a member's place is unknown")?,
            action: action.map(|id| some(id, "an action's id is out of range")).transpose()?,
            tries: self.tries,
            leased: self.leased,
            again: self.again.map(Time),
        })
    }
}

fn pace_record(pace: Pace) -> Option<PaceRecord> {
    match pace {
        Pace::Unbounded => None,
        Pace::Constant { per_minute } => Some(PaceRecord { base: per_minute, factor: None }),
        Pace::Exponential { base, factor_hundredths, every, counted, at_most } => {
            let factor = (factor_hundredths, every, counted == Counted::Succeeded, at_most);
            Some(PaceRecord { base, factor: Some(factor) })
        }
    }
}

fn pace_of(record: Option<PaceRecord>) -> Pace {
    match record {
        None => Pace::Unbounded,
        Some(PaceRecord { base, factor: None }) => Pace::Constant { per_minute: base },
        Some(PaceRecord { base, factor: Some((factor_hundredths, every, succeeded, at_most)) }) => {
            let counted = if succeeded { Counted::Succeeded } else { Counted::Notified };
            Pace::Exponential { base, factor_hundredths, every, counted, at_most }
        }
    }
}

fn share(hundredths: u16) -> Result<Share, Bad> {
    some(Share::new(u64::from(hundredths)), "a share is more than the whole")
}

fn ending_code(ending: Ending) -> u8 {
    match ending {
        Ending::Stop => 0,
        Ending::Cancel => 1,
        Ending::Force => 2,
    }
}

fn ending_of(code: u8) -> Result<Ending, Bad> {
    match code {
        0 => Ok(Ending::Stop),
        1 => Ok(Ending::Cancel),
        2 => Ok(Ending::Force),
        _ => some(None, "how a rollout ends is unknown"),
    }
}

fn status_code(status: Status) -> u8 {
    match status {
        Status::Creating => 0,
        Status::WaitingForApproval => 1,
        Status::Denied => 2,
        Status::Ready => 3,
        Status::Running => 4,
        Status::Paused => 5,
        Status::Stopping => 6,
        Status::Stopped => 7,
        Status::Finished => 8,
    }
}

fn status_of(code: u8) -> Result<Status, Bad> {
    match code {
        0 => Ok(Status::Creating),
        1 => Ok(Status::WaitingForApproval),
        2 => Ok(Status::Denied),
        3 => Ok(Status::Ready),
        4 => Ok(Status::Running),
        5 => Ok(Status::Paused),
        6 => Ok(Status::Stopping),
        7 => Ok(Status::Stopped),
        8 => Ok(Status::Finished),
        _ => some(None, "where a rollout stands is unknown"),
    }
}

fn wave_status_code(status: WaveStatus) -> u8 {
    match status {
        WaveStatus::Scheduled => 0,
        WaveStatus::Running => 1,
        WaveStatus::Finished => 2,
        WaveStatus::Failed => 3,
    }
}

fn wave_status_of(code: u8) -> Result<WaveStatus, Bad> {
    match code {
        0 => Ok(WaveStatus::Scheduled),
        1 => Ok(WaveStatus::Running),
        2 => Ok(WaveStatus::Finished),
        3 => Ok(WaveStatus::Failed),
        _ => some(None, "where a wave stands is unknown"),
    }
}
