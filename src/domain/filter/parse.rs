//! From text to condition: the grammar of RSQL with hawkBit's operators, and the bounds of a filter.
//!
//! The grammar is the one of the Java library under hawkBit (jirutka/rsql-parser 2.1): a field or an unquoted value is
//! a run of characters outside `"'();,=!~<>` and blanks; inside quotes a backslash makes the next character plain.
//! Only a separator and the choice between a group and a comparison look back, so parsing takes linear time.

use winnow::Stateful;
use winnow::ascii::{Caseless, multispace0};
use winnow::combinator::{alt, cut_err, delimited, eof, fail, not, preceded, repeat, separated, terminated};
use winnow::error::{AddContext, ParserError};
use winnow::prelude::*;
use winnow::stream::Stream;
use winnow::token::{any, none_of, one_of, take_while};

use super::literal::{List, Literal};
use super::{Bound, COMPARISONS_MAX, FilterError, NESTING_MAX, Node, TEXT_MAX, Test};

const OPERAND: &str = "a field or `(` is expected";
const OPERATOR: &str = "an operator is expected: == != < <= > >= =lt= =le= =gt= =ge= =in= =out= =is= =not=";
const VALUE: &str = "a value is expected; one with blanks or any of \"'();,=!~<> goes in quotes";
const UNCLOSED: &str = "this quote is never closed";
const LIST_END: &str = "`,` or `)` is expected";
const GROUP_END: &str = "`;`, `,`, `and`, `or` or `)` is expected";
const END: &str = "`;`, `,`, `and`, `or` or the end is expected";

/// The whole text as one condition.
pub(super) fn whole(text: &str) -> Result<Node, FilterError> {
    if text.len() > TEXT_MAX {
        let message = format!("a filter has at most {TEXT_MAX} bytes, this one has {}", text.len());
        return Err(FilterError { at: TEXT_MAX, message });
    }
    let input = Stateful { input: text, state: Spent::default() };
    delimited(multispace0, alternatives, cut_err(eof).context(END)).parse(input).map_err(|refusal| {
        FilterError { at: refusal.offset(), message: refusal.inner().0.unwrap_or(OPERAND).to_owned() }
    })
}

/// Whether the character may stand in a field or in a value without quotes.
pub(super) fn is_plain(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || "\"'();,=!~<>".contains(c))
}

/// How much of the bounds is used up.
#[derive(Debug, Clone, Default)]
struct Spent {
    nesting: usize,
    comparisons: usize,
}

/// What was expected where parsing stopped: the innermost parser that knows says it.
#[derive(Debug)]
struct Complaint(Option<&'static str>);

impl<I: Stream> ParserError<I> for Complaint {
    type Inner = Self;

    fn from_input(_: &I) -> Self {
        Complaint(None)
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

impl<I: Stream> AddContext<I, &'static str> for Complaint {
    fn add_context(self, _: &I, _: &I::Checkpoint, context: &'static str) -> Self {
        Complaint(self.0.or(Some(context)))
    }
}

/// `or` binds loosest.
fn alternatives(input: &mut Stateful<&str, Spent>) -> ModalResult<Node, Complaint> {
    let or = token(alt((",".void(), word("or"))));
    separated(1.., conjunction, or).map(Node::any).parse_next(input)
}

fn conjunction(input: &mut Stateful<&str, Spent>) -> ModalResult<Node, Complaint> {
    let and = token(alt((";".void(), word("and"))));
    separated(1.., alt((group, comparison)), and).map(Node::all).parse_next(input)
}

fn group(input: &mut Stateful<&str, Spent>) -> ModalResult<Node, Complaint> {
    let start = input.checkpoint();
    token("(").parse_next(input)?;
    if input.state.nesting == NESTING_MAX {
        input.reset(&start);
        return refuse(input, "parentheses are nested deeper than 32 levels");
    }
    input.state.nesting += 1;
    let inside = alternatives(input)?;
    input.state.nesting -= 1;
    cut_err(token(")")).context(GROUP_END).parse_next(input)?;
    Ok(inside)
}

fn comparison(input: &mut Stateful<&str, Spent>) -> ModalResult<Node, Complaint> {
    let start = input.checkpoint();
    let field = token(cut_err(take_while(1.., is_plain)).context(OPERAND)).parse_next(input)?;
    if input.state.comparisons == COMPARISONS_MAX {
        input.reset(&start);
        return refuse(input, "a filter has at most 256 comparisons");
    }
    input.state.comparisons += 1;
    let operator = token(cut_err(operator).context(OPERATOR)).parse_next(input)?;
    let test = match operator {
        Operator::Equal => Test::Equal(Literal::pattern(value(input)?)),
        Operator::Unequal => Test::Unequal(Literal::pattern(value(input)?)),
        Operator::Is => match value(input)?.as_str() {
            "null" => Test::Missing,
            text => Test::Equal(Literal::pattern(text.into())),
        },
        Operator::Not => match value(input)?.as_str() {
            "null" => Test::Present,
            text => Test::Unequal(Literal::pattern(text.into())),
        },
        Operator::Order(bound) => Test::Order(bound, Literal::exact(value(input)?)),
        Operator::In => Test::OneOf(values(input)?),
        Operator::Out => Test::NoneOf(values(input)?),
    };
    Ok(Node::One { field: field.into(), test })
}

/// The operators as they are written; `Is` and `Not` are `==` and `!=` that know `null`.
#[derive(Debug, Clone, Copy)]
enum Operator {
    Equal,
    Unequal,
    Is,
    Not,
    Order(Bound),
    In,
    Out,
}

/// Every spelling; one that another begins with stands behind that other.
const OPERATORS: [(&str, Operator); 16] = [
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("=is=", Operator::Is),
    ("=eq=", Operator::Is),
    ("=not=", Operator::Not),
    ("=ne=", Operator::Not),
    ("=in=", Operator::In),
    ("=out=", Operator::Out),
    ("<=", Operator::Order(Bound::AtMost)),
    ("=le=", Operator::Order(Bound::AtMost)),
    ("<", Operator::Order(Bound::Below)),
    ("=lt=", Operator::Order(Bound::Below)),
    (">=", Operator::Order(Bound::AtLeast)),
    ("=ge=", Operator::Order(Bound::AtLeast)),
    (">", Operator::Order(Bound::Above)),
    ("=gt=", Operator::Order(Bound::Above)),
];

fn operator(input: &mut Stateful<&str, Spent>) -> ModalResult<Operator, Complaint> {
    alt(OPERATORS.map(|(sign, operator)| sign.value(operator))).parse_next(input)
}

/// Values in parentheses, or one without.
fn values(input: &mut Stateful<&str, Spent>) -> ModalResult<List, Complaint> {
    let exact = |input: &mut Stateful<&str, Spent>| value(input).map(Literal::exact);
    let many = separated(1.., exact, token(","));
    let list = delimited(token("("), many, cut_err(token(")")).context(LIST_END));
    alt((list, exact.map(|only| vec![only]))).map(List::new).parse_next(input)
}

fn value(input: &mut Stateful<&str, Spent>) -> ModalResult<String, Complaint> {
    let plain = take_while(1.., is_plain).map(str::to_owned);
    token(cut_err(alt((quoted, plain))).context(VALUE)).parse_next(input)
}

fn quoted(input: &mut Stateful<&str, Spent>) -> ModalResult<String, Complaint> {
    let start = input.checkpoint();
    let quote = one_of(['"', '\'']).parse_next(input)?;
    let piece = alt((preceded('\\', any), none_of([quote, '\\'])));
    let text: String = repeat(0.., piece).parse_next(input)?;
    if input.next_token() == Some(quote) {
        return Ok(text);
    }
    input.reset(&start);
    refuse(input, UNCLOSED)
}

/// What `parser` reads, and the blanks behind it.
fn token<'t, T>(
    parser: impl Parser<Stateful<&'t str, Spent>, T, winnow::error::ErrMode<Complaint>>,
) -> impl Parser<Stateful<&'t str, Spent>, T, winnow::error::ErrMode<Complaint>> {
    terminated(parser, multispace0)
}

/// A word in any case that ends here.
fn word<'t>(
    text: &'static str,
) -> impl Parser<Stateful<&'t str, Spent>, (), winnow::error::ErrMode<Complaint>> {
    (Caseless(text), not(one_of(is_plain))).void()
}

fn refuse<T>(input: &mut Stateful<&str, Spent>, reason: &'static str) -> ModalResult<T, Complaint> {
    cut_err(fail).context(reason).parse_next(input)
}
