//! The keys of every table, written and read in one place.
//!
//! A name is followed by NUL (names never contain it) unless it ends the key, so a tenant's rows lie together and no
//! tenant is the prefix of another. Numbers are big-endian, so that their order is the order of the bytes.

use crate::domain::catalog::Section;
use crate::domain::ids::{
    ActionId, DeviceId, DeviceKey, FirmwareType, ItemId, ProductId, RolloutId, TenantId, Time,
};
use crate::domain::image::Sha256;
use crate::domain::version::Version;
use crate::store::tables::{Again, Counter};

const NUL: &[u8] = &[0];

/// Every row of a tenant.
pub(super) fn tenant(tenant: &TenantId) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL].concat()
}

/// A device, its credential.
pub(super) fn device(tenant: &TenantId, device: &DeviceId) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, device.as_str().as_bytes()].concat()
}

/// Every row of a product.
pub(super) fn product(tenant: &TenantId, product: &ProductId) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, product.as_str().as_bytes(), NUL].concat()
}

/// A device among those of its product.
pub(super) fn product_device(tenant: &TenantId, product: &ProductId, device: &DeviceId) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, product.as_str().as_bytes(), NUL, device.as_str().as_bytes()].concat()
}

/// The standing offer of a product and firmware type.
pub(super) fn offer(tenant: &TenantId, product: &ProductId, kind: FirmwareType) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, product.as_str().as_bytes(), NUL, &[kind.get()]].concat()
}

/// An image, a release, an action or a deployment, all of which have numbers; also all history of an action.
pub(super) fn numbered(tenant: &TenantId, number: u32) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, &number.to_be_bytes()].concat()
}

/// An image by what a device reports: firmware type and number.
pub(super) fn image_number(tenant: &TenantId, kind: FirmwareType, number: u64) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, &[kind.get()], &number.to_be_bytes()].concat()
}

/// An image by what people call it. The name comes last: only it may hold any character.
pub(super) fn image_name(tenant: &TenantId, kind: FirmwareType, name: &str, version: &Version) -> Vec<u8> {
    let version = version.as_str().as_bytes();
    [tenant.as_str().as_bytes(), NUL, &[kind.get()], version, NUL, name.as_bytes()].concat()
}

/// Every image of a firmware type and version.
pub(super) fn image_version(tenant: &TenantId, kind: FirmwareType, version: &Version) -> Vec<u8> {
    image_name(tenant, kind, "", version)
}

/// A release by what people call it.
pub(super) fn release_name(tenant: &TenantId, name: &str, version: &Version) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, version.as_str().as_bytes(), NUL, name.as_bytes()].concat()
}

/// A file that no image has yet.
pub(super) fn upload(tenant: &TenantId, sha256: &Sha256) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, &sha256.0].concat()
}

/// Tenant and sum of such a file.
pub(super) fn read_upload(key: &[u8]) -> Option<(TenantId, Sha256)> {
    let (tenant, sum) = key.split_last_chunk()?;
    let tenant = std::str::from_utf8(tenant.strip_suffix(NUL)?).ok()?;
    Some((TenantId::parse(tenant).ok()?, Sha256(*sum)))
}

/// Every action of a device.
pub(super) fn device_actions(device: &DeviceKey) -> Vec<u8> {
    [device.tenant.as_str().as_bytes(), NUL, device.device.as_str().as_bytes(), NUL].concat()
}

/// An action among those of its device.
pub(super) fn device_action(device: &DeviceKey, action: ActionId) -> Vec<u8> {
    [device_actions(device).as_slice(), &action.get().to_be_bytes()].concat()
}

/// An entry of an action's history.
pub(super) fn history(tenant: &TenantId, action: ActionId, number: u32) -> Vec<u8> {
    [numbered(tenant, action.get()).as_slice(), &number.to_be_bytes()].concat()
}

/// A task; also all pending rows of a task.
pub(super) fn task(task: u64) -> [u8; 8] {
    task.to_be_bytes()
}

/// Devices that a task has not reached.
pub(super) fn pending(task: u64, slice: u32) -> Vec<u8> {
    [task.to_be_bytes().as_slice(), &slice.to_be_bytes()].concat()
}

/// An action for which something is due at a moment.
pub(super) fn due(at: Time, tenant: &TenantId, action: ActionId) -> Vec<u8> {
    [&at.0.to_be_bytes(), tenant.as_str().as_bytes(), NUL, &action.get().to_be_bytes()].concat()
}

/// Whether a member of a wave has been reached: those that wait lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Reached,
}

/// A wave of a rollout.
pub(super) fn wave(tenant: &TenantId, rollout: RolloutId, number: u16) -> Vec<u8> {
    [numbered(tenant, rollout.get()).as_slice(), &number.to_be_bytes()].concat()
}

/// All members of a wave that wait, or all that were reached.
pub(super) fn members(tenant: &TenantId, rollout: RolloutId, wave: u16, phase: Phase) -> Vec<u8> {
    let phase = match phase {
        Phase::Waiting => 0,
        Phase::Reached => 1,
    };
    [self::wave(tenant, rollout, wave).as_slice(), &[phase]].concat()
}

/// A member of a wave.
pub(super) fn member(
    tenant: &TenantId,
    rollout: RolloutId,
    wave: u16,
    phase: Phase,
    device: &DeviceId,
) -> Vec<u8> {
    [members(tenant, rollout, wave, phase).as_slice(), device.as_str().as_bytes()].concat()
}

/// A member that is to be reached again at a moment.
pub(super) fn deferred((at, tenant, rollout, wave, device): &Again) -> Vec<u8> {
    let member = [self::wave(tenant, *rollout, *wave).as_slice(), device.as_str().as_bytes()].concat();
    [at.0.to_be_bytes().as_slice(), &member].concat()
}

/// The secret that sessions are made with.
pub(super) const SESSION_SECRET: &[u8] = b"session-secret";
/// Every item of a section.
pub(super) fn section(tenant: &TenantId, section: Section) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, &[section_code(section)]].concat()
}

/// An item.
pub(super) fn item(tenant: &TenantId, section: Section, id: ItemId) -> Vec<u8> {
    [self::section(tenant, section).as_slice(), &id.get().to_be_bytes()].concat()
}

/// An item by its name.
pub(super) fn item_name(tenant: &TenantId, section: Section, name: &str) -> Vec<u8> {
    [self::section(tenant, section).as_slice(), b"n", name.as_bytes()].concat()
}

/// An item by its key.
pub(super) fn item_key(tenant: &TenantId, section: Section, key: &str) -> Vec<u8> {
    [self::section(tenant, section).as_slice(), b"k", key.as_bytes()].concat()
}

fn section_code(section: Section) -> u8 {
    match section {
        Section::DeviceTags => 0,
        Section::ReleaseTags => 1,
        Section::Types => 2,
        Section::ReleaseTypes => 3,
        Section::Products => 4,
        Section::Filters => 5,
    }
}

/// A counter.
pub(super) fn counter(counter: Counter<'_>) -> Vec<u8> {
    match counter {
        Counter::Action => b"action".to_vec(),
        Counter::Image => b"image".to_vec(),
        Counter::Release => b"release".to_vec(),
        Counter::Deployment => b"deployment".to_vec(),
        Counter::Rollout => b"rollout".to_vec(),
        Counter::Task => b"task".to_vec(),
        Counter::Artifact => b"artifact".to_vec(),
        Counter::Newcomers => b"newcomers".to_vec(),
        Counter::Probe => b"probe".to_vec(),
        Counter::Epoch => b"epoch".to_vec(),
        Counter::ImageNumber(tenant, kind) => {
            [b"image-number", NUL, tenant.as_str().as_bytes(), NUL, &[kind.get()]].concat()
        }
        Counter::News(tenant) => [b"news", NUL, tenant.as_str().as_bytes()].concat(),
        Counter::Webhook(tenant) => [b"webhook", NUL, tenant.as_str().as_bytes()].concat(),
        Counter::Item(tenant, section) => {
            [b"item", NUL, tenant.as_str().as_bytes(), NUL, &[section_code(section)]].concat()
        }
    }
}

/// News of a tenant, by the number of the first of a row.
pub(super) fn news(tenant: &TenantId, first: u64) -> Vec<u8> {
    [tenant.as_str().as_bytes(), NUL, &first.to_be_bytes()].concat()
}

/// The number that ends the key of news.
pub(super) fn read_news(rest: &[u8]) -> Option<u64> {
    rest.try_into().ok().map(u64::from_be_bytes)
}

/// The device that ends a key.
pub(super) fn read_device(rest: &[u8]) -> Option<DeviceId> {
    DeviceId::parse(std::str::from_utf8(rest).ok()?).ok()
}

/// The number that ends a key.
pub(super) fn read_number(rest: &[u8]) -> Option<u64> {
    rest.try_into().ok().map(|bytes| u64::from(u32::from_be_bytes(bytes)))
}

/// The slice that ends a key.
pub(super) fn read_slice(rest: &[u8]) -> Option<u32> {
    rest.try_into().ok().map(u32::from_be_bytes)
}

/// The task that is a key.
pub(super) fn read_task(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// Product and firmware type, which end an offer's key.
pub(super) fn read_offer(rest: &[u8]) -> Option<(ProductId, FirmwareType)> {
    let (kind, product) = rest.split_last()?;
    let product = std::str::from_utf8(product.strip_suffix(NUL)?).ok()?;
    Some((ProductId::parse(product).ok()?, FirmwareType::new(u64::from(*kind))?))
}

/// Tenant and number that are a key.
pub(super) fn read_numbered(key: &[u8]) -> Option<(TenantId, u64)> {
    let (tenant, number) = key.split_last_chunk()?;
    let tenant = std::str::from_utf8(tenant.strip_suffix(NUL)?).ok()?;
    Some((TenantId::parse(tenant).ok()?, u64::from(u32::from_be_bytes(*number))))
}

/// The wave that ends a key.
pub(super) fn read_wave(rest: &[u8]) -> Option<u16> {
    rest.try_into().ok().map(u16::from_be_bytes)
}

/// What the key of a deferred member says.
pub(super) fn read_deferred(key: &[u8]) -> Option<Again> {
    let (at, rest) = key.split_first_chunk()?;
    let nul = rest.iter().position(|byte| *byte == 0)?;
    let tenant = std::str::from_utf8(rest.get(..nul)?).ok()?;
    let (rollout, rest) = rest.get(nul + 1..)?.split_first_chunk()?;
    let (wave, device) = rest.split_first_chunk()?;
    let rollout = RolloutId::new(u64::from(u32::from_be_bytes(*rollout)))?;
    let tenant = TenantId::parse(tenant).ok()?;
    Some((Time(u64::from_be_bytes(*at)), tenant, rollout, u16::from_be_bytes(*wave), read_device(device)?))
}

/// What a due row's key says.
pub(super) fn read_due(key: &[u8]) -> Option<(Time, TenantId, ActionId)> {
    let (at, rest) = key.split_first_chunk()?;
    let (tenant, action) = rest.split_last_chunk()?;
    let tenant = std::str::from_utf8(tenant.strip_suffix(NUL)?).ok()?;
    let action = ActionId::new(u64::from(u32::from_be_bytes(*action)))?;
    Some((Time(u64::from_be_bytes(*at)), TenantId::parse(tenant).ok()?, action))
}
