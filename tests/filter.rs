//! The filter language on anything: no text is too odd for it, its printed form is the same filter, and a naive
//! evaluator that knows nothing of its insides finds the same devices.

#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;
use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use updraft::domain::filter::{Filter, Moment, Subject, Value};
use updraft::domain::ids::Time;

const AT: Moment = Moment { now: Time(3), overdue_before: Time(1) };

#[derive(Debug, Clone)]
struct Device(BTreeMap<&'static str, Vec<Value>>);

impl Subject for Device {
    fn values(&self, field: &str) -> Vec<Value> {
        self.0.get(field).cloned().unwrap_or_default()
    }
}

/// A filter as a tree, written out with every parenthesis and quote.
#[derive(Debug, Clone)]
enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    One(&'static str, &'static str, Vec<String>),
}

impl Tree {
    fn written(&self) -> String {
        let parts = |parts: &[Tree], separator: &str| {
            parts.iter().map(|part| format!("( {} )", part.written())).collect::<Vec<_>>().join(separator)
        };
        match self {
            Tree::All(inner) => parts(inner, " and "),
            Tree::Any(inner) => parts(inner, ","),
            Tree::One(field, operator @ ("=in=" | "=out="), values) => {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                format!("{field} {operator} ({})", values.join(" , "))
            }
            Tree::One(field, operator, values) => format!("{field} {operator} {}", quoted(&values[0])),
        }
    }

    fn matches(&self, device: &Device) -> bool {
        match self {
            Tree::All(parts) => parts.iter().all(|part| part.matches(device)),
            Tree::Any(parts) => parts.iter().any(|part| part.matches(device)),
            Tree::One(field, operator, literals) => holds(operator, literals, &device.values(field)),
        }
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

fn holds(operator: &str, literals: &[String], values: &[Value]) -> bool {
    let literal = &*literals[0];
    let ordered = |admits: fn(Ordering) -> bool| values.iter().filter_map(|v| order(v, literal)).any(admits);
    let listed = || values.iter().any(|value| literals.iter().any(|literal| is(value, literal)));
    let like = || values.iter().any(|v| like(v, literal)) || literal.is_empty() && values.is_empty();
    match operator {
        "==" => like(),
        "!=" => !like(),
        "=in=" => listed(),
        "=out=" => !listed(),
        "=lt=" => ordered(Ordering::is_lt),
        "<=" => ordered(Ordering::is_le),
        "=ge=" => ordered(Ordering::is_ge),
        ">" => ordered(Ordering::is_gt),
        "=is=" if literal == "null" => values.is_empty(),
        "=not=" if literal == "null" => !values.is_empty(),
        "=is=" => like(),
        "=not=" => !like(),
        other => panic!("{other} is not tried here"),
    }
}

fn like(value: &Value, literal: &str) -> bool {
    let only_stars = !literal.is_empty() && literal.chars().all(|c| c == '*');
    match value {
        Value::Text(text) => {
            let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
            wild(&lower(literal), &lower(text))
        }
        Value::Number(_) | Value::Time(_) | Value::Flag(_) => only_stars || is(value, literal),
    }
}

fn wild(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['\\', '*', rest @ ..] => text.first() == Some(&'*') && wild(rest, &text[1..]),
        ['*', rest @ ..] => (0..=text.len()).any(|at| wild(rest, &text[at..])),
        [c, rest @ ..] => text.first() == Some(c) && wild(rest, &text[1..]),
    }
}

fn is(value: &Value, literal: &str) -> bool {
    match value {
        Value::Text(text) => text.to_lowercase() == literal.to_lowercase(),
        Value::Number(number) => literal.parse() == Ok(*number),
        Value::Time(time) => moment(literal) == Some(time.0),
        Value::Flag(flag) => literal.to_lowercase().parse() == Ok(*flag),
    }
}

fn order(value: &Value, literal: &str) -> Option<Ordering> {
    match value {
        Value::Text(text) => match (semver::Version::parse(text), semver::Version::parse(literal)) {
            (Ok(value), Ok(literal)) => Some(value.cmp_precedence(&literal)),
            _ => Some((**text).cmp(literal)),
        },
        Value::Number(number) => Some(number.cmp(&literal.parse().ok()?)),
        Value::Time(time) => Some(time.0.cmp(&moment(literal)?)),
        Value::Flag(_) => None,
    }
}

fn moment(literal: &str) -> Option<u64> {
    match literal {
        "${now_ts}" => Some(AT.now.0),
        "${overdue_ts}" => Some(AT.overdue_before.0),
        _ => literal.parse().ok(),
    }
}

/// Texts from few characters, so that patterns meet what they match.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => vec(select(&['a', 'A', 'b', 'ä', 'Ä', '*', '\\', '\'', '1'][..]), 0..6).prop_map(String::from_iter),
        1 => select(&["1.2.3", "1.10.0", "1.10.0-rc.1", "null"][..]).prop_map(str::to_owned),
    ]
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => word(),
        1 => (-2_i64..5).prop_map(|number| number.to_string()),
        1 => select(&["true", "False", "*", "**"][..]).prop_map(str::to_owned),
    ]
}

fn one() -> impl Strategy<Value = Tree> {
    let operators = &["==", "!=", "=in=", "=out=", "=lt=", "<=", "=ge=", ">", "=is=", "=not="][..];
    let texts = (select(&["a", "b"][..]), select(operators), vec(literal(), 1..4));
    let placeholders = &["${now_ts}", "${overdue_ts}", "2"][..];
    let times = (Just("time"), select(operators), vec(select(placeholders).prop_map(str::to_owned), 1..3));
    let others = (select(&["number", "time", "flag", "none"][..]), select(operators), vec(literal(), 1..4));
    prop_oneof![4 => texts, 1 => times, 2 => others]
        .prop_map(|(field, operator, values)| Tree::One(field, operator, values))
}

fn tree() -> impl Strategy<Value = Tree> {
    one().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![vec(inner.clone(), 1..4).prop_map(Tree::All), vec(inner, 1..4).prop_map(Tree::Any),]
    })
}

fn device() -> impl Strategy<Value = Device> {
    let texts = vec(word().prop_map(|text| Value::Text(text.into())), 0..3);
    let others = (-2_i64..5, 0_u64..5, any::<bool>());
    (btree_map(select(&["a", "b"][..]), texts, 0..3), others).prop_map(
        |(mut fields, (number, time, flag))| {
            fields.insert("number", vec![Value::Number(number)]);
            fields.insert("time", vec![Value::Time(Time(time))]);
            fields.insert("flag", vec![Value::Flag(flag)]);
            Device(fields)
        },
    )
}

/// Pieces of filters in any order: most are nonsense, many almost right, some filters.
fn scraps() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b==c",
        "a==b",
        "==",
        "!=",
        "=in=",
        "=out=(a,b)",
        "=is=",
        "null",
        "<",
        ">=",
        "(",
        ")",
        "'",
        "\"",
        "\\",
        "*",
        ";",
        ",",
        " and ",
        " or ",
        " ",
        "ä",
        "\0",
        "${now_ts}",
        "='",
        "$",
    ];
    vec(select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
}

/// What a text that is a filter has to keep, and that an error points into the text.
fn check(text: &str, device: &Device) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Ok(filter) => {
            let printed = filter.to_string();
            prop_assert!(printed.len() <= text.len(), "{printed:?} is longer than {text:?}");
            let again = Filter::parse(&printed);
            prop_assert_eq!(again.as_ref().map(ToString::to_string), Ok(printed));
            prop_assert_eq!(again.map(|again| again.matches(device, AT)), Ok(filter.matches(device, AT)));
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
        Err(error) => prop_assert!(text.is_char_boundary(error.at), "{error} in {text:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn no_text_is_too_odd(text in any::<String>(), device in device()) {
        check(&text, &device)?;
    }

    #[test]
    fn no_scraps_of_filters_are_too_odd(text in scraps(), device in device()) {
        check(&text, &device)?;
    }

    #[test]
    fn a_naive_reading_finds_the_same_devices(tree in tree(), devices in vec(device(), 1..4)) {
        let text = tree.written();
        let filter = Filter::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        check(&text, &devices[0])?;
        for device in &devices {
            prop_assert_eq!(filter.matches(device, AT), tree.matches(device), "{} on {:?}", text, device);
        }
    }
}
