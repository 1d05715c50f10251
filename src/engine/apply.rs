//! One event inside a batch: load the facts, let the domain decide, write what it decided.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Settings;
use super::batch::Connected;
use super::call::{Command, Desired, Downlink, Message, Outcome, Receipt, Stamp, Wanted};
use super::matching::{self, Bringing};
use super::query::active_actions;
use super::rollouts::Rollouts;
use super::steps::steps;
use crate::domain::action::{Action, Origin};
use crate::domain::decide::{Changed, Facts, Reject, Tell, Verdict, decide};
use crate::domain::deployment::{Deployment, Target};
use crate::domain::device::Device;
use crate::domain::event::{Event, Needed};
use crate::domain::ids::{ActionId, DeploymentId, DeviceKey, FirmwareType, ImageId, TenantId, Time};
use crate::domain::image::Image;
use crate::domain::news::{Happened, News};
use crate::domain::offer::Offer;
use crate::domain::tenant::Setting;
use crate::domain::terms::Force;
use crate::domain::version::Version;
use crate::store::StoreError;
use crate::store::tables::{Counter, Draft, Principal};

/// How many devices of a task one commit takes: as many as jobs, so that neither starves the other.
pub(super) const SLICE: usize = 1024;
/// How many images are kept at hand. They are immutable, and a fleet runs far fewer at a time.
const IMAGES: usize = 1024;

/// One record that cannot be read is said and passed over: it must not stop the work for all others.
pub(super) fn readable<T>(found: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(%error, "a record is passed over");
            Ok(None)
        }
        found => found,
    }
}

/// What is to be said once the batch is committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) receipts: Vec<(Stamp, Receipt)>,
    pub(super) downlinks: Vec<Downlink>,
    pub(super) evicted: Vec<Principal>,
    /// What devices said at doors that are not the bus, for those who listen there.
    pub(super) heard: Vec<(DeviceKey, Event)>,
    /// What changed, for those who are told of it; without numbers until the batch is closed.
    pub(super) news: Vec<News>,
    /// Whether people changed a webhook.
    pub(super) webhooks: bool,
}

/// What a decision came to.
pub(super) struct Decided {
    pub(super) device: Device,
    pub(super) under_way: Vec<Action>,
    pub(super) created: Vec<ActionId>,
    pub(super) verdict: Verdict,
}

/// What the engine remembers between batches because it alone changes it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The newest action's number.
    pub(super) actions: u64,
    pub(super) connected: Connected,
    images: HashMap<(TenantId, ImageId), Arc<Image>>,
    /// The filters of each tenant that bring something.
    pub(super) filters: HashMap<TenantId, Arc<Vec<Bringing>>>,
    /// The rollouts that can still move.
    pub(super) rollouts: Rollouts,
    commands: u64,
}

/// A batch under way.
pub(super) struct Batch<'a> {
    pub(super) draft: Draft<'a>,
    pub(super) effects: &'a mut Effects,
    pub(super) now: Time,
    pub(super) settings: &'a Settings,
    pub(super) memory: &'a mut Memory,
    deployments: BTreeMap<(TenantId, DeploymentId), Deployment>,
    /// Flags of tenants that were looked up; few, because few tenants meet in a batch.
    pub(super) flags: Vec<(TenantId, Setting, bool)>,
    /// Whether an action was created, so that the counter has to be written.
    created: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        draft: Draft<'a>,
        settings: &'a Settings,
        memory: &'a mut Memory,
        effects: &'a mut Effects,
        now: Time,
    ) -> Self {
        Batch {
            draft,
            effects,
            now,
            settings,
            memory,
            deployments: BTreeMap::new(),
            flags: Vec::new(),
            created: false,
        }
    }

    /// One event of a device.
    pub(super) fn event(&mut self, key: &DeviceKey, event: &Event) -> Result<Receipt, StoreError> {
        let seq = event.seq();
        let Some(device) = self.draft.view().device(key)? else {
            let message = format!("there is no device {}", key.device);
            return Ok(Receipt { seq, outcome: Outcome::Rejected { code: "no-such-device", message } });
        };
        let outcome = match self.decide_for(device, event)?.verdict {
            // Only a rollout is held, and it sends nothing over the bus.
            Verdict::Stored | Verdict::Repeated | Verdict::Held(_) => Outcome::Stored,
            Verdict::Rejected(Reject::Unreadable { code, message }) => {
                Outcome::Unreadable { code, message: message.into() }
            }
            Verdict::Rejected(reject) => {
                Outcome::Rejected { code: reject.code(), message: reject.to_string() }
            }
        };
        Ok(Receipt { seq, outcome })
    }

    /// Loads, decides and writes; what is to be told waits for the commit. A device that the event changed may come to
    /// match a filter, and gets what the filter brings in the same commit.
    pub(super) fn decide_for(&mut self, device: Device, event: &Event) -> Result<Decided, StoreError> {
        let tenant = &device.key.tenant;
        let watched = self.has_continuous(tenant) || self.has_filters(tenant)?;
        let before = watched.then(|| device.clone());
        let mut decided = self.decide_once(device, event)?;
        if before.is_some_and(|before| matching::differs(&before, &decided.device)) {
            self.match_filters_again(&mut decided)?;
            self.join_rollouts(&decided.device)?;
        }
        Ok(decided)
    }

    pub(super) fn decide_once(&mut self, device: Device, event: &Event) -> Result<Decided, StoreError> {
        let facts = self.facts(device, event)?;
        let outcome = decide(facts, event, self.now);
        self.draft.put_device(&outcome.device)?;
        let mut created = Vec::new();
        for changed in &outcome.changed {
            self.put_changed(changed)?;
            created.extend(changed.before.is_none().then_some(changed.action.id));
        }
        let format = outcome.device.push_format();
        for tell in outcome.tells {
            let message = self.message(&outcome.device.key.tenant, tell)?;
            let device = outcome.device.key.clone();
            self.effects.downlinks.push(Downlink { device, format, message });
        }
        let crate::domain::decide::Outcome { device, under_way, verdict, .. } = outcome;
        Ok(Decided { device, under_way, created, verdict })
    }

    fn facts(&mut self, device: Device, event: &Event) -> Result<Facts, StoreError> {
        let mut actions = active_actions(self.draft.view(), &device)?;
        if let Some(id) = event.action().filter(|id| actions.iter().all(|a| a.id != *id)) {
            let named = self.draft.view().action(&device.key.tenant, id)?;
            actions.extend(named.filter(|a| a.device == device.key));
        }
        let offers = self.offers(&device, event.offers_needed())?;
        let mut found = Vec::new();
        for (offer, image) in &offers {
            found.extend(steps(self.draft.view(), &device.key.tenant, [&**image], Some(&offer.rules))?);
        }
        let onward = self.onward(&device.key.tenant, &actions)?;
        for (_, images) in &onward {
            found.extend(self.steps_to(&device.key.tenant, images)?);
        }
        Ok(Facts {
            connected: self.memory.connected.contains(&device.key),
            offers,
            steps: found,
            onward,
            names: self.names(&device, event)?,
            next_action: self.next_action(),
            paused: self.memory.rollouts.held(&actions),
            closes: match event {
                Event::Assign { .. } => self.flag(&device.key.tenant, Setting::ActionsAutoclose)?,
                _ => true,
            },
            policy: self.settings.policy,
            actions,
            device,
        })
    }

    /// The images that may serve as steps to these.
    pub(super) fn steps_to(
        &self,
        tenant: &TenantId,
        images: &[Arc<Image>],
    ) -> Result<Vec<Arc<Image>>, StoreError> {
        steps(self.draft.view(), tenant, images.iter().map(|image| &**image), None)
    }

    /// What the actions under way are steps to.
    #[allow(clippy::type_complexity)] // Pairs, as the facts have them.
    fn onward(
        &mut self,
        tenant: &TenantId,
        actions: &[Action],
    ) -> Result<Vec<(Target, Vec<Arc<Image>>)>, StoreError> {
        let open = actions.iter().filter(|action| !action.state.is_terminal());
        let targets = open.filter_map(|action| Some(action.onward?.target));
        targets.map(|target| Ok((target, self.images_of(tenant, target)?))).collect()
    }

    /// The version texts of bare numbers. A number that the device reported before has its text already.
    fn names(
        &mut self,
        device: &Device,
        event: &Event,
    ) -> Result<BTreeMap<(FirmwareType, u64), Version>, StoreError> {
        let mut names = BTreeMap::new();
        let bare = event.versions().into_iter().flatten().filter(|(_, running)| running.version.is_none());
        for (kind, number) in bare.filter_map(|(kind, running)| Some((*kind, running.number?))) {
            let known = device.versions.get(&kind).filter(|r| r.running.number == Some(number));
            let version = match known.and_then(|r| r.running.version.clone()) {
                Some(version) => Some(version),
                None => self.version_of(&device.key.tenant, kind, number)?,
            };
            names.extend(version.map(|version| ((kind, number), version)));
        }
        Ok(names)
    }

    fn version_of(
        &mut self,
        tenant: &TenantId,
        kind: FirmwareType,
        number: u64,
    ) -> Result<Option<Version>, StoreError> {
        let Some(id) = self.draft.view().image_numbered(tenant, kind, number)? else { return Ok(None) };
        Ok(self.image(tenant, id)?.map(|image| image.version.clone()))
    }

    fn next_action(&self) -> ActionId {
        let newest = ActionId::new(u64::from(ActionId::MAX)).expect("the largest id is an id");
        ActionId::new(self.memory.actions + 1).unwrap_or(newest)
    }

    fn offers(&mut self, device: &Device, needed: Needed) -> Result<Vec<(Offer, Arc<Image>)>, StoreError> {
        let (tenant, product) = (&device.key.tenant, &device.product);
        let mut offers = Vec::new();
        match needed {
            Needed::All => offers = self.draft.view().offers(tenant, Some(product))?,
            Needed::Kinds(kinds) => {
                for kind in kinds {
                    offers.extend(self.draft.view().offer(tenant, product, kind)?);
                }
            }
        }
        let mut pairs = Vec::with_capacity(offers.len());
        for offer in offers {
            if let Some(image) = self.image(tenant, offer.image)? {
                pairs.push((offer, image));
            }
        }
        Ok(pairs)
    }

    /// An image; kept at hand, because images are immutable.
    pub(super) fn image(&mut self, tenant: &TenantId, id: ImageId) -> Result<Option<Arc<Image>>, StoreError> {
        let key = (tenant.clone(), id);
        if let Some(image) = self.memory.images.get(&key) {
            return Ok(Some(Arc::clone(image)));
        }
        let Some(image) = self.draft.view().image(tenant, id)?.map(Arc::new) else { return Ok(None) };
        if self.memory.images.len() >= IMAGES {
            self.memory.images.clear();
        }
        self.memory.images.insert(key, Arc::clone(&image));
        Ok(Some(image))
    }

    /// Forgets an image that is being removed.
    pub(super) fn forget_image(&mut self, tenant: &TenantId, id: ImageId) {
        self.memory.images.remove(&(tenant.clone(), id));
    }

    pub(super) fn put_changed(&mut self, changed: &Changed) -> Result<(), StoreError> {
        let action = &changed.action;
        let tenant = &action.device.tenant;
        if changed.before.is_none() {
            self.memory.actions = u64::from(action.id.get());
            self.created = true;
            self.draft.add_action(action)?;
        } else {
            self.draft.put_action(action)?;
        }
        let first = action.entries + 1 - u32::try_from(changed.entries.len()).unwrap_or(action.entries);
        for (number, entry) in (first..).zip(&changed.entries) {
            self.draft.add_history(tenant, action.id, number, entry)?;
        }
        for at in action.cancel_by.into_iter().chain(changed.due) {
            self.draft.add_due(at, tenant, action.id)?;
        }
        if changed.before.is_none() {
            self.await_window(action)?;
        }
        if changed.before != Some(action.state) {
            self.news(tenant, Happened::action(action, changed.before.is_none()));
        }
        self.count(changed)
    }

    /// Moves the counters of the action's deployment or rollout, in the same commit.
    fn count(&mut self, changed: &Changed) -> Result<(), StoreError> {
        match changed.action.origin {
            Origin::Deployment(id) => {
                let tenant = changed.action.device.tenant.clone();
                let action = &changed.action;
                match self.deployment(tenant, id)? {
                    Some(_) if changed.before == Some(action.state) => {}
                    Some(deployment) if action.goes_on() => deployment.counters.put_back(),
                    Some(deployment) => deployment.counters.shift(changed.before.as_ref(), &action.state),
                    None => {}
                }
                Ok(())
            }
            Origin::Rollout(id, wave) => self.count_member(changed, id, wave),
            Origin::Offer | Origin::Filter(_) | Origin::Device => Ok(()),
        }
    }

    /// A deployment whose counters move in this batch; written once, at its end.
    pub(super) fn deployment(
        &mut self,
        tenant: TenantId,
        id: DeploymentId,
    ) -> Result<Option<&mut Deployment>, StoreError> {
        let key = (tenant, id);
        if !self.deployments.contains_key(&key) {
            let Some(deployment) = self.draft.view().deployment(&key.0, id)? else { return Ok(None) };
            self.deployments.insert(key.clone(), deployment);
        }
        Ok(self.deployments.get_mut(&key))
    }

    fn message(&mut self, tenant: &TenantId, tell: Tell) -> Result<Message, StoreError> {
        let expires = self.now.plus_ms(self.settings.command_expiry_ms);
        Ok(match tell {
            Tell::Command { order, action, attempt } => {
                self.memory.commands += 1;
                let id = self.memory.commands;
                Message::Command(Command { id, order, action, attempt, deadline: expires })
            }
            Tell::Desired { seq, actions } => {
                let components = self.wanted(tenant, &actions)?;
                Message::Desired(Desired { seq, expires, components })
            }
        })
    }

    fn wanted(&mut self, tenant: &TenantId, actions: &[Action]) -> Result<Vec<Wanted>, StoreError> {
        let mut wanted = Vec::new();
        for action in actions {
            let force = action.terms.force;
            let force = match force {
                // What is fetched ahead is not installed before the window opens.
                _ if action.is_held(self.now) => Force::DownloadOnly,
                _ if force.presses(self.now) => Force::Forced,
                _ => force,
            };
            for component in &action.components {
                if let Some(image) = self.image(tenant, component.image)? {
                    wanted.push(Wanted { action: action.id, image, force });
                }
            }
        }
        Ok(wanted)
    }

    /// A device has a session now, or has none any more.
    pub(super) fn link(&mut self, key: DeviceKey, linked: bool) -> Result<(), StoreError> {
        if linked {
            self.memory.connected.insert(key);
            return Ok(());
        }
        self.memory.connected.remove(&key);
        if let Some(mut device) = readable(self.draft.view().device(&key))?.filter(|d| d.online) {
            device.online = false;
            self.draft.put_device(&device)?;
        }
        Ok(())
    }

    /// Writes something, so that the probe's receipt proves a commit.
    pub(super) fn probe(&mut self) -> Result<(), StoreError> {
        self.draft.next(Counter::Probe).map(|_| ())
    }

    /// Writes what the batch gathered.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        if self.created {
            self.draft.put_counter(Counter::Action, self.memory.actions)?;
        }
        for deployment in std::mem::take(&mut self.deployments).into_values() {
            self.tell_of_end(&deployment)?;
            self.draft.put_deployment(&deployment)?;
        }
        self.close_rollouts()?;
        self.number_news()
    }

    /// The deployment as it stands in this batch.
    pub(super) fn put_new_deployment(&mut self, deployment: Deployment) {
        self.deployments.insert((deployment.tenant.clone(), deployment.id), deployment);
    }
}
