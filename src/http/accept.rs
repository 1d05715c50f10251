//! Which of the media types that an answer can have the client likes best: `Accept` (RFC 9110, 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// The one that the client likes best of those that are written, of which the first is preferred. None when it takes
/// none of them.
pub fn preferred(headers: &HeaderMap, written: &[&'static str]) -> Option<&'static str> {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, f32)> = lines.flat_map(|line| line.split(',')).map(range).collect();
    if ranges.is_empty() {
        return written.first().copied();
    }
    let mut best: Option<(&'static str, f32)> = None;
    for (range, quality) in ranges {
        let found = written.iter().find(|media| matches(range, media));
        if let Some(media) = found.filter(|_| quality > best.map_or(0.0, |(_, best)| best)) {
            best = Some((media, quality));
        }
    }
    best.map(|(media, _)| media)
}

/// One element of `Accept` with its quality; one that cannot be read counts as 1.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok());
    (media, quality.unwrap_or(1.0))
}

fn matches(range: &str, media: &str) -> bool {
    range == "*/*" || range == "application/*" || range.eq_ignore_ascii_case(media)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_best_liked_of_what_is_written_is_taken() {
        let written = ["application/hal+json", "application/json"];
        let table: &[(&str, Option<&str>)] = &[
            ("", Some("application/hal+json")),
            ("*/*", Some("application/hal+json")),
            ("application/*;q=0.1", Some("application/hal+json")),
            ("application/json", Some("application/json")),
            ("Application/JSON, application/hal+json", Some("application/json")),
            ("application/json;q=0.5, application/hal+json;q=0.9", Some("application/hal+json")),
            ("text/html, application/json;q=0.8", Some("application/json")),
            ("text/html", None),
            ("application/json;q=0", None),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(preferred(&headers, &written), *expected, "{accept}");
        }
    }
}
