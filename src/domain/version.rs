//! Versions: what a device says it runs, what an image is, and the patterns that rules hold against them.
//!
//! A device's version is an opaque text with an optional number; semver is only one way to read it.

use std::cmp::Ordering;
use std::fmt;

/// Longest version text in bytes: the ESP dialect's whole reply has 200, and semver needs far less.
pub const VERSION_MAX: usize = 128;

/// A version text: 1..=128 printable ASCII characters without blanks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Box<str>);

impl Version {
    /// The version, if the text keeps to the grammar.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=VERSION_MAX).contains(&text.len());
        (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Version(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How the two versions are ordered, where both can be read as semver (build metadata is ignored).
    pub fn compare(&self, other: &Version) -> Option<Ordering> {
        let (a, b) = (semver::Version::parse(&self.0).ok()?, semver::Version::parse(&other.0).ok()?);
        Some(a.cmp_precedence(&b))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// What a device says it runs for one firmware type: a server-issued number, a version text, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The server-issued image number, where the device knows it.
    pub number: Option<u64>,
    /// The version text, where the device knows it.
    pub version: Option<Version>,
}

impl Running {
    /// The device names only a number.
    pub fn numbered(number: u64) -> Self {
        Running { number: Some(number), version: None }
    }

    /// The device names only a version text.
    pub fn named(version: Version) -> Self {
        Running { number: None, version: Some(version) }
    }

    /// What a text says: plain decimal digits are a number, all else is a version text.
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text == "0" || (text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'));
        match canonical.then(|| text.parse().ok()).flatten() {
            Some(number) => Some(Running::numbered(number)),
            None => Version::parse(text).map(Running::named),
        }
    }

    /// Whether this is the image with that number and version. A number decides alone where the device gives
    /// one, because two images may carry the same text.
    pub fn is(&self, number: u64, version: &Version) -> bool {
        match self.number {
            Some(own) => own == number,
            None => self.version.as_ref() == Some(version),
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, &self.version) {
            (Some(number), Some(version)) => write!(f, "{version} (number {number})"),
            (Some(number), None) => write!(f, "number {number}"),
            (None, Some(version)) => write!(f, "{version}"),
            (None, None) => write!(f, "unknown"),
        }
    }
}

/// One entry of a rule's list of versions that an update may start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionPattern {
    /// A literal version, or one with `x`, `X` or `*` segments: each matches one segment, a trailing one the
    /// whole rest (`0.x` matches `0.3.2`).
    Wildcard(Box<str>),
    /// A semver requirement such as `>=1.0.0, <2.0.0`.
    Range(semver::VersionReq),
}

impl VersionPattern {
    /// Reads a pattern: text that begins with one of `<>=^~` is a semver requirement, all else is segments.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes().first()? {
            b'<' | b'>' | b'=' | b'^' | b'~' => semver::VersionReq::parse(text).ok().map(Self::Range),
            _ => Version::parse(text).map(|v| VersionPattern::Wildcard(v.0)),
        }
    }

    /// Whether the version falls under the pattern.
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            VersionPattern::Wildcard(pattern) => segments_match(pattern, version.as_str()),
            VersionPattern::Range(range) => {
                semver::Version::parse(version.as_str()).is_ok_and(|v| range.matches(&v))
            }
        }
    }
}

impl fmt::Display for VersionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionPattern::Wildcard(text) => f.write_str(text),
            VersionPattern::Range(range) => write!(f, "{range}"),
        }
    }
}

fn segments_match(pattern: &str, version: &str) -> bool {
    let mut wanted = pattern.split('.').peekable();
    let mut found = version.split('.');
    while let Some(segment) = wanted.next() {
        let wild = matches!(segment, "x" | "X" | "*");
        match found.next() {
            Some(_) if wild && wanted.peek().is_none() => return true,
            Some(_) if wild => {}
            Some(own) if own == segment => {}
            Some(_) | None => return false,
        }
    }
    found.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    #[test]
    fn patterns_match_segments_wildcards_and_ranges() {
        let table: &[(&str, &str, bool)] = &[
            ("0.3.2", "0.3.2", true),
            ("0.3.2", "0.3.20", false),
            ("0.2.x", "0.2.9", true),
            ("0.2.x", "0.3.9", false),
            ("0.2.X", "0.2", false),
            ("0.x", "0.3.2", true),
            ("0.x.2", "0.7.2", true),
            ("0.x.2", "0.7.3", false),
            ("*", "anything-1", true),
            ("1.0.0-rc1", "1.0.0-rc1", true),
            (">=1.0.0, <2.0.0", "1.4.0", true),
            (">=1.0.0, <2.0.0", "2.0.0", false),
            ("^1.2", "1.9.9", true),
            ("^1.2", "not-semver", false),
        ];
        for (pattern, text, expected) in table {
            let parsed = VersionPattern::parse(pattern).expect("a pattern");
            assert_eq!(parsed.matches(&version(text)), *expected, "{pattern} against {text}");
        }
    }

    #[test]
    fn a_number_decides_alone_where_the_device_gives_one() {
        let target = version("1.0.1");
        assert!(Running::numbered(7).is(7, &target));
        assert!(Running::named(target.clone()).is(7, &target));
        assert!(!Running { number: Some(8), version: Some(target.clone()) }.is(7, &target));
        assert!(!Running { number: None, version: None }.is(7, &target));
    }

    #[test]
    fn versions_are_short_printable_text() {
        for bad in ["", "1 0", "1\n", "1\u{e9}", &"1".repeat(VERSION_MAX + 1)] {
            assert_eq!(Version::parse(bad), None, "{bad:?}");
        }
        assert_eq!(version("1.0.0-alpha").compare(&version("1.0.0")), Some(Ordering::Less));
        assert_eq!(version("1.0.0+a").compare(&version("1.0.0+b")), Some(Ordering::Equal));
        assert_eq!(version("banana").compare(&version("1.0.0")), None);
    }
}
