//! How a client reaches this server: what the links of an answer begin with.

use axum::http::header::HOST;
use axum::http::{HeaderMap, Uri};

/// The longest host with its port: a DNS name has 253 bytes.
const AUTHORITY_MAX: usize = 260;

/// Scheme, host and port, as the client or the proxy in front of it says. It only ever goes back to that client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whether the client speaks TLS, at least to a proxy.
    pub secure: bool,
    /// Host and port.
    pub authority: String,
}

impl Site {
    /// Reads `X-Forwarded-Proto`, `-Host` and `-Port`, and without them `Host`. Of a list, which every proxy adds to,
    /// the first is the client's. What is no host is left out, and the next in line counts.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Site {
        let first = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.and_then(|list| list.split(',').next()).map(str::trim)
        };
        let secure = first("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        let forwarded = first("x-forwarded-host").filter(|host| is_authority(host));
        let own = uri.authority().map(|authority| authority.as_str());
        let host = forwarded.or(own).or_else(|| first(HOST.as_str())).filter(|host| is_authority(host));
        let host = host.unwrap_or("localhost");
        let port = first("x-forwarded-port").and_then(|port| port.parse::<u16>().ok());
        let usual = if secure { 443 } else { 80 };
        let authority = match port {
            Some(port) if port == usual => without_port(host).to_owned(),
            Some(port) => format!("{}:{port}", without_port(host)),
            None => host.to_owned(),
        };
        Site { secure, authority }
    }

    /// Reads scheme and host, as an operator writes them; a path behind them does not count. None for anything else.
    pub fn parse(url: &str) -> Option<Site> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next().filter(|host| is_authority(host))?;
        let known = matches!(scheme, "http" | "https");
        known.then(|| Site { secure: scheme == "https", authority: authority.to_owned() })
    }

    /// What a link begins with.
    pub fn base(&self, secure: bool) -> String {
        format!("{}://{}", if secure { "https" } else { "http" }, self.authority)
    }
}

/// Letters, digits and the marks of names, addresses and ports: nothing that could end the host of a link.
fn is_authority(text: &str) -> bool {
    let fits = (1..=AUTHORITY_MAX).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn links_begin_with_what_the_client_sees() {
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[("host", "ota.example:8080")], "http://ota.example:8080"),
            (&[("host", "ota.example"), ("x-forwarded-proto", "https")], "https://ota.example"),
            (&[("host", "inner:8080"), ("x-forwarded-host", "ota.example, proxy")], "http://ota.example"),
            (&[("host", "i"), ("x-forwarded-host", "o:1"), ("x-forwarded-port", "8443")], "http://o:8443"),
            (&[("host", "o:80"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "443")], "https://o"),
            (&[("host", "[::1]:8080")], "http://[::1]:8080"),
            (&[("host", "[::1]"), ("x-forwarded-port", "81")], "http://[::1]:81"),
            (&[("host", "o"), ("x-forwarded-host", "evil\"><script>")], "http://o"),
            (&[("host", "o/evil")], "http://localhost"),
            (&[], "http://localhost"),
        ];
        for (lines, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in *lines {
                headers.append(axum::http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
            }
            let site = Site::of(&Uri::from_static("/x"), &headers);
            assert_eq!(site.base(site.secure), *expected, "{lines:?}");
        }
    }
}
