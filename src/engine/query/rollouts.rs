//! What is asked about rollouts, and which devices a new one is for.

use std::collections::{BTreeSet, HashMap};

use super::{Reader, StoreError};
use crate::domain::action::{Action, Origin};
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::eligibility::is_for;
use crate::domain::filter::{Filter, Moment};
use crate::domain::ids::{ActionId, DeviceId, DeviceKey, ProductId, RolloutId, TenantId};
use crate::domain::image::Image;
use crate::domain::rollout::{
    Fault, Member, NewRollout, NewWave, Place, Remedy, Rollout, Size, Tally, Wave, Who, bucket, check, places,
};
use crate::engine::call::CallError;
use crate::engine::now;
use crate::engine::rollouts::is_untold;
use crate::engine::subject::{DeviceSubject, Names};
use crate::store::tables::View;

/// How many devices are read in one go: a few hundred kilobytes.
const STRIDE: usize = 256;
/// How many devices a refusal names.
const NAMED: usize = 3;

/// A device that a rollout is for, until its wave is known.
struct Candidate {
    device: DeviceId,
    /// Where it stands in the order in which waves are filled.
    place: u64,
    /// The waves with filters of their own that it fits.
    fits: Vec<u16>,
}

/// All functions fail with [`StoreError`] when the database cannot be read.
#[allow(clippy::missing_errors_doc)]
impl Reader {
    /// One rollout, with its waves.
    pub fn rollout(
        &self,
        tenant: &TenantId,
        id: RolloutId,
    ) -> Result<Option<(Rollout, Vec<Wave>)>, StoreError> {
        self.ask(|view| match view.rollout(tenant, id)? {
            Some(rollout) => Ok(Some((rollout, view.waves(tenant, id)?))),
            None => Ok(None),
        })
    }

    /// Rollouts with their waves, newest first, from the first before `before`, removed ones among them.
    pub fn rollouts(
        &self,
        tenant: &TenantId,
        before: Option<RolloutId>,
        limit: usize,
    ) -> Result<Vec<(Rollout, Vec<Wave>)>, StoreError> {
        self.ask(|view| {
            let rollouts = view.rollouts(tenant, before, limit)?.into_iter();
            rollouts.map(|rollout| Ok((view.waves(tenant, rollout.id)?, rollout))).map(swap).collect()
        })
    }

    /// Members of a wave: those that were reached in the order of their ids, then those that wait in the order of
    /// theirs, from the first behind the member `after`.
    pub fn members(
        &self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        after: Option<&Member>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        self.ask(|view| {
            let waits = after.is_some_and(|member| member.place == Place::Waiting);
            let after = after.map(|member| &member.device);
            if waits {
                return view.waiting_members(tenant, id, wave, after, limit);
            }
            let mut members = view.reached_members(tenant, id, wave, after, limit)?;
            let left = limit - members.len();
            members.extend(view.waiting_members(tenant, id, wave, None, left)?);
            Ok(members)
        })
    }

    /// The devices of a wave in the order of their ids: `limit` of them, behind the first `offset`.
    pub fn members_by_id(
        &self,
        tenant: &TenantId,
        id: RolloutId,
        wave: u16,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<DeviceId>, StoreError> {
        self.ask(|view| {
            let (mut found, mut ahead) = (Vec::new(), offset);
            let mut after: Option<DeviceId> = None;
            loop {
                // The next of all are among the next of those that were reached and of those that wait.
                let mut members = view.reached_members(tenant, id, wave, after.as_ref(), STRIDE)?;
                members.extend(view.waiting_members(tenant, id, wave, after.as_ref(), STRIDE)?);
                let mut ids: Vec<_> = members.into_iter().map(|member| member.device).collect();
                ids.sort_unstable();
                ids.truncate(STRIDE);
                let full = ids.len() == STRIDE;
                after = ids.last().cloned();
                let passed = ahead.min(ids.len());
                ahead -= passed;
                let room = limit - found.len();
                found.extend(ids.into_iter().skip(passed).take(room));
                if !full || found.len() == limit {
                    return Ok(found);
                }
            }
        })
    }

    /// The member of a rollout that is this device, with its wave.
    pub fn member(
        &self,
        tenant: &TenantId,
        id: RolloutId,
        device: &DeviceId,
    ) -> Result<Option<(u16, Member)>, StoreError> {
        self.ask(|view| member_of(view, tenant, id, device))
    }

    /// The devices of a rollout that ended badly or were called off: who a retry is for. Without those that are gone or
    /// have become what the target is not for, for which no rollout can be made.
    pub fn failed_members(&self, tenant: &TenantId, id: RolloutId) -> Result<Vec<DeviceId>, StoreError> {
        self.ask(|view| {
            let mut failed = Vec::new();
            let Some(rollout) = view.rollout(tenant, id)? else { return Ok(failed) };
            let images = brought(view, tenant, rollout.target)?;
            for wave in view.waves(tenant, id)? {
                let mut after = None;
                loop {
                    let page = view.reached_members(tenant, id, wave.number, after.as_ref(), STRIDE)?;
                    let (last, full) = (page.last().map(|own| own.device.clone()), page.len() == STRIDE);
                    for own in page.into_iter().filter(|own| ended_badly(own.place)) {
                        let key = DeviceKey { tenant: tenant.clone(), device: own.device };
                        let fits = |device: Device| images.iter().all(|image| is_for(&device, image));
                        if view.device(&key)?.is_some_and(fits) {
                            failed.push(key.device);
                        }
                    }
                    if !full {
                        break;
                    }
                    after = last;
                }
            }
            Ok(failed)
        })
    }

    /// The tally of each wave as a count of its members has it: what the counters must say too.
    pub fn recount(&self, tenant: &TenantId, id: RolloutId) -> Result<Vec<Tally>, StoreError> {
        self.ask(|view| {
            let waves = view.waves(tenant, id)?;
            waves.iter().map(|wave| recount(view, tenant, id, wave.number)).collect()
        })
    }

    /// Who a new rollout is for, wave by wave; a list where it is for one. Everything that can be wrong with the rollout
    /// is found here: the [`CallError`] says what it is, and where.
    pub fn muster(
        &self,
        tenant: &TenantId,
        new: &NewRollout,
        listed: &[DeviceId],
        at: Moment,
    ) -> Result<Result<Vec<Vec<DeviceId>>, CallError>, StoreError> {
        if let Err(fault) = check(new, now()) {
            return Ok(Err(CallError::BadRollout(fault)));
        }
        self.ask(|view| {
            let images = match images_of(view, tenant, new)? {
                Ok(images) => images,
                Err(error) => return Ok(Err(error)),
            };
            let devices = candidates(view, tenant, (new, listed), &images, at)?;
            Ok(devices.and_then(|devices| fill(new, devices).map_err(CallError::BadRollout)))
        })
    }
}

fn recount(view: View<'_>, tenant: &TenantId, id: RolloutId, wave: u16) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        let page = view.waiting_members(tenant, id, wave, after.as_ref(), STRIDE)?;
        tally.waiting += page.len() as u64;
        after = page.last().map(|member| member.device.clone());
        if page.len() < STRIDE {
            break;
        }
    }
    let mut after = None;
    loop {
        let page = view.reached_members(tenant, id, wave, after.as_ref(), STRIDE)?;
        for member in &page {
            *tally.at(member.place) += 1;
            tally.leased += u64::from(member.leased);
        }
        after = page.last().map(|member| member.device.clone());
        if page.len() < STRIDE {
            return Ok(tally);
        }
    }
}

fn swap<A, B>(pair: Result<(A, B), StoreError>) -> Result<(B, A), StoreError> {
    pair.map(|(a, b)| (b, a))
}

fn ended_badly(place: Place) -> bool {
    match place {
        Place::Failed | Place::Rejected | Place::TimedOut | Place::NotCompatible | Place::Cancelled => true,
        Place::Waiting | Place::Deferred | Place::Active | Place::Succeeded => false,
    }
}

/// The images of a target, as far as they are still there.
fn brought(view: View<'_>, tenant: &TenantId, target: Target) -> Result<Vec<Image>, StoreError> {
    let ids = match target {
        Target::Image(id) => vec![id],
        Target::Release(id) => view.release(tenant, id)?.map_or(Vec::new(), |release| release.images),
    };
    ids.into_iter().filter_map(|id| view.image(tenant, id).transpose()).collect()
}

/// The actions that a device which was not told of them is not told now, because their rollouts are paused.
pub(super) fn held(view: View<'_>, actions: &[Action]) -> Result<BTreeSet<ActionId>, StoreError> {
    let mut held = BTreeSet::new();
    for action in actions.iter().filter(|action| is_untold(action)) {
        if let Origin::Rollout(id, _) = action.origin
            && let Some(rollout) = view.rollout(&action.device.tenant, id)?
            && rollout.holds_back()
        {
            held.insert(action.id);
        }
    }
    Ok(held)
}

/// The member of a rollout that is this device.
pub(super) fn member_of(
    view: View<'_>,
    tenant: &TenantId,
    id: RolloutId,
    device: &DeviceId,
) -> Result<Option<(u16, Member)>, StoreError> {
    let waves = view.rollout(tenant, id)?.map_or(0, |rollout| rollout.waves);
    for wave in 1..=waves {
        if let Some(member) = view.member(tenant, id, wave, device)? {
            return Ok(Some((wave, member)));
        }
    }
    Ok(None)
}

/// The images of the target, and that the image of a remedy is there.
fn images_of(
    view: View<'_>,
    tenant: &TenantId,
    new: &NewRollout,
) -> Result<Result<Vec<Image>, CallError>, StoreError> {
    let ids = match new.target {
        Target::Image(id) => vec![id],
        Target::Release(id) => match view.release(tenant, id)?.filter(|release| !release.deleted) {
            Some(release) => release.images,
            None => return Ok(Err(CallError::NoSuchRelease(id))),
        },
    };
    let mut images = Vec::with_capacity(ids.len());
    for id in ids {
        match view.image(tenant, id)?.filter(|image| !image.deleted) {
            Some(image) => images.push(image),
            None => return Ok(Err(CallError::NoSuchImage(id))),
        }
    }
    let stops =
        new.stops.iter().enumerate().map(|(place, rule)| (format!("stop_rules[{place}].image"), rule.then));
    let canary = new.canary.iter().map(|canary| ("canary.image".to_owned(), canary.then));
    for (field, remedy) in stops.chain(canary) {
        let Remedy::RollBack(id) = remedy else { continue };
        let Some(back) = view.image(tenant, id)?.filter(|image| !image.deleted) else {
            return Ok(Err(CallError::BadRollout(Fault::new(field, format!("there is no image {id}")))));
        };
        if let Some(reason) = not_back(&images, &back) {
            return Ok(Err(CallError::BadRollout(Fault::new(field, reason))));
        }
    }
    Ok(Ok(images))
}

/// Why an image cannot be brought back where these were brought.
fn not_back(images: &[Image], back: &Image) -> Option<String> {
    let id = back.id;
    let Some(image) = images.iter().find(|image| image.kind == back.kind) else {
        return Some(format!("image {id} is of type {}, which the rollout does not bring", back.kind.get()));
    };
    if image.id == id {
        return Some(format!("image {id} is what the rollout brings"));
    }
    (!back.products.covers(&image.products))
        .then(|| format!("image {id} is not for all products of image {}", image.id))
}

/// The devices that the rollout selects, each held against the images that it is to get.
fn candidates(
    view: View<'_>,
    tenant: &TenantId,
    (new, listed): (&NewRollout, &[DeviceId]),
    images: &[Image],
    at: Moment,
) -> Result<Result<Vec<Candidate>, CallError>, StoreError> {
    let names = Names::new(view, tenant);
    let mut picked = Picked::new(new, images, &names, at);
    match &new.selection.who {
        Who::Listed => {
            let mut seen: HashMap<&DeviceId, usize> = HashMap::with_capacity(listed.len());
            for (place, id) in listed.iter().enumerate() {
                let field = format!("devices[{place}]");
                if seen.insert(id, place).is_some() {
                    let fault = Fault::new(field, format!("{id} is named twice"));
                    return Ok(Err(CallError::BadRollout(fault)));
                }
                let key = DeviceKey { tenant: tenant.clone(), device: id.clone() };
                match view.device(&key)? {
                    Some(device) => picked.take(&device),
                    None => {
                        let fault = Fault::new(field, format!("there is no device {id}"));
                        return Ok(Err(CallError::BadRollout(fault)));
                    }
                }
            }
        }
        Who::Product(product) => {
            let mut after: Option<DeviceId> = None;
            loop {
                let stride = view.product_devices(tenant, product, after.as_ref(), STRIDE)?;
                for id in &stride {
                    let key = DeviceKey { tenant: tenant.clone(), device: id.clone() };
                    view.device(&key)?.iter().for_each(|device| picked.take(device));
                }
                if stride.len() < STRIDE {
                    break;
                }
                after = stride.into_iter().next_back();
            }
        }
        Who::Filter(_) => {
            let mut after: Option<DeviceId> = None;
            loop {
                let stride = view.devices(tenant, after.as_ref(), STRIDE)?;
                stride.iter().for_each(|device| picked.take(device));
                if stride.len() < STRIDE {
                    break;
                }
                after = stride.last().map(|device| device.key.device.clone());
            }
        }
    }
    Ok(picked.end())
}

/// Devices while they are being picked.
struct Picked<'a> {
    new: &'a NewRollout,
    images: &'a [Image],
    names: &'a Names<'a>,
    at: Moment,
    filter: Option<Filter>,
    waves: Vec<(u16, Filter)>,
    found: Vec<Candidate>,
    /// How many devices of a product cannot take an image, with the first of them.
    unfit: Vec<(ProductId, &'a Image, usize, DeviceId)>,
}

impl<'a> Picked<'a> {
    fn new(new: &'a NewRollout, images: &'a [Image], names: &'a Names<'a>, at: Moment) -> Self {
        // Every filter was parsed by the check before.
        let filter = match &new.selection.who {
            Who::Filter(query) => Filter::parse(query).ok(),
            Who::Product(_) | Who::Listed => None,
        };
        let waves = (1..).zip(&new.waves);
        let waves =
            waves.filter_map(|(number, wave)| Some((number, Filter::parse(wave.filter.as_deref()?).ok()?)));
        Picked {
            new,
            images,
            names,
            at,
            filter,
            waves: waves.collect(),
            found: Vec::new(),
            unfit: Vec::new(),
        }
    }

    fn take(&mut self, device: &Device) {
        let selection = &self.new.selection;
        let subject = DeviceSubject { device, names: self.names };
        let id = &device.key.device;
        let chosen = self.filter.as_ref().is_none_or(|filter| filter.matches(&subject, self.at));
        if !chosen || bucket(id, selection.seed) >= selection.share.hundredths() {
            return;
        }
        if let Some(image) = self.images.iter().find(|image| !is_for(device, image)) {
            let same = |own: &&mut (ProductId, &Image, usize, DeviceId)| {
                own.0 == device.product && own.1.id == image.id
            };
            match self.unfit.iter_mut().find(same) {
                Some(own) => own.2 += 1,
                None => self.unfit.push((device.product.clone(), image, 1, id.clone())),
            }
            return;
        }
        let fits = self.waves.iter().filter(|(_, filter)| filter.matches(&subject, self.at));
        let fits = fits.map(|(number, _)| *number).collect();
        self.found.push(Candidate { device: id.clone(), place: places(id, selection.seed), fits });
    }

    fn end(self) -> Result<Vec<Candidate>, CallError> {
        let fault = match (self.unfit.first(), self.found.is_empty()) {
            (Some((product, image, count, first)), _) => {
                let products = image.products.contains(product);
                let why = if products { "do not list its type" } else { "are of another product" };
                let reason = format!(
                    "image {} is not for {count} of the devices, which {why} (product {product}, the first is {first})",
                    image.id
                );
                Fault::new("target", reason)
            }
            (None, true) => match &self.new.selection.who {
                Who::Filter(_) => Fault::new("filter", "no device matches"),
                Who::Product(product) => {
                    Fault::new("product", format!("there is no device of product {product}"))
                }
                Who::Listed => Fault::new("devices", "no device is left"),
            },
            (None, false) => return Ok(self.found),
        };
        Err(CallError::BadRollout(fault))
    }
}

/// Fills the waves, in their order.
fn fill(new: &NewRollout, mut left: Vec<Candidate>) -> Result<Vec<Vec<DeviceId>>, Fault> {
    let filtered = |wave: &NewWave| wave.filter.is_some();
    if !new.may_overlap
        && let Some(both) = left.iter().find(|own| own.fits.len() > 1)
    {
        let field = format!("waves[{}].filter", both.fits[1] - 1);
        return Err(Fault::new(field, format!("{} is in wave {} as well", both.device, both.fits[0])));
    }
    left.sort_unstable_by(|a, b| (a.place, &a.device).cmp(&(b.place, &b.device)));
    let all = left.len();
    let mut waves = Vec::with_capacity(new.waves.len());
    for (number, wave) in (1_u16..).zip(&new.waves) {
        let may = |own: &Candidate| !filtered(wave) || own.fits.contains(&number);
        let (mine, others): (Vec<_>, Vec<_>) = left.into_iter().partition(may);
        let whole = if filtered(wave) { mine.len() } else { all };
        let count = match wave.size {
            Size::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Size::Part(share) => share.of(whole),
            Size::PartOfRest(share) => share.of(mine.len()),
            Size::Rest => mine.len(),
        };
        let mut mine = mine;
        let mut rest = mine.split_off(count.min(mine.len()));
        rest.extend(others);
        rest.sort_unstable_by(|a, b| (a.place, &a.device).cmp(&(b.place, &b.device)));
        left = rest;
        let mut devices: Vec<DeviceId> = mine.into_iter().map(|own| own.device).collect();
        devices.sort_unstable();
        waves.push(devices);
    }
    if left.is_empty() {
        return Ok(waves);
    }
    let named: Vec<_> = left.iter().take(NAMED).map(|own| own.device.to_string()).collect();
    let reason = format!("{} of {all} devices are in no wave, such as {}", left.len(), named.join(", "));
    Err(Fault::new("waves", reason))
}
