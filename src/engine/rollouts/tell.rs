//! Says to those who listen where a rollout and its waves stand, when that is elsewhere than before the batch.

use super::Live;
use crate::domain::ids::Time;
use crate::domain::news::{Happened, News};
use crate::store::StoreError;
use crate::store::tables::View;

/// Adds the news of a rollout that is about to be written; `view` still has what stood before the batch.
pub(super) fn moved(view: View<'_>, live: &Live, at: Time, news: &mut Vec<News>) -> Result<(), StoreError> {
    let Live { rollout, waves, .. } = live;
    let (tenant, id) = (&rollout.tenant, rollout.id);
    let mut tell = |what| news.push(News { id: 0, tenant: tenant.clone(), at, what });
    if live.dirty {
        let before = view.rollout(tenant, id)?;
        if before.is_none_or(|before| before.status != rollout.status) {
            tell(Happened::rollout(rollout));
        }
    }
    if live.dirty_waves.is_empty() {
        return Ok(());
    }
    let before = view.waves(tenant, id)?;
    for wave in waves.iter().filter(|wave| live.dirty_waves.contains(&wave.number)) {
        let stood = before.iter().find(|old| old.number == wave.number).map(|old| old.status);
        if stood.is_some_and(|stood| stood != wave.status) {
            tell(Happened::Wave { rollout: id, wave: wave.number, status: wave.status });
        }
    }
    Ok(())
}
