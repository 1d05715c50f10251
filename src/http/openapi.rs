//! What is served, as OpenAPI 3.1 (`/openapi.json`) and as a page that shows it without reaching for anything else
//! (`/docs`). Both are made once, from the table of routes beside this file.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The table.
const TABLE: &str = include_str!("openapi.txt");
/// The page.
const PAGE: &str = include_str!("openapi.html");

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());
static POLICY: LazyLock<String> = LazyLock::new(policy);

/// `/openapi.json`
pub async fn json() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT.as_str()).into_response()
}

/// `/docs`. It may run its own script, wear its own style and ask this server, and nothing else.
pub async fn page() -> Response {
    let policy = HeaderValue::try_from(POLICY.as_str()).expect("base64 and constants are a header value");
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let name = HeaderName::from_static("content-security-policy");
    ([(CONTENT_TYPE, html), (name, policy)], PAGE).into_response()
}

/// A door and its routes.
#[derive(Debug)]
struct Door<'t> {
    tag: &'t str,
    prover: &'t str,
    about: &'t str,
    routes: Vec<Route<'t>>,
}

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Route<'t> {
    method: &'t str,
    path: &'t str,
    status: &'t str,
    body: &'t str,
    answer: &'t str,
    about: String,
}

/// The doors of the table. What is no line of it says so in the tests, and is left out here.
fn doors(table: &str) -> Vec<Door<'_>> {
    let mut doors: Vec<Door<'_>> = Vec::new();
    for line in table.lines() {
        if let Some(head) = line.strip_prefix("= ") {
            doors.extend(door(head));
        } else if let (Some(route), Some(door)) = (route(line), doors.last_mut()) {
            door.routes.push(route);
        }
    }
    doors
}

fn door(head: &str) -> Option<Door<'_>> {
    let mut parts = head.split('|').map(str::trim);
    Some(Door { tag: parts.next()?, prover: parts.next()?, about: parts.next()?, routes: Vec::new() })
}

fn route(line: &str) -> Option<Route<'_>> {
    let mut words = line.split_whitespace();
    let method = words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))?;
    let [path, status, body, answer] = [words.next()?, words.next()?, words.next()?, words.next()?];
    let about = words.collect::<Vec<_>>().join(" ");
    Some(Route { method, path, status, body, answer, about })
}

fn document() -> Value {
    let doors = doors(TABLE);
    let mut paths: Map<String, Value> = Map::new();
    for door in &doors {
        for route in &door.routes {
            let path = paths.entry(route.path).or_insert_with(|| json!({}));
            path[route.method.to_ascii_lowercase()] = operation(door, route);
        }
    }
    let tags: Vec<Value> =
        doors.iter().map(|door| json!({"name": door.tag, "description": door.about})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "updraft",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Updates the software of a fleet of devices.",
        },
        "tags": tags,
        "paths": paths,
        "components": {"securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "The token of an operator"},
            "basic": {"type": "http", "scheme": "basic", "description": "Name, or TENANT\\name, and password or token"},
            "device": {"type": "apiKey", "in": "header", "name": "Authorization",
                "description": "`TargetToken <token of the device>`, or what the dialect has in its place"},
        }},
    })
}

fn operation(door: &Door<'_>, route: &Route<'_>) -> Value {
    let mut operation = json!({
        "tags": [door.tag],
        "summary": route.about,
        "operationId": operation_id(route),
        "parameters": parameters(route),
        "responses": {
            route.status: success(route.answer),
            "default": {"description": "Refused; the door's own body says why", "content": media("json")},
        },
    });
    let security = match door.prover {
        "operator" => json!([{"bearer": []}, {"basic": []}]),
        "device" => json!([{"device": []}]),
        _ => json!([]),
    };
    operation["security"] = security;
    if route.body != "-" {
        operation["requestBody"] = json!({"required": true, "content": media(route.body)});
    }
    operation
}

/// Unique, and a name in any language: the method and the words of the path.
fn operation_id(route: &Route<'_>) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(route.method.to_ascii_lowercase(), |id, word| format!("{id}_{word}"))
}

fn parameters(route: &Route<'_>) -> Vec<Value> {
    let places = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let mut all: Vec<Value> = places
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let query: &[(&str, &str, &str)] = match route.answer {
        "page" => &[
            ("q", "string", "A condition in RSQL"),
            ("sort", "string", "`field:ASC` or `field:DESC`, several with commas"),
            ("offset", "integer", "How many rows to leave out"),
            ("limit", "integer", "The most rows: 50 where nothing is said, at most 500"),
        ],
        "list" => &[
            ("limit", "integer", "The most items: 50 where nothing is said, at most 500"),
            (
                "after",
                "string",
                "Goes on behind this item, which `next` names (`before` where lists run backwards)",
            ),
        ],
        _ => &[],
    };
    all.extend(query.iter().map(|(name, kind, about)| {
        json!({"name": name, "in": "query", "description": about, "schema": {"type": kind}})
    }));
    all
}

fn success(answer: &str) -> Value {
    match answer {
        "-" => json!({"description": "Done"}),
        answer => json!({"description": "Done", "content": media(answer)}),
    }
}

/// The media types of a body or an answer.
fn media(kinds: &str) -> Value {
    let mut content = Map::new();
    for kind in kinds.split('/') {
        let (media, schema) = match kind {
            "form" => ("multipart/form-data", json!({"type": "object"})),
            "login" => ("application/x-www-form-urlencoded", json!({"type": "object"})),
            "bytes" => ("application/octet-stream", json!({"type": "string", "format": "binary"})),
            "bson" => ("application/bson", json!({"type": "string", "format": "binary"})),
            "text" => ("text/plain", json!({"type": "string"})),
            _ => ("application/json", json!({})),
        };
        content.insert(media.into(), json!({"schema": schema}));
    }
    Value::Object(content)
}

/// The hashes of the page's own script and style are what the browser lets through (CSP level 2).
fn policy() -> String {
    let hash = |name: &str| {
        let inside = PAGE.split(&format!("<{name}>")).nth(1).and_then(|rest| rest.split("</").next());
        STANDARD.encode(Sha256::digest(inside.unwrap_or_default()))
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        hash("script"),
        hash("style")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let read = |line: &str| match line.strip_prefix("= ") {
            Some(head) => door(head).is_some(),
            None => route(line).is_some_and(|route| !route.about.is_empty()),
        };
        let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
        let unread: Vec<&str> = lines.filter(|line| !read(line)).collect();
        assert_eq!(unread, Vec::<&str>::new());
    }

    #[test]
    fn no_operation_is_there_twice() {
        let doors = doors(TABLE);
        let ids: Vec<String> = doors.iter().flat_map(|door| &door.routes).map(operation_id).collect();
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len());
        assert!(ids.len() > 100, "{}", ids.len());
    }

    #[test]
    fn the_page_reaches_for_nothing_else() {
        for foreign in ["http://", "https://", "//cdn", "innerHTML", " src="] {
            assert!(!PAGE.contains(foreign), "the page has {foreign}");
        }
        // A hash covers what stands between the tags, which must not hold the beginning of another.
        assert_eq!(PAGE.matches("<script>").count() + PAGE.matches("<style>").count(), 2);
    }
}
