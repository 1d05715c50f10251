//! `/targetfilters`: conditions on targets that are kept, and what every target gets that comes to meet one.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::actions::force_type;
use super::assign::{ForceType, weight};
use super::desk::{At, Desk, nothing};
use super::sent::Sent;
use super::shape::Shape;
use super::{fields, items, targets};
use crate::domain::catalog::{AutoAssign, Item, Label, Section, What};
use crate::domain::ids::ReleaseId;
use crate::domain::terms::{Force, Terms};
use crate::engine::call::NewItem;
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/targetfilters", get(list).post(add))
        .route("/targetfilters/{id}", get(show).put(change).delete(remove))
        .route("/targetfilters/{id}/autoAssignDS", get(show_auto).post(put_auto).delete(remove_auto))
}

#[derive(Debug, Deserialize)]
struct NewFilter {
    name: String,
    query: String,
}

#[derive(Debug, Deserialize)]
struct FilterChange {
    name: Option<String>,
    query: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAuto {
    id: u64,
    r#type: Option<ForceType>,
    weight: Option<i64>,
    confirmation_required: Option<bool>,
}

impl NewFilter {
    fn item(&self) -> Result<NewItem, Fault> {
        targets::FIELDS.filter(&self.query)?;
        let label = Label { name: fields::name(&self.name)?, ..Label::default() };
        Ok(NewItem { id: None, label, what: What::Filter { query: self.query.as_str().into(), auto: None } })
    }
}

impl NewAuto {
    fn terms(&self) -> Result<Terms, Fault> {
        let force = match self.r#type.unwrap_or(ForceType::Forced) {
            ForceType::Forced => Force::Forced,
            ForceType::Soft => Force::Soft,
            ForceType::DownloadOnly => Force::DownloadOnly,
            ForceType::TimeForced => {
                let why = "automatic assignments are forced, soft or downloadonly";
                return Err(Fault::new(Kind::AutoAssignType, why));
            }
        };
        let consent = self.confirmation_required.unwrap_or(true);
        Ok(Terms { force, weight: weight(self.weight)?, consent, ..Terms::default() })
    }
}

/// The query of a filter and what it brings.
fn parts(item: &Item) -> (&str, Option<&AutoAssign>) {
    match &item.what {
        What::Filter { query, auto } => (query, auto.as_ref()),
        What::DeviceTag
        | What::ReleaseTag
        | What::Type { .. }
        | What::ReleaseType { .. }
        | What::Product { .. } => ("", None),
    }
}

/// The JSON of a filter.
pub fn shape(desk: &Desk, item: &Item) -> Shape {
    let (query, auto) = parts(item);
    let links = desk.links(&format!("targetfilters/{}", item.id)).below("autoAssignDS", "autoAssignDS");
    Shape::new()
        .trail(&item.trail)
        .put("id", item.id.get())
        .put("name", &*item.label.name)
        .put("query", query)
        .put("autoAssignDistributionSet", auto.map(|auto| auto.release.get()))
        .put("autoAssignActionType", auto.map(|auto| force_type(auto.terms.force)))
        .put("autoAssignWeight", auto.map(|auto| auto.terms.weight.get()))
        .put("confirmationRequired", auto.map(|auto| auto.terms.consent))
        .links(links)
}

async fn filter(desk: &Desk, text: &str) -> Result<Item, Fault> {
    let item = desk.item(Section::Filters, items::item_id(Section::Filters, text)?).await?;
    match item.deleted {
        false => Ok(item),
        true => Err(Fault::missing(items::what(Section::Filters), text)),
    }
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    items::list(&desk, Section::Filters, shape).await
}

/// hawkBit takes one filter and answers it; a list is answered by a list.
async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    if let Ok(new) = sent.one::<NewFilter>() {
        let made = desk.add_items(vec![new.item()?]).await?;
        let made = made.first().ok_or_else(Fault::not_readable)?;
        return Ok(desk.created_one(&shape(&desk, made)));
    }
    let new: Vec<NewFilter> = sent.many()?;
    let made = desk.add_items(new.iter().map(NewFilter::item).collect::<Result<_, _>>()?).await?;
    Ok(desk.created(&made.iter().map(|item| shape(&desk, item)).collect::<Vec<_>>()))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    Ok(desk.ok(&shape(&desk, &filter(&desk, &text).await?)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: FilterChange = sent.one()?;
    let item = filter(&desk, &text).await?;
    let (query, auto) = parts(&item);
    let query = change.query.as_deref().unwrap_or(query);
    targets::FIELDS.filter(query)?;
    let what = What::Filter { query: query.into(), auto: auto.cloned() };
    let name = change.name.as_deref().map(fields::name).transpose()?;
    let label = Label { name: name.unwrap_or_else(|| item.label.name.clone()), ..item.label.clone() };
    let made = desk.put_item(Item { what, label, ..item }).await?;
    Ok(desk.ok(&shape(&desk, &made)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    filter(&desk, &text).await?;
    items::remove(&desk, Section::Filters, &text).await
}

async fn show_auto(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let item = filter(&desk, &text).await?;
    match parts(&item).1 {
        Some(auto) => Ok(desk.ok(&desk.set(auto.release).await?.shape(&desk))),
        None => Ok(nothing()),
    }
}

async fn put_auto(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let new: NewAuto = sent.one()?;
    let item = filter(&desk, &text).await?;
    let terms = new.terms()?;
    let id = ReleaseId::new(new.id).ok_or_else(|| Fault::missing("DistributionSet", new.id))?;
    desk.assignable_set(id).await?;
    let auto = AutoAssign { release: id, terms, by: desk.by.clone() };
    let what = What::Filter { query: parts(&item).0.into(), auto: Some(auto) };
    Ok(desk.ok(&shape(&desk, &desk.put_item(Item { what, ..item }).await?)))
}

async fn remove_auto(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let item = filter(&desk, &text).await?;
    let what = What::Filter { query: parts(&item).0.into(), auto: None };
    desk.put_item(Item { what, ..item }).await?;
    Ok(nothing())
}
