//! Records of actions, their history, and deployments.

use std::borrow::Cow;

use crate::domain::action::{Action, Clock, Component, Failure, Onward, Origin, State};
use crate::domain::decide::{Entry, Note};
use crate::domain::deployment::{Counters, Deployment, Target};
use crate::domain::feedback::{Finished, Progress, Word};
use crate::domain::ids::{ActionId, DeploymentId, DeviceKey, ImageId, ReleaseId, RolloutId, TenantId, Time};

use super::terms::TermsRecord;
use super::{Bad, device, firmware_type, item, record, some, text, version};

record! {
    /// An action; tenant and id are the key.
    ActionRecord<'a> {
        device: Cow<'a, str>,
        target: (TargetRecord, Option<(TargetRecord, bool, u8)>),
        components: Vec<ComponentRecord<'a>>,
        origin: (u8, u32, u16),
        order: OrderRecord<'a>,
        state: StateRecord,
        warning: bool,
        cancelling: bool,
        cancel_by: Option<u64>,
        attempt: u32,
        verified_in: Option<Cow<'a, str>>,
        progress: Option<(u32, u32)>,
        fingerprints: Vec<u64>,
        entries: u32,
        clock: ClockRecord,
    }
}

record! {
    /// The moments of an action.
    ClockRecord {
        created: u64,
        changed: u64,
        commanded: Option<u64>,
        stepped: u64,
        due_at: Option<u64>,
    }
}

record! {
    /// On which terms an action was ordered, by whom, and what came of that.
    OrderRecord<'a> {
        terms: TermsRecord<'a>,
        by: Cow<'a, str>,
        unconfirmed: bool,
        last_code: Option<i32>,
        read: bool,
    }
}

record! {
    /// One line of a history; tenant, action and number are the key.
    EntryRecord<'a> {
        at: u64,
        state: StateRecord,
        note: u8,
        word: Option<u8>,
        code: Option<i32>,
        details: Vec<Cow<'a, str>>,
    }
}

record! {
    /// A deployment; tenant and id are the key.
    DeploymentRecord<'a> {
        target: TargetRecord,
        allow_downgrade: bool,
        terms: TermsRecord<'a>,
        by: Cow<'a, str>,
        pending: u64,
        active: u64,
        succeeded: u64,
        failed: u64,
        cancelled: u64,
        created: u64,
    }
}

record! {
    /// Exactly one of the two.
    TargetRecord {
        image: Option<u32>,
        release: Option<u32>,
    }
}

record! {
    ComponentRecord<'a> {
        kind: u8,
        image: u32,
        number: u64,
        version: Cow<'a, str>,
    }
}

record! {
    /// A state, with the device's own code where it failed with one.
    StateRecord {
        state: u8,
        code: Option<i32>,
    }
}

impl<'a> ActionRecord<'a> {
    /// The record of an action.
    pub(in crate::store) fn of(action: &'a Action) -> Self {
        ActionRecord {
            device: action.device.device.as_str().into(),
            target: (
                TargetRecord::of(action.target),
                action.onward.map(|own| (TargetRecord::of(own.target), own.allow_downgrade, own.leg)),
            ),
            components: action.components.iter().map(ComponentRecord::of).collect(),
            origin: origin_code(action.origin),
            order: OrderRecord {
                terms: TermsRecord::of(&action.terms),
                by: Cow::Borrowed(&action.by),
                unconfirmed: action.unconfirmed,
                last_code: action.last_code,
                read: action.read,
            },
            state: StateRecord::of(action.state),
            warning: action.warning,
            cancelling: action.cancelling,
            cancel_by: action.cancel_by.map(|t| t.0),
            attempt: action.attempt,
            verified_in: action.verified_in.as_deref().map(Cow::Borrowed),
            progress: action.progress.map(|p| (p.done, p.of)),
            fingerprints: action.fingerprints.clone(),
            entries: action.entries,
            clock: ClockRecord {
                created: action.created.0,
                changed: action.changed.0,
                commanded: action.commanded.map(|t| t.0),
                stepped: action.stepped.0,
                due_at: action.due_at.map(|t| t.0),
            },
        }
    }

    /// The action under that key.
    pub(in crate::store) fn action(self, tenant: TenantId, id: ActionId) -> Result<Action, Bad> {
        Ok(Action {
            id,
            device: DeviceKey { tenant, device: device(&self.device)? },
            target: self.target.0.target()?,
            onward: self.target.1.map(onward).transpose()?,
            components: self
                .components
                .into_iter()
                .map(ComponentRecord::component)
                .collect::<Result<_, _>>()?,
            origin: origin_of(self.origin)?,
            terms: self.order.terms.terms()?,
            by: text(self.order.by),
            unconfirmed: self.order.unconfirmed,
            last_code: self.order.last_code,
            read: self.order.read,
            state: self.state.state()?,
            warning: self.warning,
            cancelling: self.cancelling,
            cancel_by: self.cancel_by.map(Time),
            attempt: self.attempt,
            verified_in: self.verified_in.map(text),
            progress: self.progress.map(|(done, of)| Progress { done, of }),
            fingerprints: self.fingerprints,
            entries: self.entries,
            created: Time(self.clock.created),
            changed: Time(self.clock.changed),
            commanded: self.clock.commanded.map(Time),
            stepped: Time(self.clock.stepped),
            due_at: self.clock.due_at.map(Time),
        })
    }
}

impl<'a> EntryRecord<'a> {
    /// The record of a line of history.
    pub(in crate::store) fn of(entry: &'a Entry) -> Self {
        let (note, word) = note_code(entry.note);
        EntryRecord {
            at: entry.at.0,
            state: StateRecord::of(entry.state),
            note,
            word,
            code: entry.code,
            details: entry.details.iter().map(|detail| Cow::Borrowed(&**detail)).collect(),
        }
    }

    /// The line of history.
    pub(in crate::store) fn entry(self) -> Result<Entry, Bad> {
        Ok(Entry {
            at: Time(self.at),
            state: self.state.state()?,
            note: some(note_of(self.note, self.word), "a note is unknown")?,
            code: self.code,
            details: self.details.into_iter().map(text).collect(),
        })
    }
}

impl<'a> DeploymentRecord<'a> {
    /// The record of a deployment.
    pub(in crate::store) fn of(deployment: &'a Deployment) -> Self {
        let Counters { pending, active, succeeded, failed, cancelled } = deployment.counters;
        DeploymentRecord {
            target: TargetRecord::of(deployment.target),
            allow_downgrade: deployment.allow_downgrade,
            terms: TermsRecord::of(&deployment.terms),
            by: Cow::Borrowed(&deployment.by),
            pending,
            active,
            succeeded,
            failed,
            cancelled,
            created: deployment.created.0,
        }
    }

    /// The deployment under that key.
    pub(in crate::store) fn deployment(self, tenant: TenantId, id: DeploymentId) -> Result<Deployment, Bad> {
        let DeploymentRecord { pending, active, succeeded, failed, cancelled, .. } = self;
        Ok(Deployment {
            id,
            tenant,
            target: self.target.target()?,
            allow_downgrade: self.allow_downgrade,
            terms: self.terms.terms()?,
            by: text(self.by),
            counters: Counters { pending, active, succeeded, failed, cancelled },
            created: Time(self.created),
        })
    }
}

impl TargetRecord {
    /// The record of a target.
    pub(super) fn of(target: Target) -> Self {
        match target {
            Target::Image(id) => TargetRecord { image: Some(id.get()), release: None },
            Target::Release(id) => TargetRecord { image: None, release: Some(id.get()) },
        }
    }

    /// The target.
    pub(super) fn target(self) -> Result<Target, Bad> {
        let target = match (self.image, self.release) {
            (Some(id), None) => ImageId::new(u64::from(id)).map(Target::Image),
            (None, Some(id)) => ReleaseId::new(u64::from(id)).map(Target::Release),
            (None, None) | (Some(_), Some(_)) => None,
        };
        some(target, "a target is neither an image nor a release")
    }
}

impl<'a> ComponentRecord<'a> {
    fn of(component: &'a Component) -> Self {
        ComponentRecord {
            kind: component.kind.get(),
            image: component.image.get(),
            number: component.number,
            version: component.version.as_str().into(),
        }
    }

    fn component(self) -> Result<Component, Bad> {
        Ok(Component {
            kind: firmware_type(self.kind)?,
            image: some(ImageId::new(u64::from(self.image)), "an image's id is out of range")?,
            number: self.number,
            version: version(&self.version)?,
        })
    }
}

impl StateRecord {
    /// The record of a state.
    pub(super) fn of(state: State) -> Self {
        let (state, code) = match state {
            State::Queued => (0, None),
            State::Offered => (1, None),
            State::Accepted => (2, None),
            State::Downloading => (3, None),
            State::Downloaded => (4, None),
            State::Waiting => (5, None),
            State::Installing => (6, None),
            State::Rebooting => (7, None),
            State::Verifying => (8, None),
            State::Succeeded => (9, None),
            State::AlreadyInstalled => (10, None),
            State::Failed(Failure::Reported(code)) => (11, code),
            State::Failed(Failure::NotConverged) => (12, None),
            State::Rejected => (13, None),
            State::TimedOut => (14, None),
            State::Cancelled => (15, None),
            State::Superseded => (16, None),
            State::NotCompatible => (17, None),
        };
        StateRecord { state, code }
    }

    /// The state.
    pub(super) fn state(self) -> Result<State, Bad> {
        let state = match self.state {
            0 => State::Queued,
            1 => State::Offered,
            2 => State::Accepted,
            3 => State::Downloading,
            4 => State::Downloaded,
            5 => State::Waiting,
            6 => State::Installing,
            7 => State::Rebooting,
            8 => State::Verifying,
            9 => State::Succeeded,
            10 => State::AlreadyInstalled,
            11 => State::Failed(Failure::Reported(self.code)),
            12 => State::Failed(Failure::NotConverged),
            13 => State::Rejected,
            14 => State::TimedOut,
            15 => State::Cancelled,
            16 => State::Superseded,
            17 => State::NotCompatible,
            _ => return some(None, "a state is unknown"),
        };
        Ok(state)
    }
}

fn onward((target, allow_downgrade, leg): (TargetRecord, bool, u8)) -> Result<Onward, Bad> {
    Ok(Onward { target: target.target()?, allow_downgrade, leg })
}

fn origin_code(origin: Origin) -> (u8, u32, u16) {
    match origin {
        Origin::Offer => (0, 0, 0),
        Origin::Deployment(id) => (1, id.get(), 0),
        Origin::Filter(id) => (2, id.get(), 0),
        Origin::Device => (3, 0, 0),
        Origin::Rollout(id, wave) => (4, id.get(), wave),
    }
}

fn origin_of((code, id, wave): (u8, u32, u16)) -> Result<Origin, Bad> {
    match code {
        0 => Ok(Origin::Offer),
        1 => Ok(Origin::Deployment(deployment_id(id)?)),
        2 => Ok(Origin::Filter(item(id)?)),
        3 => Ok(Origin::Device),
        4 => Ok(Origin::Rollout(rollout_id(id)?, wave)),
        _ => some(None, "where an action came from is unknown"),
    }
}

fn note_code(note: Note) -> (u8, Option<u8>) {
    match note {
        Note::Created => (0, None),
        Note::Told => (1, None),
        Note::Said(word) => (2, Some(word_code(word))),
        Note::Reported => (3, None),
        Note::CancelAsked => (4, None),
        Note::CancelEnded => (5, None),
        Note::Superseded => (6, None),
        Note::Drift(word) => (7, Some(word_code(word))),
        Note::Retrieved => (8, None),
        Note::Answered(word) => (9, Some(word_code(word))),
        Note::Fetching => (10, None),
        Note::Confirmed => (11, None),
        Note::Denied => (12, None),
        Note::Forced => (13, None),
        Note::TimedOut(Clock::First) => (14, None),
        Note::TimedOut(Clock::Step) => (15, None),
        Note::TimedOut(Clock::Total) => (16, None),
    }
}

fn note_of(note: u8, word: Option<u8>) -> Option<Note> {
    match (note, word) {
        (0, None) => Some(Note::Created),
        (1, None) => Some(Note::Told),
        (2, Some(word)) => word_of(word).map(Note::Said),
        (3, None) => Some(Note::Reported),
        (4, None) => Some(Note::CancelAsked),
        (5, None) => Some(Note::CancelEnded),
        (6, None) => Some(Note::Superseded),
        (7, Some(word)) => word_of(word).map(Note::Drift),
        (8, None) => Some(Note::Retrieved),
        (9, Some(word)) => word_of(word).map(Note::Answered),
        (10, None) => Some(Note::Fetching),
        (11, None) => Some(Note::Confirmed),
        (12, None) => Some(Note::Denied),
        (13, None) => Some(Note::Forced),
        (14, None) => Some(Note::TimedOut(Clock::First)),
        (15, None) => Some(Note::TimedOut(Clock::Step)),
        (16, None) => Some(Note::TimedOut(Clock::Total)),
        _ => None,
    }
}

fn word_code(word: Word) -> u8 {
    match word {
        Word::Proceeding => 0,
        Word::Scheduled => 1,
        Word::Resumed => 2,
        Word::Download => 3,
        Word::Downloaded => 4,
        Word::Rejected => 5,
        Word::Canceled => 6,
        Word::Closed(Finished::Success) => 7,
        Word::Closed(Finished::Failure) => 8,
        Word::Closed(Finished::None) => 9,
    }
}

fn word_of(code: u8) -> Option<Word> {
    match code {
        0 => Some(Word::Proceeding),
        1 => Some(Word::Scheduled),
        2 => Some(Word::Resumed),
        3 => Some(Word::Download),
        4 => Some(Word::Downloaded),
        5 => Some(Word::Rejected),
        6 => Some(Word::Canceled),
        7 => Some(Word::Closed(Finished::Success)),
        8 => Some(Word::Closed(Finished::Failure)),
        9 => Some(Word::Closed(Finished::None)),
        _ => None,
    }
}

fn rollout_id(number: u32) -> Result<RolloutId, Bad> {
    some(RolloutId::new(u64::from(number)), "a rollout's id is out of range")
}

fn deployment_id(number: u32) -> Result<DeploymentId, Bad> {
    some(DeploymentId::new(u64::from(number)), "a deployment's id is out of range")
}
