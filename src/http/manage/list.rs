//! How a list is filtered, sorted and cut: `q`, `sort`, `offset`, `limit` and `representation`, the same for every
//! list of this door.

use super::desk::Desk;
use crate::domain::catalog::Trail;
use crate::domain::filter::sort::{Sort, SortError};
use crate::domain::filter::{Filter, Moment, Subject, Value};
use crate::domain::ids::Time;
use crate::engine::query::Selection;
use crate::http::hawkbit::{Fault, Kind};

/// The rows of a page where the request does not say (hawkBit's).
const LIMIT_DEFAULT: usize = 50;
/// The most rows of a page; a larger wish is cut down to it, as hawkBit does.
const LIMIT_MAX: usize = 500;
/// How many rows are read in one go: a few hundred kilobytes.
pub const STRIDE: usize = 256;

/// Something that lists are made of.
pub trait Row: Send + 'static {
    /// The fields that it is filtered and sorted by, in lower case. One that ends in a dot takes a key behind it.
    const FIELDS: &'static [&'static str];

    /// The values of one of those fields, with the key as it was written; it is empty for fields without one.
    fn values(&self, field: &str, key: &str) -> Vec<Value>;
}

/// What a request wants of a list.
#[derive(Debug, Clone)]
pub struct Wanted {
    offset: usize,
    limit: usize,
    sort: Option<Sort>,
    filter: Option<Filter>,
    /// Whether rows are shown with all that there is to them.
    pub full: bool,
}

/// The part of a list that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice<R> {
    /// The rows.
    pub rows: Vec<R>,
    /// How many rows the whole list has.
    pub total: usize,
}

impl Wanted {
    /// Reads what the request wants of a list of `R`.
    ///
    /// # Errors
    /// 400 for what cannot be read, and for fields that `R` does not have.
    pub fn of<R: Row>(desk: &Desk) -> Result<Wanted, Fault> {
        Wanted::by(desk, &Fields::of::<R>())
    }

    /// Reads what the request wants of a list with these fields.
    ///
    /// # Errors
    /// 400 for what cannot be read, and for other fields.
    pub fn by(desk: &Desk, fields: &Fields) -> Result<Wanted, Fault> {
        let text = |name: &str| desk.parameter(name).filter(|text| !text.is_empty());
        let [offset, limit] = [desk.number("offset")?, desk.number("limit")?]
            .map(|number| number.and_then(|number| usize::try_from(number).ok()));
        Ok(Wanted {
            offset: offset.unwrap_or(0),
            limit: limit.filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX),
            sort: text("sort").map(|text| fields.sort(text)).transpose()?,
            filter: text("q").map(|text| fields.filter(text)).transpose()?,
            full: text("representation").is_some_and(|mode| mode.eq_ignore_ascii_case("full")),
        })
    }

    /// For a list that the engine's reader walks.
    pub fn selection(self, at: Moment) -> Selection {
        let Wanted { offset, limit, sort, filter, full: _ } = self;
        Selection { filter, sort, offset, limit, at }
    }

    /// Goes through rows in their own order and keeps what is wanted. `next` gives some that are behind a mark, with
    /// the mark behind which there may be more (see [`stride`]).
    ///
    /// # Errors
    /// What `next` fails with.
    pub fn walk<R: Row, M, E>(
        &self,
        at: Moment,
        mut next: impl FnMut(Option<M>) -> Result<(Vec<R>, Option<M>), E>,
    ) -> Result<Slice<R>, E> {
        let (mut kept, mut total, mut mark) = (Vec::new(), 0, None);
        loop {
            let (rows, more) = next(mark.take())?;
            mark = more;
            for row in rows.into_iter().filter(|row| self.matches(row, at)) {
                total += 1;
                // Without an order of its own the list is in that of the rows, and the others are only counted.
                if self.sort.is_some() || (self.offset < total && kept.len() < self.limit) {
                    kept.push(row);
                }
            }
            self.thin(&mut kept);
            if mark.is_none() {
                break;
            }
        }
        if self.sort.is_some() {
            self.order(&mut kept);
            kept = kept.into_iter().skip(self.offset).take(self.limit).collect();
        }
        Ok(Slice { rows: kept, total })
    }

    fn matches<R: Row>(&self, row: &R, at: Moment) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(&Seen(row), at))
    }

    /// Drops what cannot be on the page any more, once that is as much as the page and what is before it.
    fn thin<R: Row>(&self, kept: &mut Vec<R>) {
        let end = self.offset.saturating_add(self.limit);
        if self.sort.is_some() && kept.len() >= end.saturating_add(end).max(2 * STRIDE) {
            self.order(kept);
            kept.truncate(end);
        }
    }

    /// Equal rows stay in their own order.
    fn order<R: Row>(&self, rows: &mut [R]) {
        if let Some(sort) = &self.sort {
            rows.sort_by(|a, b| sort.compare(&Seen(a), &Seen(b)));
        }
    }
}

/// The mark behind which a list goes on that was read with at most [`STRIDE`] rows; none at its end.
pub fn stride<T, M>(rows: &[T], mark: impl Fn(&T) -> M) -> Option<M> {
    rows.last().filter(|_| rows.len() >= STRIDE).map(mark)
}

/// A row as filters see it.
struct Seen<'r, R>(&'r R);

impl<R: Row> Subject for Seen<'_, R> {
    fn values(&self, field: &str) -> Vec<Value> {
        field_of(R::FIELDS, field).map_or_else(Vec::new, |(field, key)| self.0.values(field, key))
    }
}

/// The field of that name, in any case, with the key behind it.
fn field_of<'t>(fields: &[&'static str], text: &'t str) -> Option<(&'static str, &'t str)> {
    let whole = fields.iter().find(|field| field.eq_ignore_ascii_case(text));
    let keyed = || {
        let (name, key) = text.split_at(text.find('.')? + 1);
        let field = fields.iter().find(|field| field.ends_with('.') && field.eq_ignore_ascii_case(name))?;
        (!key.is_empty()).then_some((*field, key))
    };
    whole.filter(|field| !field.ends_with('.')).map(|field| (*field, "")).or_else(keyed)
}

/// The fields that a list is filtered and sorted by.
pub struct Fields {
    /// Whether there is a field of that name.
    pub has: fn(&str) -> bool,
    /// All of them, for people.
    pub names: fn() -> String,
}

impl Fields {
    fn of<R: Row>() -> Self {
        Fields { has: |field| field_of(R::FIELDS, field).is_some(), names: || R::FIELDS.join(", ") }
    }

    fn sort(&self, text: &str) -> Result<Sort, Fault> {
        let sort = Sort::parse(text).map_err(|error| {
            let kind = match error {
                SortError::Syntax(_) => Kind::SortSyntax,
                SortError::Direction(_) => Kind::SortDirection,
            };
            Fault::new(kind, error.to_string())
        })?;
        let unknown = sort.keys().map(|(field, _)| field).find(|field| !(self.has)(field));
        match unknown {
            None => Ok(sort.clone()),
            Some(field) => Err(Fault::new(Kind::SortField, self.unknown(field))),
        }
    }

    /// Reads a condition.
    ///
    /// # Errors
    /// 400 for what is no condition, and for fields that there are not.
    pub fn filter(&self, text: &str) -> Result<Filter, Fault> {
        let filter =
            Filter::parse(text).map_err(|error| Fault::new(Kind::FilterSyntax, error.to_string()))?;
        let unknown = filter.fields().find(|field| !(self.has)(field)).map(str::to_owned);
        match unknown {
            None => Ok(filter),
            Some(field) => Err(Fault::new(Kind::FilterField, self.unknown(&field))),
        }
    }

    fn unknown(&self, field: &str) -> String {
        format!("there is no field {field:?}; there are {}", (self.names)())
    }
}

/// The value of a text.
pub fn text(value: &str) -> Vec<Value> {
    vec![Value::Text(value.into())]
}

/// The value of a text that may be missing.
pub fn some_text(value: Option<&str>) -> Vec<Value> {
    value.map_or_else(Vec::new, text)
}

/// The value of a number.
pub fn number(value: impl Into<i64>) -> Vec<Value> {
    vec![Value::Number(value.into())]
}

/// The value of yes or no.
pub fn flag(value: bool) -> Vec<Value> {
    vec![Value::Flag(value)]
}

/// The value of a moment.
pub fn moment(value: Time) -> Vec<Value> {
    vec![Value::Time(value)]
}

/// The values of who made it and who changed it, when: `createdat`, `createdby`, `lastmodifiedat`, `lastmodifiedby`.
pub fn trail(trail: &Trail, field: &str) -> Vec<Value> {
    match field {
        "createdat" => moment(trail.created),
        "createdby" => text(&trail.by),
        "lastmodifiedat" => moment(trail.changed),
        "lastmodifiedby" => text(&trail.changed_by),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const AT: Moment = Moment { now: Time(0), overdue_before: Time(0) };

    struct Number(u32);

    impl Row for Number {
        const FIELDS: &'static [&'static str] = &["id", "lastdigit", "digit."];

        fn values(&self, field: &str, key: &str) -> Vec<Value> {
            match field {
                "id" => number(self.0),
                "lastdigit" => number(self.0 % 10),
                "digit." => text(self.0.to_string().get(..1).filter(|_| key == "First").unwrap_or("?")),
                _ => Vec::new(),
            }
        }
    }

    fn wanted(sort_by: &str, q: &str, offset: usize, limit: usize) -> Wanted {
        Wanted {
            offset,
            limit,
            sort: Some(sort_by)
                .filter(|text| !text.is_empty())
                .map(|text| Fields::of::<Number>().sort(text).unwrap()),
            filter: Some(q)
                .filter(|text| !text.is_empty())
                .map(|text| Fields::of::<Number>().filter(text).unwrap()),
            full: false,
        }
    }

    /// What a request for a part of the numbers to 2000 gets.
    fn check(sort: &str, q: &str, [offset, limit]: [usize; 2], expected: &[u32], total: usize) {
        let slice = wanted(sort, q, offset, limit).walk(AT, |after: Option<u32>| {
            let first = after.unwrap_or(0) + 1;
            let rows: Vec<Number> = (first..=2000).take(STRIDE).map(Number).collect();
            let mark = stride(&rows, |row| row.0);
            Ok::<_, ()>((rows, mark))
        });
        let slice = slice.unwrap();
        let found: Vec<u32> = slice.rows.iter().map(|row| row.0).collect();
        assert_eq!((found.as_slice(), slice.total), (expected, total), "{sort} {q} {offset}");
    }

    #[test]
    fn a_page_is_what_the_whole_list_has_there() {
        check("", "", [0, 3], &[1, 2, 3], 2000);
        check("", "", [1999, 3], &[2000], 2000);
        check("", "", [5000, 3], &[], 2000);
        check("", "id=gt=1990", [2, 3], &[1993, 1994, 1995], 10);
        check("id:DESC", "", [0, 2], &[2000, 1999], 2000);
        check("lastDigit:desc,id:asc", "", [199, 2], &[1999, 8], 2000);
        check("ID:ASC", "digit.First==2;lastdigit==0", [9, 9], &[280, 290, 2000], 12);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_code() {
        let table: &[(Option<Fault>, &str)] = &[
            (Fields::of::<Number>().sort("id").err(), "SortSyntax"),
            (Fields::of::<Number>().sort("id:UP").err(), "SortDirection"),
            (Fields::of::<Number>().sort("size:ASC").err(), "SortField"),
            (Fields::of::<Number>().sort("digit.:ASC").err(), "SortField"),
            (Fields::of::<Number>().filter("id=").err(), "FilterSyntax"),
            (Fields::of::<Number>().filter("size==1").err(), "FilterField"),
            (Fields::of::<Number>().filter("digit==1").err(), "FilterField"),
        ];
        let kinds =
            [Kind::SortSyntax, Kind::SortDirection, Kind::SortField, Kind::FilterSyntax, Kind::FilterField];
        for (at, (fault, expected)) in table.iter().enumerate() {
            let fault = fault.as_ref().unwrap_or_else(|| panic!("{at} is taken"));
            let found = kinds.iter().find(|kind| fault.is(**kind)).map(|kind| format!("{kind:?}"));
            assert_eq!(found.as_deref(), Some(*expected), "{at}");
        }
    }
}
