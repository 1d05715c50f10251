//! The filter language of the management API: RSQL as hawkBit speaks it, held against anything that has fields.
//!
//! A filter is parsed once and everything that can be known without a subject (patterns, numbers, times, versions)
//! is read then. Which fields exist is the subject's business; no clock is read here, and no text can make it fail
//! other than with a [`FilterError`].

mod literal;
mod parse;
pub mod sort;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use self::literal::{List, Literal};
use crate::domain::ids::Time;

/// Longest filter in bytes: four times the query column of hawkBit, so that every filter kept there fits, and little
/// enough to be parsed for every request.
pub const TEXT_MAX: usize = 4096;

/// Deepest nesting of parentheses: parsing and evaluating recurse once or twice a level, people write three or four.
pub const NESTING_MAX: usize = 32;

/// Most comparisons in one filter: each one costs a look at every device of a fleet.
pub const COMPARISONS_MAX: usize = 256;

/// A parsed condition.
///
/// `Display` prints it in its shortest spelling, which is never longer than the text that was parsed and parses back
/// to the same filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Node);

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {at})")]
pub struct FilterError {
    /// Where, as an offset in bytes from the start of the text.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

/// What a filter is held against.
pub trait Subject {
    /// The values of a field, spelled as the filter spells it: none, one or many (tags).
    fn values(&self, field: &str) -> Vec<Value>;

    /// Whether a subject without this field differs from a value, so that `!=` and `=out=` match it.
    ///
    /// hawkBit: yes for columns and tags; no for `attribute.KEY` and `metadata.KEY`, where a target without the key
    /// matches neither `==` nor `!=` (hawkBit issue 2176). We say yes everywhere, because `!=` is then the opposite
    /// of `==`; a door that must select exactly what hawkBit selects answers no for its maps.
    fn absent_differs(&self, field: &str) -> bool {
        let _ = field;
        true
    }
}

/// One value of a field. The order is the order of sorting: by kind, then by content, texts by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A text: equal whatever the case of its letters.
    Text(Box<str>),
    /// A number.
    Number(i64),
    /// A moment.
    Time(Time),
    /// Yes or no.
    Flag(bool),
}

/// The moments that `${now_ts}` and `${overdue_ts}` stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The present.
    pub now: Time,
    /// A device last seen at or before this is overdue: now, less the polling interval, less the time allowed beyond.
    pub overdue_before: Time,
}

impl Filter {
    /// Parses the condition.
    ///
    /// # Errors
    /// [`FilterError`] for a text outside the grammar or over [`TEXT_MAX`], [`NESTING_MAX`] or [`COMPARISONS_MAX`].
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parse::whole(text).map(Filter)
    }

    /// The fields of all comparisons, in order and as written.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let mut fields = Vec::new();
        self.0.collect_fields(&mut fields);
        fields.into_iter()
    }

    /// Whether the subject meets the condition.
    pub fn matches(&self, subject: &dyn Subject, at: Moment) -> bool {
        self.0.matches(subject, at)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A condition. `All` and `Any` have at least two parts, none of their own kind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    One { field: Box<str>, test: Test },
}

impl Node {
    /// All of the parts; parts that are themselves an "all" are taken apart.
    fn all(parts: Vec<Node>) -> Node {
        let flat = parts.into_iter().flat_map(|part| match part {
            Node::All(inner) => inner,
            Node::Any(_) | Node::One { .. } => vec![part],
        });
        single(flat.collect()).unwrap_or_else(Node::All)
    }

    /// Any of the parts; parts that are themselves an "any" are taken apart.
    fn any(parts: Vec<Node>) -> Node {
        let flat = parts.into_iter().flat_map(|part| match part {
            Node::Any(inner) => inner,
            Node::All(_) | Node::One { .. } => vec![part],
        });
        single(flat.collect()).unwrap_or_else(Node::Any)
    }

    fn collect_fields<'n>(&'n self, fields: &mut Vec<&'n str>) {
        match self {
            Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| part.collect_fields(fields)),
            Node::One { field, .. } => fields.push(field),
        }
    }

    fn matches(&self, subject: &dyn Subject, at: Moment) -> bool {
        match self {
            Node::All(parts) => parts.iter().all(|part| part.matches(subject, at)),
            Node::Any(parts) => parts.iter().any(|part| part.matches(subject, at)),
            Node::One { field, test } => {
                let values = subject.values(field);
                let may_match = !values.is_empty() || !test.differs() || subject.absent_differs(field);
                may_match && test.holds(&values, at)
            }
        }
    }
}

/// The only part, or all of them.
fn single(mut parts: Vec<Node>) -> Result<Node, Vec<Node>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        last => {
            parts.extend(last);
            Err(parts)
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::All(parts) => separated(f, ";", parts, |f, part| match part {
                Node::Any(_) => write!(f, "({part})"),
                Node::All(_) | Node::One { .. } => write!(f, "{part}"),
            }),
            Node::Any(parts) => separated(f, ",", parts, |f, part| write!(f, "{part}")),
            Node::One { field, test } => write!(f, "{field}{test}"),
        }
    }
}

/// What one comparison asks of the values of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Equal(Literal),
    Unequal(Literal),
    Order(Bound, Literal),
    OneOf(List),
    NoneOf(List),
    Missing,
    Present,
}

/// On which side of the literal a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Below,
    AtMost,
    AtLeast,
    Above,
}

impl Test {
    fn holds(&self, values: &[Value], at: Moment) -> bool {
        match self {
            Test::Equal(literal) => equal(values, literal, at),
            Test::Unequal(literal) => !equal(values, literal, at),
            Test::Order(bound, literal) => {
                values.iter().filter_map(|value| literal.order(value, at)).any(|order| bound.admits(order))
            }
            Test::OneOf(list) => values.iter().any(|value| list.has(value, at)),
            Test::NoneOf(list) => !values.iter().any(|value| list.has(value, at)),
            Test::Missing => values.is_empty(),
            Test::Present => !values.is_empty(),
        }
    }

    /// Whether the test asks for a difference, which a missing field may or may not be.
    fn differs(&self) -> bool {
        matches!(self, Test::Unequal(_) | Test::NoneOf(_))
    }
}

/// hawkBit: `== ''` is "has none, or an empty one", so that `tag==''` finds what has no tag.
fn equal(values: &[Value], literal: &Literal, at: Moment) -> bool {
    values.iter().any(|value| literal.equals(value, at)) || values.is_empty() && literal.is_empty()
}

impl Bound {
    fn admits(self, order: Ordering) -> bool {
        match self {
            Bound::Below => order.is_lt(),
            Bound::AtMost => order.is_le(),
            Bound::AtLeast => order.is_ge(),
            Bound::Above => order.is_gt(),
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Bound::Below => "<",
            Bound::AtMost => "<=",
            Bound::AtLeast => ">=",
            Bound::Above => ">",
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Equal(literal) => write!(f, "=={literal}"),
            Test::Unequal(literal) => write!(f, "!={literal}"),
            Test::Order(bound, literal) => write!(f, "{}{literal}", bound.sign()),
            Test::OneOf(list) => print_list(f, "=in=", list.literals()),
            Test::NoneOf(list) => print_list(f, "=out=", list.literals()),
            Test::Missing => f.write_str("=is=null"),
            Test::Present => f.write_str("=ne=null"),
        }
    }
}

fn print_list(f: &mut fmt::Formatter<'_>, sign: &str, literals: &[Literal]) -> fmt::Result {
    match literals {
        [only] => write!(f, "{sign}{only}"),
        many => {
            write!(f, "{sign}(")?;
            separated(f, ",", many, |f, literal| write!(f, "{literal}"))?;
            f.write_str(")")
        }
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: &[T],
    print: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        print(f, item)?;
    }
    Ok(())
}
