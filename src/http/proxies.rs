//! The proxies in front of this server: whose word about a client counts. What others say about themselves in the same
//! headers is taken off before any door sees it.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// How the headers begin that only a proxy may send: how the client reached it, and who its certificate says it is.
const OF_PROXIES: [&str; 4] = ["x-forwarded-", "x-ssl-", "x-authority", "x-controller-id"];
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The addresses of the proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Box<[IpNet]>);

impl Proxies {
    /// Reads addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `::1`.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse(texts: &[String]) -> Result<Proxies, String> {
        let read = |text: &String| {
            let net = text.trim().parse().or_else(|_| text.trim().parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| text.clone())
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Proxies)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The client's address, when the connection comes from `peer`. Headers that `peer` may not send are removed.
    ///
    /// Every proxy adds the address that it was reached from at the end of `X-Forwarded-For`, so the last one that is
    /// no proxy's is the client's; what stands before it is hearsay.
    pub fn admit(&self, peer: IpAddr, headers: &mut HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            let of_proxy = |name: &&HeaderName| OF_PROXIES.iter().any(|own| name.as_str().starts_with(own));
            let names: Vec<HeaderName> = headers.keys().filter(of_proxy).cloned().collect();
            names.iter().for_each(|name| drop(headers.remove(name)));
            return peer;
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<Option<IpAddr>> = lines.flat_map(|line| line.split(',')).map(hop).collect();
        let known = hops.iter().rev().map_while(|hop| *hop);
        known.clone().find(|hop| !self.trusts(*hop)).or_else(|| known.last()).unwrap_or(peer)
    }
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
