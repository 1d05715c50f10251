//! `updraft tenant`: tenants and what is set for them.

use super::{Outcome, Session, print};
use crate::cli::args::Tenant;
use crate::cli::client::{ClientError, Order, segment};
use crate::cli::output::{self, Grid};
use crate::http::wire::{NewTenant, Page, SettingBody, SettingsBody, SettingsPatch, TenantBody};

pub(super) fn run(session: &Session, command: Tenant) -> Result<Outcome, ClientError> {
    match command {
        Tenant::Add { id } => {
            let made: TenantBody = session.client.post("tenants", &NewTenant { id })?;
            session.show(&made, |made| format!("tenant {} is made\n", made.id))?;
        }
        Tenant::List => list(session)?,
        Tenant::Show { id } => {
            let shown: SettingsBody = session.client.get(&path(&id), &[])?;
            session.show(&shown, settings)?;
        }
        Tenant::Set { id, settings, reset } => {
            let patch = patch(&settings, reset)?;
            let _: SettingsBody = session.client.patch(&path(&id), &patch)?;
            print(&format!("tenant {id} is set\n"))?;
        }
    }
    Ok(Outcome::Done)
}

fn list(session: &Session) -> Result<(), ClientError> {
    let page: Page<TenantBody> = session.client.list("tenants", &[], Order::Rising, 0)?;
    session.show(&page, |page| {
        let mut grid = Grid::new(&["TENANT", "MADE BY", "SINCE"]);
        for tenant in &page.items {
            let since = tenant.created.map(output::moment).unwrap_or_default();
            grid.add(vec![tenant.id.clone(), tenant.by.clone(), since]);
        }
        grid.render()
    })
}

fn path(id: &str) -> String {
    format!("tenants/{}/settings", segment(id))
}

/// `KEY=VALUE` sets, `--reset KEY` takes back.
fn patch(settings: &[String], reset: Vec<String>) -> Result<SettingsPatch, ClientError> {
    let mut patch: SettingsPatch = reset.into_iter().map(|key| (key, None)).collect();
    for text in settings {
        let Some((key, value)) = text.split_once('=') else {
            return Err(ClientError::Usage(format!("`{text}` has to be KEY=VALUE")));
        };
        if patch.insert(key.into(), Some(value.into())).is_some() {
            return Err(ClientError::Usage(format!("`{key}` is named twice")));
        }
    }
    Ok(patch)
}

fn settings(body: &SettingsBody) -> String {
    let mut grid = Grid::new(&["SETTING", "VALUE", "SET BY", "AT"]);
    for (key, setting) in &body.settings {
        let SettingBody { value, default, by, changed } = setting;
        let by = if *default { "(default)".into() } else { by.clone().unwrap_or_default() };
        let value = value.clone().unwrap_or_else(|| "(hidden)".into());
        grid.add(vec![key.clone(), value, by, changed.map(output::moment).unwrap_or_default()]);
    }
    grid.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_and_taken_back_in_one_order() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let made = patch(&texts(&["a=1", "b=x=y", "c="]), texts(&["d"])).ok();
        let expected = [("a", Some("1")), ("b", Some("x=y")), ("c", Some("")), ("d", None)];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(made, Some(expected.into()));
        for (settings, reset) in [(&["a"][..], &[][..]), (&["a=1", "a=2"], &[]), (&["a=1"], &["a"])] {
            assert!(patch(&texts(settings), texts(reset)).is_err(), "{settings:?} {reset:?}");
        }
    }
}
