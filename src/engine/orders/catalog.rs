//! The catalog: tags, types, products and filters, which operators name and arrange.

use std::collections::BTreeSet;

use super::{Failed, PAGE};
use crate::domain::catalog::{AutoAssign, Item, Label, Section, Trail, What};
use crate::domain::ids::{FirmwareType, ItemId, ProductId, TenantId};
use crate::domain::seeds::seeds;
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, NewItem, Reply};
use crate::store::StoreError;
use crate::store::tables::Counter;

/// The most items in one call: as many as jobs in one commit, so that neither starves the other.
const ITEMS_MAX: usize = 1000;
/// Where numbers of firmware types begin that nobody chose: behind the platform's, among those of peripherals.
const FIRST_FREE_TYPE: u64 = 101;
/// The longest name, description and colour, and the longest key and condition: what hawkBit's columns hold, in
/// characters.
const NAME_MAX: usize = 128;
const DESCRIPTION_MAX: usize = 512;
const COLOUR_MAX: usize = 16;
const KEY_MAX: usize = 64;
const QUERY_MAX: usize = 1024;

impl Batch<'_> {
    pub(super) fn add_items(
        &mut self,
        tenant: &TenantId,
        items: Vec<NewItem>,
        by: &str,
    ) -> Result<Reply, Failed> {
        if items.is_empty() || items.len() > ITEMS_MAX {
            return Err(CallError::Count { what: "items", max: ITEMS_MAX }.into());
        }
        self.check_new(tenant, &items)?;
        let numbers = self.type_numbers(tenant, &items)?;
        self.know_tenant(tenant, by)?;
        let mut made = Vec::with_capacity(items.len());
        for (new, number) in items.into_iter().zip(numbers) {
            made.push(self.add_item(tenant, new, number, by)?);
        }
        Ok(Reply::Items(made))
    }

    fn check_new(&mut self, tenant: &TenantId, items: &[NewItem]) -> Result<(), Failed> {
        let (mut names, mut keys, mut sections) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for NewItem { id, label, what } in items {
            sections.insert(what.section());
            check_label(label)?;
            self.check_what(tenant, what, None)?;
            self.check_free(tenant, label, what, None)?;
            if !names.insert(&label.name) || what.key().is_some_and(|key| !keys.insert(key)) {
                return Err(CallError::ItemExists(label.name.to_string()).into());
            }
            if id.is_some() && what.section() != Section::Types {
                return Err(bad("only a firmware type has a number of its choice").into());
            }
        }
        if sections.len() > 1 {
            return Err(bad("entries that are added together have to be of one section").into());
        }
        Ok(())
    }

    /// The number of each new firmware type; none for other items.
    fn type_numbers(&self, tenant: &TenantId, items: &[NewItem]) -> Result<Vec<Option<ItemId>>, Failed> {
        let mut taken = BTreeSet::new();
        for id in items.iter().filter_map(|new| new.id) {
            self.check_number(tenant, id)?;
            if !taken.insert(id) {
                return Err(CallError::ItemExists(format!("type {id}")).into());
            }
        }
        let mut numbers = Vec::with_capacity(items.len());
        for new in items {
            numbers.push(match (new.what.section(), new.id) {
                (Section::Types, Some(id)) => Some(id),
                (Section::Types, None) => Some(self.free_number(tenant, &mut taken)?),
                (_, _) => None,
            });
        }
        Ok(numbers)
    }

    /// A number of the caller's choice may be that of a type which was removed: the same number is the same type.
    fn check_number(&self, tenant: &TenantId, id: ItemId) -> Result<(), Failed> {
        if FirmwareType::new(u64::from(id.get())).is_none() {
            return Err(bad("the number of a firmware type is 1 to 200").into());
        }
        match self.draft.view().item(tenant, Section::Types, id)?.filter(|own| !own.deleted) {
            Some(_) => Err(CallError::ItemExists(format!("type {id}")).into()),
            None => Ok(()),
        }
    }

    fn free_number(&self, tenant: &TenantId, taken: &mut BTreeSet<ItemId>) -> Result<ItemId, Failed> {
        let candidates = (FIRST_FREE_TYPE..).map_while(FirmwareType::new);
        for id in candidates.filter_map(|kind| ItemId::new(u64::from(kind.get()))) {
            if self.draft.view().item(tenant, Section::Types, id)?.is_none() && taken.insert(id) {
                return Ok(id);
            }
        }
        Err(bad("every number of a firmware type is taken").into())
    }

    fn add_item(
        &mut self,
        tenant: &TenantId,
        new: NewItem,
        number: Option<ItemId>,
        by: &str,
    ) -> Result<Item, Failed> {
        let section = new.what.section();
        let id = match number {
            Some(id) => id,
            None => {
                let first = seeds(tenant, section).len() as u64;
                let next = first + self.draft.next(Counter::Item(tenant, section))?;
                ItemId::new(next).ok_or(CallError::Busy)?
            }
        };
        let NewItem { id: _, label, what } = new;
        let trail = Trail::new(by, self.now);
        let item = Item { tenant: tenant.clone(), id, label, what, deleted: false, trail };
        self.keep_item(&item)?;
        Ok(item)
    }

    fn keep_item(&mut self, item: &Item) -> Result<(), StoreError> {
        self.draft.put_item(item)?;
        match item.what.section() {
            Section::Filters => self.filters_changed(&item.tenant, Some(item.id)),
            Section::DeviceTags
            | Section::ReleaseTags
            | Section::Types
            | Section::ReleaseTypes
            | Section::Products => Ok(()),
        }
    }

    pub(super) fn put_item(&mut self, item: Item, by: &str) -> Result<Reply, Failed> {
        let Item { tenant, id, label, what, .. } = item;
        let old = self.known_item(&tenant, what.section(), id)?;
        check_label(&label)?;
        self.check_what(&tenant, &what, Some(&old.what))?;
        self.check_free(&tenant, &label, &what, Some(id))?;
        let mut trail = old.trail;
        trail.touch(by, self.now);
        let item = Item { tenant, id, label, what, deleted: false, trail };
        self.keep_item(&item)?;
        Ok(Reply::Items(vec![item]))
    }

    pub(super) fn remove_item(
        &mut self,
        tenant: &TenantId,
        section: Section,
        id: ItemId,
    ) -> Result<Reply, Failed> {
        let item = self.known_item(tenant, section, id)?;
        // What every tenant has from the start would be back if its row were gone.
        let is_seed = seeds(tenant, section).iter().any(|seed| seed.id == id);
        if is_seed || self.item_in_use(&item)? {
            self.keep_item(&Item { deleted: true, ..item })?;
        } else {
            self.draft.remove_item(tenant, section, id)?;
            if section == Section::Filters {
                self.filters_changed(tenant, Some(id))?;
            }
        }
        Ok(Reply::Removed { files: Vec::new() })
    }

    fn known_item(&self, tenant: &TenantId, section: Section, id: ItemId) -> Result<Item, Failed> {
        let found = self.draft.view().item(tenant, section, id)?.filter(|item| !item.deleted);
        found.ok_or_else(|| CallError::NoSuchItem(id.to_string()).into())
    }

    /// Whether something shows the item that could not show it without its row. Walks what may: for the rare removals
    /// only. Tags and filters are in the way of nobody: who carries a tag that is gone carries one tag less.
    fn item_in_use(&self, item: &Item) -> Result<bool, StoreError> {
        match &item.what {
            What::DeviceTag | What::ReleaseTag | What::Filter { .. } => Ok(false),
            What::Type { .. } => {
                let kind = FirmwareType::new(u64::from(item.id.get()));
                Ok(match kind {
                    Some(kind) => {
                        self.has_image_of(&item.tenant, kind)? || self.is_asked_for(&item.tenant, kind)?
                    }
                    None => false,
                })
            }
            What::ReleaseType { .. } => self.has_release_of(&item.tenant, item.id),
            What::Product { product, .. } => {
                Ok(!self.draft.view().product_devices(&item.tenant, product, None, 1)?.is_empty())
            }
        }
    }

    fn has_image_of(&self, tenant: &TenantId, kind: FirmwareType) -> Result<bool, StoreError> {
        let mut after = None;
        loop {
            let page = self.draft.view().images(tenant, after, PAGE)?;
            if page.iter().any(|image| image.kind == kind) {
                return Ok(true);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id),
                Some(_) | None => return Ok(false),
            }
        }
    }

    /// Whether a kind of release has a place for the type.
    fn is_asked_for(&self, tenant: &TenantId, kind: FirmwareType) -> Result<bool, StoreError> {
        let types = self.draft.view().items(tenant, Section::ReleaseTypes, None, usize::MAX)?;
        Ok(types.iter().filter(|item| !item.deleted).any(|item| match &item.what {
            What::ReleaseType { mandatory, optional, .. } => {
                mandatory.contains(&kind) || optional.contains(&kind)
            }
            What::DeviceTag
            | What::ReleaseTag
            | What::Type { .. }
            | What::Product { .. }
            | What::Filter { .. } => false,
        }))
    }

    fn has_release_of(&self, tenant: &TenantId, id: ItemId) -> Result<bool, StoreError> {
        let mut after = None;
        loop {
            let page = self.draft.view().releases(tenant, after, PAGE)?;
            if page.iter().any(|release| release.kind == Some(id)) {
                return Ok(true);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id),
                Some(_) | None => return Ok(false),
            }
        }
    }

    /// Whether what the section needs is right; what was there before is.
    fn check_what(&self, tenant: &TenantId, what: &What, old: Option<&What>) -> Result<(), Failed> {
        match what {
            What::DeviceTag | What::ReleaseTag => Ok(()),
            What::Type { key, .. } | What::ReleaseType { key, .. } => Ok(length("a key", key, 1, KEY_MAX)?),
            What::Product { product, release_types } => {
                let before = self.check_product(product, old)?;
                for id in release_types.difference(&before) {
                    self.known_item(tenant, Section::ReleaseTypes, *id)?;
                }
                Ok(())
            }
            What::Filter { query, auto } => {
                length("a condition", query, 1, QUERY_MAX)?;
                auto.iter().try_for_each(|auto| self.check_auto(tenant, auto))
            }
        }
    }

    /// The kinds of releases that a product took before. Its id is in device records and stays as it is.
    fn check_product(&self, product: &ProductId, old: Option<&What>) -> Result<BTreeSet<ItemId>, Failed> {
        match old {
            Some(What::Product { product: own, release_types }) if own == product => {
                Ok(release_types.clone())
            }
            Some(_) => Err(bad("a product keeps its id").into()),
            None => Ok(BTreeSet::new()),
        }
    }

    fn check_auto(&self, tenant: &TenantId, auto: &AutoAssign) -> Result<(), Failed> {
        let found = self.draft.view().release(tenant, auto.release)?;
        found.map(|_| ()).ok_or_else(|| CallError::NoSuchRelease(auto.release).into())
    }

    /// Whether name and key are free, or the item's own.
    fn check_free(
        &self,
        tenant: &TenantId,
        label: &Label,
        what: &What,
        own: Option<ItemId>,
    ) -> Result<(), Failed> {
        let (view, section) = (self.draft.view(), what.section());
        let named = view.item_named(tenant, section, &label.name)?;
        if named.is_some_and(|other| Some(other.id) != own) {
            return Err(CallError::ItemExists(label.name.to_string()).into());
        }
        let Some(key) = what.key() else { return Ok(()) };
        match view.item_keyed(tenant, section, key)?.filter(|other| Some(other.id) != own) {
            Some(_) => Err(CallError::ItemExists(key.to_owned()).into()),
            None => Ok(()),
        }
    }
}

fn check_label(label: &Label) -> Result<(), CallError> {
    length("a name", &label.name, 1, NAME_MAX)?;
    length("a description", label.description.as_deref().unwrap_or_default(), 0, DESCRIPTION_MAX)?;
    length("a colour", label.colour.as_deref().unwrap_or_default(), 0, COLOUR_MAX)
}

fn length(what: &str, text: &str, least: usize, most: usize) -> Result<(), CallError> {
    match (least..=most).contains(&text.chars().count()) {
        true => Ok(()),
        false => Err(bad(&format!("{what} has {least} to {most} characters"))),
    }
}

fn bad(why: &str) -> CallError {
    CallError::BadItem(why.to_owned())
}
