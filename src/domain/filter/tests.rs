//! The filter language by example: what is a filter and what is not, and what each filter matches.

#![allow(clippy::unwrap_used)]

use super::sort::{Direction, Sort, SortError};
use super::*;

/// A device as a list of fields and values.
struct Device(Vec<(&'static str, Value)>);

impl Subject for Device {
    fn values(&self, field: &str) -> Vec<Value> {
        self.0.iter().filter(|(name, _)| *name == field).map(|(_, value)| value.clone()).collect()
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// 2026-11-21T13:00:00Z
const NOW: u64 = 1_795_266_000_000;
const AT: Moment = Moment { now: Time(NOW), overdue_before: Time(NOW - 600_000) };

fn device() -> Device {
    Device(vec![
        ("name", text("Lamp-17")),
        ("star", text("a*b")),
        ("slash", text(r"a\b")),
        ("city", text("Köln ÄÖ")),
        ("empty", text("")),
        ("word", text("null")),
        ("money", text("${NOW_TS}")),
        ("tag", text("blue")),
        ("tag", text("Green")),
        ("version", text("1.10.0")),
        ("grade", text("b10")),
        ("expires", text("1795266000001")),
        ("weight", Value::Number(-5)),
        ("stamp", Value::Number(NOW as i64)),
        ("active", Value::Flag(true)),
        ("seen", Value::Time(Time(NOW - 600_000))),
        ("born", Value::Time(Time(951_782_400_000))),
    ])
}

#[test]
fn a_filter_is_printed_in_its_shortest_spelling() {
    let table: &[(&str, &str)] = &[
        ("name==a", "name==a"),
        ("  name  ==  a  ", "name==a"),
        ("name=='a'", "name==a"),
        ("name==\"a b\"", "name=='a b'"),
        (r#"name=="it's""#, r#"name=="it's""#),
        (r#"name=='it\'s'"#, r#"name=="it's""#),
        (r#"name=='\a\\\"'"#, r#"name=='a\\"'"#),
        (r"name==a\*b", r"name==a\*b"),
        ("name==''", "name==''"),
        ("name==and", "name==and"),
        ("and==or and or==and", "and==or;or==and"),
        ("a=is=b", "a==b"),
        ("a=eq=b", "a==b"),
        ("a=not=b", "a!=b"),
        ("a=ne=b", "a!=b"),
        ("a=is=null", "a=is=null"),
        ("a=is='null'", "a=is=null"),
        ("a=not=null", "a=ne=null"),
        ("a==null", "a==null"),
        ("a=lt=1;a=le=1;a=gt=1;a=ge=1", "a<1;a<=1;a>1;a>=1"),
        ("a<1 and a <= 1 and a>1 and a >= 1", "a<1;a<=1;a>1;a>=1"),
        ("a=in=(b)", "a=in=b"),
        ("a=in= ( b , 'c d' ) ", "a=in=(b,'c d')"),
        ("a=out=(b,c)", "a=out=(b,c)"),
        ("a==1;b==2,c==3", "a==1;b==2,c==3"),
        ("a==1 and b==2 or c==3", "a==1;b==2,c==3"),
        ("a==1 AND b==2 Or c==3", "a==1;b==2,c==3"),
        ("a==1;(b==2,c==3)", "a==1;(b==2,c==3)"),
        ("((a==1);((b==2;c==3)))", "a==1;b==2;c==3"),
        ("(a==1,(b==2,c==3)),d==4", "a==1,b==2,c==3,d==4"),
        ("(a==1)and(b==2)or(c==3)", "a==1;b==2,c==3"),
        ("attribute.os-name/x==ü", "attribute.os-name/x==ü"),
        ("seen=le=${OVERDUE_TS}", "seen<=${OVERDUE_TS}"),
        ("seen=le=2026-11-21T13:00:00Z", "seen<=2026-11-21T13:00:00Z"),
    ];
    for (text, expected) in table {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.to_string(), *expected, "{text}");
        assert_eq!(Filter::parse(expected), Ok(filter), "{text}");
    }
}

#[test]
fn a_refusal_says_where_and_what() {
    const OPERAND: &str = "a field or `(` is expected";
    const OPERATOR: &str =
        "an operator is expected: == != < <= > >= =lt= =le= =gt= =ge= =in= =out= =is= =not=";
    const VALUE: &str = "a value is expected; one with blanks or any of \"'();,=!~<> goes in quotes";
    const END: &str = "`;`, `,`, `and`, `or` or the end is expected";
    const GROUP_END: &str = "`;`, `,`, `and`, `or` or `)` is expected";
    const UNCLOSED: &str = "this quote is never closed";
    let table: &[(&str, usize, &str)] = &[
        ("", 0, OPERAND),
        ("   ", 3, OPERAND),
        ("==a", 0, OPERAND),
        ("'name'==a", 0, OPERAND),
        ("name", 4, OPERATOR),
        ("name a", 5, OPERATOR),
        ("name=a", 4, OPERATOR),
        ("name=LT=a", 4, OPERATOR),
        ("name=like=a", 4, OPERATOR),
        ("name~a", 4, OPERATOR),
        ("name==", 6, VALUE),
        ("name== ;b==c", 7, VALUE),
        ("name==(a)", 6, VALUE),
        ("name==a b", 8, END),
        ("name==a)", 7, END),
        ("ü==a b", 6, END),
        ("name==a andb==c", 8, END),
        ("name==a and", 11, OPERAND),
        ("name==a;", 8, OPERAND),
        ("name==a,,b==c", 8, OPERAND),
        ("name=='a", 6, UNCLOSED),
        (r"name=='a\'", 6, UNCLOSED),
        (r#"name=="a'"#, 6, UNCLOSED),
        ("a=in=()", 6, VALUE),
        ("a=in=(b", 7, "`,` or `)` is expected"),
        ("a=in=(b,)", 8, VALUE),
        ("a=in=(b c)", 8, "`,` or `)` is expected"),
        ("(a==b", 5, GROUP_END),
        ("(a==b c", 6, GROUP_END),
        ("()", 1, OPERAND),
        ("a==b\u{0}", 4, END),
    ];
    for (text, at, message) in table {
        let expected = FilterError { at: *at, message: (*message).to_owned() };
        assert_eq!(Filter::parse(text), Err(expected), "{text:?}");
    }
}

#[test]
fn a_filter_keeps_to_its_bounds() {
    let nested = |depth: usize| format!("{}a==b{}", "(".repeat(depth), ")".repeat(depth));
    let joined = |count: usize| vec!["a==b"; count].join(",");
    let long = |bytes: usize| format!("a=={}", "b".repeat(bytes - 3));
    let refusal = |text: &str| Filter::parse(text).err().map(|error| (error.at, error.message));
    let table = [
        (nested(NESTING_MAX), None),
        (nested(NESTING_MAX + 1), Some((32, "parentheses are nested deeper than 32 levels"))),
        ("(".repeat(TEXT_MAX), Some((32, "parentheses are nested deeper than 32 levels"))),
        (joined(COMPARISONS_MAX), None),
        (joined(COMPARISONS_MAX + 1), Some((1280, "a filter has at most 256 comparisons"))),
        (long(TEXT_MAX), None),
        (long(TEXT_MAX + 1), Some((4096, "a filter has at most 4096 bytes, this one has 4097"))),
    ];
    for (text, expected) in table {
        assert_eq!(refusal(&text), expected.map(|(at, message)| (at, message.to_owned())), "{text}");
    }
}

#[test]
fn fields_are_listed_in_order_and_as_written() {
    let filter = Filter::parse("attribute.OS==a;(tag!=b,targetType.name=is=null);tag==c").unwrap();
    assert_eq!(filter.fields().collect::<Vec<_>>(), ["attribute.OS", "tag", "targetType.name", "tag"]);
}

fn check(table: &[(&str, bool)]) {
    for (text, expected) in table {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.matches(&device(), AT), *expected, "{text}");
    }
}

#[test]
fn texts_are_equal_whatever_their_case_and_a_star_is_any_text() {
    check(&[
        ("name==lamp-17", true),
        ("name==LAMP-17", true),
        ("name==lamp-1", false),
        ("name==lamp*", true),
        ("name==*17", true),
        ("name==*a*-*7*", true),
        ("name==**", true),
        ("name==l*7*7", false),
        ("name==*lamp-17*", true),
        ("name==*x*", false),
        ("city=='köln äö'", true),
        ("city=='KÖLN *ö'", true),
        ("city=='koln*'", false),
        (r"star==a\*b", true),
        (r"star==a\**", true),
        (r"name==lamp\*", false),
        (r"slash==a\b", true),
        (r"slash=='a\\b'", true),
        // As in hawkBit, quotes take one backslash away before stars are looked for.
        (r"name=='lamp\*'", true),
        (r"star=='a\\*b'", true),
        (r"name=='lamp\\*'", false),
        ("name!=lamp-17", false),
        ("name!=lamp*", false),
        ("name!=other", true),
        ("name=is=LAMP*", true),
        ("name=not=lamp*", false),
    ]);
}

#[test]
fn a_field_may_have_no_value_or_many() {
    check(&[
        ("tag==blue", true),
        ("tag==green", true),
        ("tag==red", false),
        ("tag!=blue", false),
        ("tag!=red", true),
        ("tag==blue;tag==green", true),
        ("tag=in=(red,green)", true),
        ("tag=out=(red,green)", false),
        ("tag=out=(red)", true),
        ("tag=in=gr*", false),
        ("city=in=(a,'KÖLN ÄÖ',z)", true),
        ("name=in=(lamp-18,LAMP-17,lamp-16)", true),
        ("name=in=(lamp-1,lamp-170,lamp)", false),
        ("name=in=(${now_ts},LAMP-17)", true),
        ("money=in=(a,$${now_ts})", true),
        ("absent==a", false),
        ("absent==*", false),
        ("absent!=a", true),
        ("absent!=*", true),
        ("absent=in=(a,b)", false),
        ("absent=out=(a,b)", true),
        ("absent<1", false),
        ("absent=is=null", true),
        ("absent=not=null", false),
        ("name=is=null", false),
        ("name=not=null", true),
        ("word==null", true),
        ("name==null", false),
        ("absent==''", true),
        ("empty==''", true),
        ("name==''", false),
        ("absent!=''", false),
        ("empty!=''", false),
        ("name!=''", true),
    ]);
}

#[test]
fn numbers_flags_and_times_are_compared_as_what_they_are() {
    check(&[
        ("weight==-5", true),
        ("weight==-05", true),
        ("weight==five", false),
        ("weight!=five", true),
        ("weight==-*", false),
        ("weight==*", true),
        ("weight<4", true),
        ("weight=gt=-10", true),
        ("weight<=-5;weight>=-5", true),
        ("weight<99999999999999999999", false),
        ("weight=in=(1,-5)", true),
        ("active==TRUE", true),
        ("active==false", false),
        ("active!=false", true),
        ("active==1", false),
        ("active>false", false),
        ("born==951782400000", true),
        ("born==2000-02-29T00:00:00Z", true),
        ("born<2000-02-29T00:00:01Z", true),
        ("born>2000-02-28T23:59:59Z", true),
        ("born>2000-02-30T00:00:00Z", false),
        ("born<2000-02-29", false),
        ("seen<${now_ts}", true),
        ("seen<=${overdue_ts}", true),
        ("seen<${OVERDUE_TS}", false),
        ("seen>'${Overdue_Ts}'", false),
        ("seen<2026-11-21T13:00:00Z", true),
        ("seen==2026-11-21T12:50:00Z", true),
        ("stamp==${now_ts}", true),
        ("stamp>${overdue_ts}", true),
        ("expires>${now_ts}", true),
        ("expires==${now_ts}", false),
        ("name<${now_ts}", false),
        ("money==$${now_ts}", true),
        ("money==${now_ts}", false),
        ("money==*_ts}", true),
    ]);
}

#[test]
fn texts_are_ordered_as_versions_where_both_are_and_by_bytes_else() {
    check(&[
        ("version>1.9.0", true),
        ("version<1.10.0", false),
        ("version<=1.10.0+build.5", true),
        ("version>=1.10.0-rc.1", true),
        ("version>1.9", false),
        ("grade>b9", false),
        ("grade>=b10", true),
        ("grade<B", false),
        ("tag>c", false),
        ("tag<c", true),
        ("tag>=c,tag<=H", true),
    ]);
}

#[test]
fn and_binds_tighter_than_or() {
    check(&[
        ("name==x;name==x,name==l*", true),
        ("name==l*,name==x;name==x", true),
        ("(name==l*,name==x);name==x", false),
        ("name==l* and (name==x or tag==blue)", true),
        ("name==x or name==l* and tag==red", false),
    ]);
}

/// A device that takes after hawkBit's targets: a key that is not there is not different.
struct Target(Device);

impl Subject for Target {
    fn values(&self, field: &str) -> Vec<Value> {
        self.0.values(field)
    }

    fn absent_differs(&self, field: &str) -> bool {
        !field.starts_with("attribute.")
    }
}

#[test]
fn a_subject_says_whether_a_missing_field_differs() {
    let table = [
        ("attribute.os!=linux", false),
        ("attribute.os=out=(linux)", false),
        ("attribute.os==linux", false),
        ("attribute.os=is=null", true),
        ("attribute.os==''", true),
        ("absent!=linux", true),
        ("name!=linux", true),
    ];
    for (text, expected) in table {
        assert_eq!(Filter::parse(text).unwrap().matches(&Target(device()), AT), expected, "{text}");
    }
}

#[test]
fn dates_are_exact() {
    let table: &[(&str, Option<u64>)] = &[
        ("1970-01-01T00:00:00Z", Some(0)),
        ("1972-03-01T00:00:00Z", Some(68_256_000_000)),
        ("2000-02-29T00:00:00Z", Some(951_782_400_000)),
        ("2026-11-21T13:00:00Z", Some(NOW)),
        ("2100-03-01T00:00:00Z", Some(4_107_542_400_000)),
        ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
        ("1969-12-31T23:59:59Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("2100-02-29T00:00:00Z", None),
        ("2026-00-01T00:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-04-31T00:00:00Z", None),
        ("2026-04-00T00:00:00Z", None),
        ("2026-04-01T24:00:00Z", None),
        ("2026-04-01T00:60:00Z", None),
        ("2026-04-01T00:00:60Z", None),
        ("2026-04-01T00:00:00", None),
        ("2026-04-01 00:00:00Z", None),
        ("+026-04-01T00:00:00Z", None),
        ("2026-4-1T00:00:00Z", None),
    ];
    for (text, expected) in table {
        let device = Device(vec![("at", Value::Time(Time(expected.unwrap_or_default())))]);
        let matches = |filter: String| Filter::parse(&filter).unwrap().matches(&device, AT);
        let equal_or_comparable =
            (matches(format!("at=='{text}'")), matches(format!("at<'{text}',at>='{text}'")));
        assert_eq!(equal_or_comparable, (expected.is_some(), expected.is_some()), "{text}");
    }
}

#[test]
fn a_sort_is_fields_with_directions() {
    use super::sort::Direction::{Ascending, Descending};
    let syntax = |part: &str| Err(SortError::Syntax(part.into()));
    let keys = |keys: &[(&str, Direction)]| Ok(keys.iter().map(|(f, d)| ((*f).to_owned(), *d)).collect());
    let many = vec!["a:ASC"; sort::KEYS_MAX + 1].join(",");
    let table = [
        ("name:ASC", keys(&[("name", Ascending)])),
        ("name:asc , id : Desc", keys(&[("name", Ascending), ("id", Descending)])),
        ("attribute.os:DESC", keys(&[("attribute.os", Descending)])),
        ("", syntax("")),
        ("name", syntax("name")),
        ("name:", syntax("name:")),
        (":ASC", syntax(":ASC")),
        ("name:ASC,", syntax("")),
        ("name:ASC:DESC", syntax("name:ASC:DESC")),
        ("name:UP", Err(SortError::Direction("UP".into()))),
        (&many, syntax("a:ASC")),
    ];
    for (text, expected) in table {
        let keys =
            Sort::parse(text).map(|sort| sort.keys().map(|(f, d)| (f.to_owned(), d)).collect::<Vec<_>>());
        assert_eq!(keys, expected, "{text}");
    }
}

#[test]
fn a_sort_puts_what_has_no_value_first_and_asks_the_next_field_on_a_tie() {
    let device = |name: Option<&str>, id: i64| {
        let name = name.map(|name| ("name", text(name)));
        Device(name.into_iter().chain([("id", Value::Number(id))]).collect())
    };
    let devices = [device(Some("b"), 1), device(None, 2), device(Some("a"), 10), device(Some("a"), 9)];
    let table = [
        ("name:ASC,id:ASC", [2, 9, 10, 1]),
        ("name:ASC,id:DESC", [2, 10, 9, 1]),
        ("name:DESC,id:ASC", [1, 9, 10, 2]),
        ("id:DESC", [10, 9, 2, 1]),
    ];
    for (order, expected) in table {
        let sort = Sort::parse(order).unwrap();
        let mut sorted: Vec<_> = devices.iter().collect();
        sorted.sort_by(|a, b| sort.compare(*a, *b));
        let expected: Vec<_> = expected.map(|id| vec![Value::Number(id)]).into();
        assert_eq!(sorted.iter().map(|d| d.values("id")).collect::<Vec<_>>(), expected, "{order}");
    }
}
