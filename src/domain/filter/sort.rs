//! The order of a list: the management API's `sort=field:ASC,field:DESC`.

use std::cmp::Ordering;

use super::Subject;

/// Most keys of one order: each costs two lookups in every comparison of a sort, and lists have about a dozen columns.
pub const KEYS_MAX: usize = 16;

/// An order of subjects: by the first field, where that is equal by the second, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort(Vec<(Box<str>, Direction)>);

/// Which way a field is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// Why a text is not an order; carries the part at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SortError {
    /// The part is not `field:direction`, or is one part too many (hawkBit's `sortParamSyntax`).
    #[error("{0:?} is not one of at most {KEYS_MAX} parts of the form field:ASC or field:DESC")]
    Syntax(Box<str>),
    /// The direction is neither `ASC` nor `DESC` (hawkBit's `invalidDirection`).
    #[error("{0:?} is no direction, ASC and DESC are")]
    Direction(Box<str>),
}

impl Sort {
    /// Parses `field:direction` parts with commas between them; blanks around a word and its case do not matter.
    ///
    /// # Errors
    /// [`SortError`] names the first part that is wrong.
    pub fn parse(text: &str) -> Result<Sort, SortError> {
        let parts = text.split(',').enumerate().map(|(at, part)| key(part, at < KEYS_MAX));
        parts.collect::<Result<_, _>>().map(Sort)
    }

    /// The fields with their directions, the one that counts most first.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Direction)> {
        self.0.iter().map(|(field, direction)| (&**field, *direction))
    }

    /// Which of two subjects comes first. One without the field is smaller than one with it; of many values the
    /// first that differs decides.
    pub fn compare(&self, a: &dyn Subject, b: &dyn Subject) -> Ordering {
        let orders = self.0.iter().map(|(field, direction)| {
            let order = a.values(field).cmp(&b.values(field));
            match direction {
                Direction::Ascending => order,
                Direction::Descending => order.reverse(),
            }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    }
}

fn key(part: &str, in_bounds: bool) -> Result<(Box<str>, Direction), SortError> {
    let words = part.split_once(':').map(|(field, direction)| (field.trim(), direction.trim()));
    match words {
        Some((field, word)) if in_bounds && !field.is_empty() && !word.is_empty() && !word.contains(':') => {
            Ok((field.into(), direction(word)?))
        }
        Some(_) | None => Err(SortError::Syntax(part.into())),
    }
}

fn direction(word: &str) -> Result<Direction, SortError> {
    match word {
        _ if word.eq_ignore_ascii_case("asc") => Ok(Direction::Ascending),
        _ if word.eq_ignore_ascii_case("desc") => Ok(Direction::Descending),
        _ => Err(SortError::Direction(word.into())),
    }
}
