//! The value that a filter names, and every way it can be read: pattern, number, moment, flag, version.
//!
//! All readings are made when the filter is parsed; holding a literal against a value allocates nothing.

use std::cmp::Ordering;
use std::fmt;

use winnow::combinator::{preceded, terminated};
use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::token::take_while;

use super::parse::is_plain;
use super::{Moment, Value};
use crate::domain::ids::Time;

/// A value as the filter writes it, with its readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    /// As written, without its quotes.
    text: Box<str>,
    pattern: Pattern,
    number: Option<i64>,
    when: Option<When>,
    flag: Option<bool>,
    version: Option<semver::Version>,
}

impl Literal {
    /// A literal in which `*` stands for any text and `\*` for itself.
    pub(super) fn pattern(text: String) -> Self {
        let pattern = Pattern::wild(unescaped(&text));
        Literal::read(text, pattern)
    }

    /// A literal in which every character stands for itself.
    pub(super) fn exact(text: String) -> Self {
        let pattern = Pattern::exact(unescaped(&text));
        Literal::read(text, pattern)
    }

    fn read(text: String, pattern: Pattern) -> Self {
        let flag = match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        let version = version(&text);
        Literal {
            pattern,
            number: text.parse().ok(),
            when: When::read(&text),
            flag,
            version,
            text: text.into(),
        }
    }

    /// Whether nothing is written between the quotes.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether the value is what the literal says. A literal that does not read as the value's kind is not;
    /// `*` alone is any value of any kind, as in hawkBit.
    pub(super) fn equals(&self, value: &Value, at: Moment) -> bool {
        self.pattern.is_anything()
            || match value {
                Value::Text(text) => match self.placeholder(at) {
                    Some(moment) => read_time(text) == Some(moment),
                    None => self.pattern.matches(text),
                },
                Value::Number(number) => self.number(at) == Some(*number),
                Value::Time(time) => self.time(at) == Some(*time),
                Value::Flag(flag) => self.flag == Some(*flag),
            }
    }

    /// How the value is ordered against the literal, where the literal reads as the value's kind. Flags have no order.
    pub(super) fn order(&self, value: &Value, at: Moment) -> Option<Ordering> {
        match value {
            Value::Text(text) => match self.placeholder(at) {
                Some(moment) => Some(read_time(text)?.cmp(&moment)),
                None => Some(self.order_text(text)),
            },
            Value::Number(number) => Some(number.cmp(&self.number(at)?)),
            Value::Time(time) => Some(time.cmp(&self.time(at)?)),
            Value::Flag(_) => None,
        }
    }

    /// Two versions by their precedence, anything else by bytes.
    fn order_text(&self, text: &str) -> Ordering {
        let versions = self.version.as_ref().and_then(|mine| Some((version(text)?, mine)));
        match versions {
            Some((value, literal)) => value.cmp_precedence(literal),
            None => text.as_bytes().cmp(unescaped(&self.text).as_bytes()),
        }
    }

    fn number(&self, at: Moment) -> Option<i64> {
        self.number.or_else(|| i64::try_from(self.placeholder(at)?.0).ok())
    }

    fn time(&self, at: Moment) -> Option<Time> {
        self.when.map(|when| when.resolve(at))
    }

    /// The moment, if the literal is a placeholder and so has no text of its own.
    fn placeholder(&self, at: Moment) -> Option<Time> {
        match self.when? {
            When::At(_) => None,
            when @ (When::Now | When::OverdueBefore) => Some(when.resolve(at)),
        }
    }
}

/// The literals of `=in=` and `=out=`. Lists of hundreds of ids are what tools write, so texts are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    literals: Vec<Literal>,
    /// The texts in lower case, sorted.
    texts: Vec<Box<str>>,
    /// Whether a literal has no text of its own, so that looking up is not enough.
    has_placeholder: bool,
}

impl List {
    /// The list of these literals, in this order.
    pub(super) fn new(literals: Vec<Literal>) -> Self {
        let text = |literal: &Literal| lower(unescaped(&literal.text)).collect();
        let mut texts: Vec<Box<str>> = literals.iter().map(text).collect();
        texts.sort_unstable();
        let is_placeholder =
            |literal: &Literal| matches!(literal.when, Some(When::Now | When::OverdueBefore));
        List { has_placeholder: literals.iter().any(is_placeholder), texts, literals }
    }

    /// The literals as they were listed.
    pub(super) fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// Whether one of the literals is the value.
    pub(super) fn has(&self, value: &Value, at: Moment) -> bool {
        match value {
            Value::Text(text) if !self.has_placeholder => self.has_text(text),
            Value::Text(_) | Value::Number(_) | Value::Time(_) | Value::Flag(_) => {
                self.literals.iter().any(|literal| literal.equals(value, at))
            }
        }
    }

    fn has_text(&self, text: &str) -> bool {
        let found = if text.is_ascii() {
            self.texts.binary_search_by(|listed| listed.chars().cmp(lower_ascii(text)))
        } else {
            self.texts.binary_search_by(|listed| listed.chars().cmp(lower(text)))
        };
        found.is_ok()
    }
}

fn version(text: &str) -> Option<semver::Version> {
    semver::Version::parse(text).ok()
}

/// hawkBit: a second `$` in front keeps a placeholder from being replaced.
fn unescaped(text: &str) -> &str {
    match text.strip_prefix('$') {
        Some(rest) if matches!(When::read(rest), Some(When::Now | When::OverdueBefore)) => rest,
        _ => text,
    }
}

impl fmt::Display for Literal {
    /// Without quotes where it can be, else in the quotes that need fewer backslashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_empty() && self.text.chars().all(is_plain) {
            return f.write_str(&self.text);
        }
        let count = |quote| self.text.matches(quote).count();
        let quote = if count('\'') > count('"') { '"' } else { '\'' };
        write!(f, "{quote}")?;
        for c in self.text.chars() {
            let backslash = if c == quote || c == '\\' { "\\" } else { "" };
            write!(f, "{backslash}{c}")?;
        }
        write!(f, "{quote}")
    }
}

/// A text to look for, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Box<[Symbol]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    /// This character.
    One(char),
    /// Any text, also none.
    Any,
}

impl Pattern {
    fn wild(text: &str) -> Self {
        let mut symbols = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match (c, rest.strip_prefix('*')) {
                ('\\', Some(behind)) => {
                    symbols.push(Symbol::One('*'));
                    rest = behind;
                }
                ('*', _) => symbols.push(Symbol::Any),
                (c, _) => symbols.extend(c.to_lowercase().map(Symbol::One)),
            }
        }
        // Two stars in a row say what one says.
        symbols.dedup_by(|a, b| (*a, *b) == (Symbol::Any, Symbol::Any));
        Pattern(symbols.into())
    }

    fn exact(text: &str) -> Self {
        Pattern(lower(text).map(Symbol::One).collect())
    }

    fn is_anything(&self) -> bool {
        *self.0 == [Symbol::Any]
    }

    fn matches(&self, text: &str) -> bool {
        if text.is_ascii() { self.walks(lower_ascii(text)) } else { self.walks(lower(text)) }
    }

    /// Walks text and pattern together; after a mismatch the last star takes one character more. Earlier stars need
    /// no second try, so the worst case is the product of both lengths, which are bounded.
    fn walks(&self, mut rest: impl Iterator<Item = char> + Clone) -> bool {
        let mut at = 0;
        let mut star = None;
        loop {
            let mut behind = rest.clone();
            match (&self.0[at..], behind.next()) {
                ([], None) | ([Symbol::Any], _) => return true,
                ([Symbol::Any, ..], _) => {
                    at += 1;
                    star = Some((at, rest.clone()));
                }
                ([Symbol::One(expected), ..], Some(found)) if *expected == found => {
                    at += 1;
                    rest = behind;
                }
                ([] | [Symbol::One(_), ..], _) => {
                    let Some((after, from)) = &mut star else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    at = *after;
                    rest = from.clone();
                }
            }
        }
    }
}

/// The text in lower case, character by character: no rule looks at the neighbours of a letter.
fn lower(text: &str) -> impl Iterator<Item = char> + Clone {
    text.chars().flat_map(char::to_lowercase)
}

/// The same for a text that is all ASCII, and faster.
fn lower_ascii(text: &str) -> impl Iterator<Item = char> + Clone {
    text.bytes().map(|b| char::from(b.to_ascii_lowercase()))
}

/// A moment that a filter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    At(Time),
    Now,
    OverdueBefore,
}

impl When {
    /// hawkBit's placeholders, in any case; or a fixed moment.
    fn read(text: &str) -> Option<When> {
        if text.eq_ignore_ascii_case("${now_ts}") {
            Some(When::Now)
        } else if text.eq_ignore_ascii_case("${overdue_ts}") {
            Some(When::OverdueBefore)
        } else {
            read_time(text).map(When::At)
        }
    }

    fn resolve(self, at: Moment) -> Time {
        match self {
            When::At(time) => time,
            When::Now => at.now,
            When::OverdueBefore => at.overdue_before,
        }
    }
}

/// Milliseconds since 1970, or `YYYY-MM-DDTHH:MM:SSZ`.
fn read_time(text: &str) -> Option<Time> {
    text.parse().ok().or_else(|| civil_ms(text)).map(Time)
}

/// The milliseconds of a date and time in UTC, from 1970 to 9999 (RFC 3339 without fractions and offsets).
fn civil_ms(text: &str) -> Option<u64> {
    let date = (digits::<4>, preceded('-', digits::<2>), preceded('-', digits::<2>));
    let time = (digits::<2>, preceded(':', digits::<2>), preceded(':', digits::<2>));
    let ((year, month, day), (hour, minute, second)) =
        (date, preceded('T', terminated(time, 'Z'))).parse(text).ok()?;
    if year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let lengths = month_lengths(year);
    let (before, from) = lengths.split_at_checked(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let day_of_month = Some(day).filter(|day| (1..=*from.first().unwrap_or(&0)).contains(day))?;
    let days = days_before(year) - days_before(1970) + before.iter().sum::<u64>() + day_of_month - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

fn digits<const COUNT: usize>(input: &mut &str) -> Result<u64, EmptyError> {
    take_while(COUNT, |c: char| c.is_ascii_digit()).parse_to().parse_next(input)
}

/// Days of all years before this one, counted from the year 1 of the Gregorian calendar.
fn days_before(year: u64) -> u64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

fn month_lengths(year: u64) -> [u64; 12] {
    let february = 28 + days_before(year + 1) - days_before(year) - 365;
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}
