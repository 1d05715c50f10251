//! The values of members that many requests share, with hawkBit's bounds.

use crate::domain::catalog::Label;
use crate::domain::version::Version;
use crate::http::hawkbit::Fault;

/// The longest name, in characters.
pub const NAME_MAX: usize = 128;
/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 512;
/// The longest colour, in characters.
const COLOUR_MAX: usize = 16;

/// A text of 1 to `max` characters.
///
/// # Errors
/// 400.
pub fn text(field: &str, text: &str, max: usize) -> Result<Box<str>, Fault> {
    let bad = || Fault::constraint(format!("{field} must have 1 to {max} characters, no control characters"));
    let fits = !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control);
    if fits { Ok(text.trim().into()) } else { Err(bad()) }
}

/// A text of at most `max` characters that may be missing.
///
/// # Errors
/// 400.
pub fn some_text(field: &str, text: Option<&str>, max: usize) -> Result<Option<Box<str>>, Fault> {
    match text {
        Some(text) if text.chars().count() > max => {
            Err(Fault::constraint(format!("{field} must have at most {max} characters")))
        }
        text => Ok(text.map(Into::into)),
    }
}

/// A name.
///
/// # Errors
/// 400 when it does not have 1 to 128 characters.
pub fn name(name: &str) -> Result<Box<str>, Fault> {
    text("name", name, NAME_MAX)
}

/// A description.
///
/// # Errors
/// 400 when it has more than 512 characters.
pub fn description(description: Option<&str>) -> Result<Option<Box<str>>, Fault> {
    some_text("description", description, DESCRIPTION_MAX)
}

/// A version.
///
/// # Errors
/// 400 when it is not 1 to 128 printable ASCII characters without blanks.
pub fn version(text: &str) -> Result<Version, Fault> {
    let bad = || Fault::constraint("version must be 1 to 128 printable ASCII characters without blanks");
    Version::parse(text).ok_or_else(bad)
}

/// A name, a description and a colour.
///
/// # Errors
/// 400 when one of them is too long.
pub fn label(own: &str, about: Option<&str>, colour: Option<&str>) -> Result<Label, Fault> {
    let colour = some_text("colour", colour, COLOUR_MAX)?;
    Ok(Label { name: name(own)?, description: description(about)?, colour })
}

/// The label with what is new in it; what is left out stays.
///
/// # Errors
/// 400 when something is too long.
pub fn relabel(
    old: &Label,
    own: Option<&str>,
    about: Option<&str>,
    colour: Option<&str>,
) -> Result<Label, Fault> {
    let about = about.or(old.description.as_deref());
    label(own.unwrap_or(&old.name), about, colour.or(old.colour.as_deref()))
}
