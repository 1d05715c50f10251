//! Which part of a list a query asks for: `tags`, `page`, `size` and `sort`.

use std::collections::BTreeSet;

use super::body::unform;
use crate::http::dialect::Asked;
use crate::http::dialect::pool::{Field, Paging};
use crate::http::error::ApiError;

/// Rows of a page where the query does not say.
const SIZE: usize = 50;
/// The most rows of a page; a larger number counts as this one.
const SIZE_MAX: usize = 1000;

/// The fields that a list can be sorted by.
const FIELDS: [(&str, Field); 7] = [
    ("id", Field::Id),
    ("name", Field::Name),
    ("type", Field::Kind),
    ("version", Field::Version),
    ("versionNumber", Field::Number),
    ("createdTimestamp", Field::Created),
    ("updatedTimestamp", Field::Updated),
];

/// Reads `page`, `size` and `sort`.
///
/// # Errors
/// 400 for numbers that are none and fields that nobody has.
pub fn paging(asked: &Asked) -> Result<Paging, ApiError> {
    let (by, falling) = match parameter(asked, "sort")? {
        None => (Field::Id, false),
        Some(text) => sort(&text)?,
    };
    Ok(Paging { page: number(asked, "page", 0)?, size: size(asked, SIZE)?, by, falling })
}

/// Reads `page` and `size` of a list that has no order of its own: how many rows to pass over, and how many to show.
///
/// # Errors
/// 400 for numbers that are none.
pub fn part(asked: &Asked) -> Result<(usize, usize), ApiError> {
    let size = size(asked, SIZE_MAX)?;
    Ok((number(asked, "page", 0)?.saturating_mul(size), size))
}

fn size(asked: &Asked, default: usize) -> Result<usize, ApiError> {
    match number(asked, "size", default)? {
        0 => Err(ApiError::bad("bad-size", "size", "`size` must be at least 1")),
        size => Ok(size.min(SIZE_MAX)),
    }
}

/// Reads `tags=a,b`; blank ones count for nothing.
///
/// # Errors
/// 400 when they are not UTF-8.
pub fn tags(asked: &Asked) -> Result<BTreeSet<Box<str>>, ApiError> {
    let text = parameter(asked, "tags")?.unwrap_or_default();
    Ok(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(Box::from).collect())
}

/// One parameter, decoded; those that nobody asks for are passed over.
///
/// # Errors
/// 400 when it is not UTF-8.
pub fn parameter(asked: &Asked, name: &str) -> Result<Option<String>, ApiError> {
    let Some(value) = asked.parameter(name) else { return Ok(None) };
    let bad = || ApiError::bad("bad-query", name, format!("`{name}` is not UTF-8"));
    unform(value).map(Some).ok_or_else(bad)
}

/// A number that no list reaches counts as the largest.
fn number(asked: &Asked, name: &str, default: usize) -> Result<usize, ApiError> {
    let Some(text) = parameter(asked, name)? else { return Ok(default) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bad = || ApiError::bad("bad-number", name, format!("`{name}` must be a decimal number"));
    digits.then(|| text.parse().unwrap_or(usize::MAX)).ok_or_else(bad)
}

/// `field`, `field,asc` or `field,desc`
fn sort(text: &str) -> Result<(Field, bool), ApiError> {
    let (field, direction) = text.split_once(',').unwrap_or((text, "asc"));
    let falling = match direction.to_ascii_lowercase().as_str() {
        "asc" => false,
        "desc" => true,
        _ => return Err(ApiError::bad("bad-sort", "sort", "after the field comes asc or desc")),
    };
    let found = FIELDS.iter().find(|(name, _)| *name == field);
    let message = || format!("records cannot be sorted by `{field}`");
    found.map(|(_, field)| (*field, falling)).ok_or_else(|| ApiError::bad("bad-sort", "sort", message()))
}

/// The order as it is shown: `updatedTimestamp: DESC`.
pub fn shown(paging: Paging) -> String {
    let name = FIELDS.iter().find(|(_, field)| *field == paging.by).map_or("id", |(name, _)| name);
    format!("{name}: {}", if paging.falling { "DESC" } else { "ASC" })
}
