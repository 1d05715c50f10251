//! `/targetgroups`: the groups that targets are in, which are no more than what is written on them. A group that is
//! written with `/` lies in the one before it.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, put};

use super::desk::{At, Desk, nothing};
use super::list::Wanted;
use super::sent::Sent;
use super::targets::{self, GROUP_MAX};
use super::{fields, targettags};
use crate::domain::ids::DeviceId;
use crate::engine::call::DeviceChange;
use crate::http::Door;
use crate::http::hawkbit::Fault;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/targetgroups", get(list))
        .route("/targetgroups/{group}", put(put_found))
        .route("/targetgroups/{group}/assigned", get(list_group).put(put_group))
        .route("/targetgroups/assigned", get(list_named).put(put_named).delete(remove))
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    Ok(desk.ok(&desk.groups().await?))
}

async fn list_group(desk: Desk, At(group): At<String>) -> Result<Response, Fault> {
    shown(desk, group, false).await
}

/// The group is in the query because its name may hold slashes.
async fn list_named(desk: Desk) -> Result<Response, Fault> {
    let group = desk.parameter("group").unwrap_or_default().to_owned();
    let below = desk.flag("subgroups")?;
    shown(desk, group, below).await
}

async fn shown(desk: Desk, group: String, below: bool) -> Result<Response, Fault> {
    let wanted = Wanted::by(&desk, &targets::FIELDS)?;
    let full = wanted.full;
    let is_in = move |own: &str| own == group || (below && is_below(own, &group));
    let found = desk.targets_among(wanted, move |device| device.profile.group.as_deref().is_some_and(&is_in));
    targets::shown(&desk, found.await?, full).await
}

fn is_below(own: &str, group: &str) -> bool {
    own.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
}

async fn put_group(desk: Desk, At(group): At<String>, sent: Sent) -> Result<Response, Fault> {
    let devices = named(&desk, &sent).await?;
    write(&desk, devices, &group).await
}

async fn put_named(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let group = desk.parameter("group").unwrap_or_default().to_owned();
    let devices = named(&desk, &sent).await?;
    write(&desk, devices, &group).await
}

async fn put_found(desk: Desk, At(group): At<String>) -> Result<Response, Fault> {
    let q = desk.parameter("q").ok_or_else(|| Fault::parameter("q"))?;
    let devices = desk.devices_where(targets::FIELDS.filter(q)?).await?;
    write(&desk, devices, &group).await
}

/// An empty text takes the old one away.
async fn remove(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let devices = named(&desk, &sent).await?;
    set(&desk, devices, "").await
}

async fn named(desk: &Desk, sent: &Sent) -> Result<Vec<DeviceId>, Fault> {
    let (found, missing) = targettags::named(desk, sent).await?;
    missing.map_or(Ok(found), Err)
}

async fn write(desk: &Desk, devices: Vec<DeviceId>, group: &str) -> Result<Response, Fault> {
    let group = fields::text("group", group, GROUP_MAX)?;
    set(desk, devices, &group).await
}

async fn set(desk: &Desk, devices: Vec<DeviceId>, group: &str) -> Result<Response, Fault> {
    let change =
        || DeviceChange::Describe { name: None, description: None, address: None, group: Some(group.into()) };
    desk.change_devices(devices, change).await?;
    Ok(nothing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lies_in_the_one_whose_name_ends_where_a_slash_follows() {
        let table = [
            ("eu/north", "eu", true),
            ("eu", "eu", false),
            ("europe", "eu", false),
            ("eu", "eu/north", false),
        ];
        for (own, group, expected) in table {
            assert_eq!(is_below(own, group), expected, "{own} {group}");
        }
    }
}
