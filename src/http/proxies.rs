//! The proxies in front of this server: whose word about a client counts. What others say about themselves in the same
//! headers is taken off before any door sees it.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// How the headers begin that only a proxy may send: how the client reached it, and who its certificate says it is.
const OF_PROXIES: [&str; 4] = ["x-forwarded-", "x-ssl-", "x-authority", "x-controller-id"];
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The headers that name a device by its certificate, each with how those begin that go with it: hawkBit's since 0.10,
/// and hawkBit's before.
const NAMES: [(&str, &[&str]); 2] =
    [("x-controller-id", &["x-authority", "x-controller-id"]), ("x-ssl-client-cn", &["x-ssl-"])];

/// The proxies: their addresses, and which of their headers about certificates do not count. Those that a proxy does
/// not set itself it may pass on from anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    nets: Box<[IpNet]>,
    ignored: Vec<&'static str>,
}

impl Proxies {
    /// Of the headers that name a device, only these count.
    ///
    /// # Errors
    /// The first text that is no such header.
    pub fn naming(self, headers: &[String]) -> Result<Proxies, String> {
        let is = |text: &str, (name, _): &(&str, &[&str])| text.eq_ignore_ascii_case(name);
        if let Some(unknown) = headers.iter().find(|text| !NAMES.iter().any(|own| is(text, own))) {
            return Err(unknown.clone());
        }
        let others = NAMES.iter().filter(|own| !headers.iter().any(|text| is(text, own)));
        let ignored = others.flat_map(|(_, beginnings)| beginnings.iter().copied()).collect();
        Ok(Proxies { ignored, ..self })
    }

    /// Reads addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `::1`.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse(texts: &[String]) -> Result<Proxies, String> {
        let read = |text: &String| {
            let net = text.trim().parse().or_else(|_| text.trim().parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| text.clone())
        };
        let nets = texts.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Proxies { nets, ignored: Vec::new() })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.nets.iter().any(|net| net.contains(&address))
    }

    /// The client's address, when the connection comes from `peer`. Headers that `peer` may not send are removed.
    ///
    /// Every proxy adds the address that it was reached from at the end of `X-Forwarded-For`, so the last one that is
    /// no proxy's is the client's; what stands before it is hearsay.
    pub fn admit(&self, peer: IpAddr, headers: &mut HeaderMap) -> IpAddr {
        let trusted = self.trusts(peer);
        remove(headers, if trusted { &self.ignored } else { &OF_PROXIES });
        if !trusted {
            return peer;
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<Option<IpAddr>> = lines.flat_map(|line| line.split(',')).map(hop).collect();
        let known = hops.iter().rev().map_while(|hop| *hop);
        known.clone().find(|hop| !self.trusts(*hop)).or_else(|| known.last()).unwrap_or(peer)
    }
}

/// Takes headers off by how they begin.
fn remove(headers: &mut HeaderMap, beginnings: &[&str]) {
    let begins = |name: &&HeaderName| beginnings.iter().any(|own| name.as_str().starts_with(own));
    let names: Vec<HeaderName> = headers.keys().filter(begins).cloned().collect();
    names.iter().for_each(|name| drop(headers.remove(name)));
}

/// One address of the list; some proxies add the port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let socket = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(socket).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn proxies() -> Proxies {
        Proxies::parse(&["127.0.0.0/8".into(), " ::1 ".into(), "10.1.0.0/16".into()]).unwrap()
    }

    #[test]
    fn of_the_headers_that_name_a_device_only_those_count_that_the_proxy_sets() {
        let sent = [("x-controller-id", "a"), ("x-authority", "b"), ("x-ssl-client-cn", "c")];
        let table: [(&[&str], &[&str]); 3] = [
            (&["x-controller-id", "X-Ssl-Client-Cn"], &["x-authority", "x-controller-id", "x-ssl-client-cn"]),
            (&["x-controller-id"], &["x-authority", "x-controller-id"]),
            (&["x-ssl-client-cn"], &["x-ssl-client-cn"]),
        ];
        for (named, expected) in table {
            let named: Vec<String> = named.iter().map(|text| (*text).to_owned()).collect();
            let mut headers: HeaderMap =
                sent.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            proxies().naming(&named).unwrap().admit("127.0.0.1".parse().unwrap(), &mut headers);
            let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, expected, "{named:?}");
        }
        assert_eq!(proxies().naming(&["x-other".into()]), Err("x-other".into()));
    }

    #[test]
    fn a_client_is_the_last_address_that_is_no_proxy() {
        let table: &[(&str, &[&str], &str)] = &[
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::1", &["203.0.113.9, 198.51.100.7, 10.1.2.3"], "198.51.100.7"),
            ("::1", &["203.0.113.9", "198.51.100.7:4711, 10.1.2.3"], "198.51.100.7"),
            ("::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("::1", &["203.0.113.9, unknown, 10.1.2.3"], "10.1.2.3"),
            ("::1", &["10.1.2.4, 10.1.2.3"], "10.1.2.4"),
            ("::1", &["unknown"], "::1"),
        ];
        for (peer, lines, expected) in table {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            let found = proxies().admit(peer.parse().unwrap(), &mut headers);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }

    #[test]
    fn only_a_proxy_may_say_who_a_client_is() {
        let names = ["x-forwarded-proto", "x-ssl-client-cn", "x-ssl-issuer-hash-1", "x-controller-id"];
        let names = [names.as_slice(), &["x-authority", "x-authority-0", "host"]].concat();
        for (peer, expected) in [("127.0.0.1", names.clone()), ("192.0.2.1", vec!["host"])] {
            let mut headers = HeaderMap::new();
            for name in &names {
                headers.insert(HeaderName::from_static(name), "v".parse().unwrap());
            }
            proxies().admit(peer.parse().unwrap(), &mut headers);
            let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(left, expected, "{peer}");
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        for text in ["localhost", "10.0.0.0/33", "10.0.0", ""] {
            assert_eq!(Proxies::parse(&["::1".into(), text.into()]), Err(text.to_owned()));
        }
    }
}
