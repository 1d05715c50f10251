//! Distribution sets are releases.

use std::collections::BTreeMap;

use super::other;
use crate::domain::catalog::{Item, Section};
use crate::domain::ids::{ItemId, ReleaseId, TenantId};
use crate::domain::image::Release;
use crate::engine::call::{Call, NewRelease, ReleaseChange, Reply};
use crate::engine::query::{Reader, StoreError};
use crate::http::hawkbit::{Fault, Kind};
use crate::http::manage::desk::Desk;
use crate::http::manage::list::{STRIDE, Slice, Wanted, stride};
use crate::http::manage::sets::Set;
use crate::http::manage::types::Types;

/// What the sets of a tenant refer to.
#[derive(Debug, Clone)]
pub struct Shelves {
    types: Types,
    kinds: BTreeMap<ItemId, Item>,
    tags: BTreeMap<ItemId, Item>,
}

impl Shelves {
    /// The release with what it refers to.
    pub fn set(&self, reader: &Reader, tenant: &TenantId, release: Release) -> Result<Set, StoreError> {
        let images = release.images.iter().filter_map(|id| reader.image(tenant, *id).transpose());
        let modules = images.map(|image| Ok(self.types.module(image?))).collect::<Result<_, StoreError>>()?;
        let named = release.tags.iter().filter_map(|id| self.tags.get(id));
        Ok(Set {
            kind: release.kind.and_then(|kind| self.kinds.get(&kind).cloned()),
            tags: named.map(|tag| tag.label.name.clone()).collect(),
            modules,
            release,
        })
    }
}

impl Desk {
    /// What sets refer to.
    pub async fn shelves(&self) -> Result<Shelves, Fault> {
        let by_id = |items: Vec<Item>| items.into_iter().map(|item| (item.id, item)).collect();
        Ok(Shelves {
            types: self.types().await?,
            kinds: by_id(self.items(Section::ReleaseTypes).await?),
            tags: by_id(self.items(Section::ReleaseTags).await?),
        })
    }

    /// A release; removed ones stay addressable.
    pub async fn release(&self, id: ReleaseId) -> Result<Release, Fault> {
        let found = self.ask(move |reader, tenant| reader.release(tenant, id)).await?;
        found.ok_or_else(|| Fault::missing("DistributionSet", id))
    }

    /// A release with what it refers to.
    pub async fn set(&self, id: ReleaseId) -> Result<Set, Fault> {
        let release = self.release(id).await?;
        Ok(self.sets_of(vec![release]).await?.remove(0))
    }

    /// A release that may be brought to devices.
    pub async fn assignable_set(&self, id: ReleaseId) -> Result<Set, Fault> {
        let set = self.set(id).await?;
        if set.release.deleted {
            return Err(Fault::missing("DistributionSet", id));
        }
        if set.release.invalid {
            return Err(Fault::new(Kind::InvalidSet, "the set was said to be no good"));
        }
        match set.is_complete() {
            true => Ok(set),
            false => Err(Fault::new(Kind::Incomplete, "an incomplete set cannot be assigned")),
        }
    }

    /// Releases with what they refer to, in their order.
    pub async fn sets_of(&self, releases: Vec<Release>) -> Result<Vec<Set>, Fault> {
        let shelves = self.shelves().await?;
        self.ask(move |reader, tenant| {
            releases.into_iter().map(|release| shelves.set(reader, tenant, release)).collect()
        })
        .await
    }

    /// The releases among its `own` that the request asks for; removed ones are not listed.
    pub async fn sets(
        &self,
        wanted: Wanted,
        own: impl Fn(&Release) -> bool + Send + 'static,
    ) -> Result<Slice<Set>, Fault> {
        let shelves = self.shelves().await?;
        self.list(wanted, move |reader, tenant, after| {
            let releases = reader.releases(tenant, after, STRIDE)?;
            let more = stride(&releases, |release| release.id);
            let listed = releases.into_iter().filter(|release| !release.deleted && own(release));
            let sets = listed.map(|release| shelves.set(reader, tenant, release));
            Ok((sets.collect::<Result<_, _>>()?, more))
        })
        .await
    }

    /// Makes releases.
    pub async fn add_releases(&self, releases: Vec<NewRelease>) -> Result<Vec<Set>, Fault> {
        if releases.is_empty() {
            return Ok(Vec::new());
        }
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::AddReleases { tenant, releases, by }).await? {
            Reply::Releases(releases) => self.sets_of(releases).await,
            reply => Err(other(&reply)),
        }
    }

    /// Changes a release.
    pub async fn change_release(&self, release: ReleaseId, change: ReleaseChange) -> Result<(), Fault> {
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::ChangeRelease { tenant, release, change, by }).await? {
            Reply::Releases(_) => Ok(()),
            reply => Err(other(&reply)),
        }
    }

    /// Removes a release; one that something refers to is marked as removed.
    pub async fn remove_release(&self, release: ReleaseId) -> Result<(), Fault> {
        match self.call(Call::RemoveRelease { tenant: self.tenant.clone(), release, mark: true }).await? {
            Reply::Removed { .. } => Ok(()),
            reply => Err(other(&reply)),
        }
    }
}
