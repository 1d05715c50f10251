//! What operators want: each call checked against the store and carried out whole, or refused with a reason.

mod assign;
mod catalog;
mod devices;
mod images;
mod offers;
mod people;
mod releases;
mod rollouts;
mod tenants;
mod uploads;
mod webhooks;

use super::access::new_token;
use super::apply::Batch;
use super::call::{Call, CallError, Reply, Secret};
use crate::domain::event::Event;
use crate::store::StoreError;
use assign::Ordered;
use devices::Speaker;
use webhooks::Changes;

/// The most rows that are looked at in one go, to find one that is in use.
const PAGE: usize = 500;

/// Why a call was not carried out.
#[derive(Debug)]
pub(super) enum Failed {
    /// The call is refused; the batch goes on.
    Call(CallError),
    /// The store fails; the batch ends.
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed::Store(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Failed::Call(error)
    }
}

impl Batch<'_> {
    /// Carries out a call. Every check comes before the first write, so that a refusal leaves nothing.
    pub(super) fn call(&mut self, call: Call) -> Result<Reply, Failed> {
        match call {
            Call::AddDevice { key, product, by } => self.add_device(key, product, &by),
            Call::AddDevices { tenant, devices, by } => self.add_devices(&tenant, devices, &by),
            Call::ChangeDevice { key, change, by } => self.change_device(&key, change, &by),
            Call::RenewToken { key } => self.renew_token(&key),
            Call::RemoveDevice { key } => self.remove_device(&key),
            Call::Hear { key, event, from, proven, newcomer } => {
                let speaker = Speaker { from, proven, newcomer };
                self.hear(key, &event, speaker)
            }
            Call::AddImages { tenant, images, by } => self.add_images(&tenant, images, &by),
            Call::ChangeImage { tenant, image, change, by } => self.change_image(&tenant, image, change, &by),
            Call::RemoveImage { tenant, image, mark } => self.remove_image(&tenant, image, mark),
            Call::KeepUpload { tenant, file } => self.keep_upload(tenant, file),
            Call::MoveUpload { tenant, sha256 } => self.move_upload(&tenant, sha256),
            Call::SweepUploads => self.sweep_uploads(),
            Call::AddReleases { tenant, releases, by } => self.add_releases(&tenant, releases, &by),
            Call::ChangeRelease { tenant, release, change, by } => {
                self.change_release(&tenant, release, change, &by)
            }
            Call::RemoveRelease { tenant, release, mark } => self.remove_release(&tenant, release, mark),
            Call::SetOffer { tenant, image, product, rules, allow_downgrade } => {
                self.set_offer(tenant, image, product, rules, allow_downgrade)
            }
            Call::RemoveOffer { tenant, product, kind } => self.remove_offer(&tenant, product, kind),
            Call::Deploy { tenant, target, devices, allow_downgrade, terms, by } => {
                let order = Ordered { target, terms, by };
                self.deploy(tenant, order, &devices, allow_downgrade)
            }
            Call::AddRollout { tenant, rollout, members, by } => {
                self.add_rollout(&tenant, *rollout, &members, &by)
            }
            Call::CommandRollout { tenant, rollout, command, by } => {
                self.command_rollout(&tenant, rollout, &command, &by)
            }
            Call::Assign { tenant, orders, offline, allow_downgrade, by } => match offline {
                true => self.assign_offline(&tenant, orders, &by),
                false => self.assign(&tenant, orders, allow_downgrade, &by),
            },
            Call::Force { tenant, action, by: _ } => self.on_action(&tenant, action, Event::Force { action }),
            Call::Confirm { tenant, action, answer, by: _ } => {
                self.on_action(&tenant, action, Event::Confirm { action, consent: answer })
            }
            Call::RemoveActions { tenant, actions } => self.remove_actions(&tenant, &actions),
            Call::Cancel { tenant, action, how } => {
                self.on_action(&tenant, action, Event::Cancel { action, how })
            }
            Call::AddOperator { name, tenant, role } => self.add_operator(name, tenant, role),
            Call::RenewOperator { name } => self.renew_operator(name),
            Call::RemoveOperator { name } => self.remove_operator(name),
            Call::SetPassword { name, hash } => self.set_password(&name, hash.as_deref()),
            Call::AddItems { tenant, items, by } => self.add_items(&tenant, items, &by),
            Call::PutItem { item, by } => self.put_item(item, &by),
            Call::RemoveItem { tenant, section, id } => self.remove_item(&tenant, section, id),
            Call::AddWebhook { tenant, url, wanted, by } => self.add_webhook(tenant, url, wanted, &by),
            Call::ChangeWebhook { tenant, webhook, url, wanted, enabled, by } => {
                self.change_webhook(&tenant, webhook, Changes { url, wanted, enabled }, &by)
            }
            Call::RemoveWebhook { tenant, webhook } => self.remove_webhook(&tenant, webhook),
            Call::NoteWebhook { tenant, webhook, cursor, attempt } => {
                self.note_webhook(&tenant, webhook, cursor, attempt)
            }
            Call::AddTenant { tenant, by } => self.add_tenant(tenant, &by),
            Call::Configure { tenant, settings, by } => self.configure(&tenant, settings, &by),
        }
    }
}

fn fresh_token() -> Result<Secret, CallError> {
    new_token().map_err(|error| {
        tracing::error!(%error, "the system has no randomness");
        CallError::Busy
    })
}
