//! The log of news: what each commit changed, kept for those who read it later.

use std::ops::ControlFlow;

use crate::domain::ids::TenantId;
use crate::domain::news::News;
use crate::store::record::news::NewsRecord;
use crate::store::record::{decode, encode, some};
use crate::store::{StoreError, Table};

use super::view::rising;
use super::{Counter, Draft, View, keys};

/// The newest news that a tenant keeps: as many as a rollout to 140,000 devices makes from its beginning to its end, at
/// seven for each, which is some 50 MB.
pub const NEWS_KEPT: u64 = 1_000_000;

/// The most news of one row: whoever reads on from the middle of a row has to read all of it.
const ROW: usize = 256;

impl View<'_> {
    /// The number of the tenant's newest news; 0 before there are any.
    pub fn newest_news(self, tenant: &TenantId) -> Result<u64, StoreError> {
        self.counter(Counter::News(tenant))
    }

    /// The number of the tenant's oldest news that are kept; the next number where there are none.
    pub fn oldest_news(self, tenant: &TenantId) -> Result<u64, StoreError> {
        match self.news_rows(tenant, None, 1)?.first() {
            Some(first) => Ok(*first),
            None => Ok(self.newest_news(tenant)?.saturating_add(1)),
        }
    }

    /// News of a tenant in their order, from the first after the number `after`. Less than `limit` do not mean that
    /// there are no more: they come in whole rows, and `limit` is passed by less than one row.
    pub fn news(self, tenant: &TenantId, after: u64, limit: usize) -> Result<Vec<News>, StoreError> {
        let mut news: Vec<News> = Vec::new();
        let mut row = self.news_row_before(tenant, after.saturating_add(1))?;
        while news.len() < limit {
            let behind = row.map(|row| keys::news(tenant, row));
            let prefix = keys::tenant(tenant);
            let page = rising(Table::Events, &prefix, behind, 1);
            let found = self.page(page, |rest, bytes| {
                let first = some(keys::read_news(rest), "the key of news")?;
                Ok((first, decode::<NewsRecord<'_>>(bytes)?.news(tenant, first)?))
            })?;
            let Some((first, found)) = found.into_iter().next() else { break };
            news.extend(found.into_iter().filter(|news| news.id > after));
            row = Some(first);
        }
        Ok(news)
    }

    /// The row in front of that which holds the number, so that reading begins behind it.
    fn news_row_before(self, tenant: &TenantId, number: u64) -> Result<Option<u64>, StoreError> {
        let (prefix, end) = (keys::tenant(tenant), keys::news(tenant, number.saturating_add(1)));
        let mut found = Vec::new();
        self.0.scan(Table::Events, &prefix, Some(&end), true, &mut |key, _| {
            found.push(keys::read_news(&key[prefix.len()..]));
            if found.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        match found.get(1) {
            Some(row) => some(*row, "the key of news").map(Some).map_err(|bad| bad.in_table(Table::Events)),
            None => Ok(None),
        }
    }

    /// The numbers of rows, oldest first, up to `limit` of them and those below `end` only.
    fn news_rows(self, tenant: &TenantId, end: Option<u64>, limit: usize) -> Result<Vec<u64>, StoreError> {
        let prefix = keys::tenant(tenant);
        let mut rows = Vec::new();
        let mut bad = Ok(());
        self.0.scan(Table::Events, &prefix, None, false, &mut |key, _| {
            match some(keys::read_news(&key[prefix.len()..]), "the key of news") {
                Ok(first) if rows.len() < limit && end.is_none_or(|end| first < end) => rows.push(first),
                Ok(_) => return ControlFlow::Break(()),
                Err(why) => {
                    bad = Err(why);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        bad.map(|()| rows).map_err(|bad| bad.in_table(Table::Events))
    }
}

impl Draft<'_> {
    /// Numbers news of one tenant and one moment, keeps them, and drops the oldest beyond [`NEWS_KEPT`]. Never more rows
    /// than there are new news: so what is kept never outgrows the bound by more than a row, and no commit pays for
    /// more than it says itself.
    pub fn add_news(&mut self, tenant: &TenantId, news: &mut [News]) -> Result<(), StoreError> {
        let newest = self.view().newest_news(tenant)?;
        for (id, own) in (newest + 1..).zip(news.iter_mut()) {
            own.id = id;
        }
        let Some(last) = news.last().map(|last| last.id) else { return Ok(()) };
        for row in news.chunks(ROW) {
            self.0.put(Table::Events, &keys::news(tenant, row[0].id), &encode(&NewsRecord::of(row)))?;
        }
        self.put_counter(Counter::News(tenant), last)?;
        let oldest = (last + 1).saturating_sub(NEWS_KEPT);
        if oldest > 1 {
            for row in self.view().stale_news(tenant, oldest, news.len())? {
                self.0.remove(Table::Events, &keys::news(tenant, row))?;
            }
        }
        Ok(())
    }
}

impl View<'_> {
    /// Rows of which nothing is as new as `oldest`: all in front of the one that holds it.
    fn stale_news(self, tenant: &TenantId, oldest: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        let mut rows = self.news_rows(tenant, Some(oldest.saturating_add(1)), limit + 1)?;
        rows.pop();
        Ok(rows)
    }
}
