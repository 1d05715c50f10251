//! Which version comes after which, where an uploader leaves the number to the server (semver.org, 2.0.0).

use std::cmp::Ordering;

use semver::{BuildMetadata, Prerelease};

/// Which part of a version grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bump {
    /// Incompatible changes.
    Major,
    /// New functions.
    Minor,
    /// Corrections.
    Patch,
}

impl Bump {
    /// The part with this name.
    pub fn parse(text: &str) -> Option<Bump> {
        match text {
            "major" => Some(Bump::Major),
            "minor" => Some(Bump::Minor),
            "patch" => Some(Bump::Patch),
            _ => None,
        }
    }
}

/// What an uploader suggests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// The version that it would like.
    pub version: Option<semver::Version>,
    /// Which part grows where there is no such version, or it is too low.
    pub bump: Option<Bump>,
}

/// A version was suggested that does not come after the latest, and no part of it was to grow instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotLater {
    /// The latest version.
    pub latest: semver::Version,
}

/// The version after `latest`. A suggestion above it is taken; all else counts up from it, corrections where nothing is
/// said.
///
/// # Errors
/// [`NotLater`] when all that was said is a version that is too low.
pub fn successor(
    latest: Option<&semver::Version>,
    suggestion: &Suggestion,
) -> Result<semver::Version, NotLater> {
    match (&suggestion.version, latest, suggestion.bump) {
        (Some(version), None, _) => Ok(version.clone()),
        (Some(version), Some(latest), _) if version.cmp_precedence(latest) == Ordering::Greater => {
            Ok(version.clone())
        }
        (Some(_), Some(latest), None) => Err(NotLater { latest: latest.clone() }),
        (_, latest, bump) => Ok(next(latest, bump.unwrap_or(Bump::Patch))),
    }
}

/// Counts up as node-semver's `inc` does: a pre-release becomes the release that it announces, where that is one of
/// this kind.
fn next(latest: Option<&semver::Version>, bump: Bump) -> semver::Version {
    let zero = semver::Version::new(0, 0, 0);
    let from = latest.unwrap_or(&zero);
    let announced = !from.pre.is_empty()
        && match bump {
            Bump::Patch => true,
            Bump::Minor => from.patch == 0,
            Bump::Major => from.minor == 0 && from.patch == 0,
        };
    if announced {
        return semver::Version { pre: Prerelease::EMPTY, build: BuildMetadata::EMPTY, ..from.clone() };
    }
    match bump {
        // A number that is at its end stays there; the result is then not later, and no upload comes that far.
        Bump::Patch => semver::Version::new(from.major, from.minor, from.patch.saturating_add(1)),
        Bump::Minor => semver::Version::new(from.major, from.minor.saturating_add(1), 0),
        Bump::Major => semver::Version::new(from.major.saturating_add(1), 0, 0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(latest: &str, version: &str, bump: &str) -> String {
        let read = |text: &str| (text != "-").then(|| semver::Version::parse(text).unwrap());
        let suggestion = Suggestion { version: read(version), bump: Bump::parse(bump) };
        match successor(read(latest).as_ref(), &suggestion) {
            Ok(version) => version.to_string(),
            Err(NotLater { latest }) => format!("not above {latest}"),
        }
    }

    #[test]
    fn a_suggestion_above_the_latest_is_taken_and_all_else_counts_up() {
        let table: &[(&str, &str, &str, &str)] = &[
            ("-", "-", "-", "0.0.1"),
            ("-", "-", "patch", "0.0.1"),
            ("-", "-", "minor", "0.1.0"),
            ("-", "-", "major", "1.0.0"),
            ("-", "3.1.4", "major", "3.1.4"),
            ("-", "0.0.0-alpha", "-", "0.0.0-alpha"),
            ("1.2.3", "-", "-", "1.2.4"),
            ("1.2.3", "-", "minor", "1.3.0"),
            ("1.2.3", "-", "major", "2.0.0"),
            ("1.2.3", "1.2.4", "major", "1.2.4"),
            // Too low: the kind decides, and without one nothing does.
            ("1.2.3", "1.2.3", "patch", "1.2.4"),
            ("1.2.3", "0.9.0", "minor", "1.3.0"),
            ("1.2.3", "1.2.3", "-", "not above 1.2.3"),
            ("1.2.3", "1.2.3-rc1", "-", "not above 1.2.3"),
            // Build metadata has no rank.
            ("1.2.3+a", "1.2.3+b", "-", "not above 1.2.3+a"),
            ("1.2.3+a", "-", "patch", "1.2.4"),
            // Pre-releases, as node-semver counts.
            ("1.0.0-alpha", "1.0.0", "-", "1.0.0"),
            ("1.0.0-alpha", "1.0.0-alpha.1", "-", "1.0.0-alpha.1"),
            ("1.2.3-rc1", "-", "patch", "1.2.3"),
            ("1.2.3-rc1", "-", "minor", "1.3.0"),
            ("1.3.0-rc1", "-", "minor", "1.3.0"),
            ("1.2.0-rc1", "-", "major", "2.0.0"),
            ("2.0.0-rc1+b", "-", "major", "2.0.0"),
            ("0.0.18446744073709551615", "-", "patch", "0.0.18446744073709551615"),
        ];
        for (latest, version, bump, expected) in table {
            assert_eq!(check(latest, version, bump), *expected, "{version} {bump} after {latest}");
        }
    }
}
