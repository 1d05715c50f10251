//! One request of a webhook: what is in it, its signature (Standard Webhooks 1.0), and what its answer means.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::{Report, unreadable};
use crate::domain::news::News;
use crate::domain::webhook::{Attempt, SigningKey, Webhook};
use crate::engine::now;
use crate::engine::query::{Gap, Reader};
use crate::http::api::events::gap_body;
use crate::mqtt::payload::NewsBody;

/// The longest request, from the name of the host to the end of the answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most events of one request: some fifty kilobytes.
const EVENTS_MAX: usize = 100;
/// How many news are read for it: where most are not wanted, more are passed.
const PIECE: usize = 1000;
/// How much of an answer is read, so that the connection can be used again. Nobody looks at it.
const ANSWER_BYTES: u64 = 4096;

/// What carries requests: connections that are used again, and where they may go.
#[derive(Debug)]
pub(in crate::http) struct Sender {
    agent: Agent,
}

/// What a request carries.
#[derive(Serialize)]
struct Events<'e> {
    events: &'e [NewsBody],
}

impl Sender {
    /// With or without addresses that are not of the public internet.
    pub(in crate::http) fn new(allow_private: bool) -> Sender {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // An address that has moved is for people to change: a redirect may lead where it was not allowed to go.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .user_agent(concat!("updraft/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = Guarded { allow_private, inner: DefaultResolver::default() };
        Sender { agent: Agent::with_parts(config, DefaultConnector::new(), resolver) }
    }

    /// Sends events and says what became of it.
    pub(in crate::http) fn send(&self, hook: &Webhook, id: &str, events: &[NewsBody]) -> Attempt {
        let at = now();
        let body = serde_json::to_vec(&Events { events }).expect("texts and numbers are JSON");
        let seconds = at.0 / 1000;
        let request = self
            .agent
            .post(&*hook.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature(&hook.key, id, seconds, &body));
        match request.send(&body) {
            Ok(mut answer) => {
                let status = answer.status().as_u16();
                // It is read for the connection's sake only.
                let _ = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec();
                let good = (200..300).contains(&status);
                let error = (!good).then(|| format!("it answered {status}").into());
                Attempt { at, status: Some(status), error }
            }
            Err(error) => Attempt { at, status: None, error: Some(error.to_string().into()) },
        }
    }
}

/// `v1,` and the base64 of the HMAC-SHA256 over id, moment and body with dots between them.
fn signature(key: &SigningKey, id: &str, seconds: u64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Reads what a webhook has not got and sends it.
pub(super) fn carry(
    reader: &Reader,
    sender: &Sender,
    hook: &Webhook,
    cursor: u64,
    pledged: Option<u64>,
) -> Report {
    let key = (hook.tenant.clone(), hook.id);
    let heard = match reader.news(&hook.tenant, cursor, PIECE) {
        Ok(heard) => heard,
        Err(error) => return unreadable(key, cursor, &error),
    };
    let (events, until) = select(hook, cursor, pledged, heard.gap, &heard.news);
    let Some(first) = events.first() else {
        return Report { key, cursor: until, pledged: None, attempt: None };
    };
    let from = if first.id.is_empty() { "gap" } else { &first.id };
    let id = format!("msg_{}_{}_{from}-{until}", hook.tenant, hook.id);
    let attempt = sender.send(hook, &id, &events);
    let (cursor, pledged) = if attempt.succeeded() { (until, None) } else { (cursor, Some(until)) };
    Report { key, cursor, pledged, attempt: Some(attempt) }
}

/// The events of one request, and the number up to which there is nothing left to send then.
fn select(
    hook: &Webhook,
    cursor: u64,
    pledged: Option<u64>,
    gap: Option<Gap>,
    news: &[News],
) -> (Vec<NewsBody>, u64) {
    let mut until = gap.map_or(cursor, |gap| gap.next - 1);
    let mut events: Vec<NewsBody> = gap.map(gap_body).into_iter().collect();
    for news in news {
        if pledged.is_some_and(|pledged| news.id > pledged) {
            break;
        }
        if hook.wanted.takes(&news.what) {
            if events.len() == EVENTS_MAX {
                break;
            }
            events.push(NewsBody::of(news));
        }
        until = news.id;
    }
    (events, until)
}

/// Names resolved to where requests may go. It is asked at each connection, so that a name that changes its address
/// does not lead anywhere else.
#[derive(Debug)]
struct Guarded {
    allow_private: bool,
    inner: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.allow_private {
            return Ok(found);
        }
        let mut public = self.empty();
        for address in found.iter().filter(|address| is_public(address.ip())) {
            public.push(*address);
        }
        if public.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(public) }
    }
}

/// Whether an address is of the public internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_unspecified()
                || v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                // Carriers' own networks (RFC 6598), protocols (RFC 6890), benchmarks (RFC 2544).
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Only global unicast, and an address within another's network counts as that one.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public(IpAddr::V4(v4));
    }
    let segments = address.segments();
    let [a, b] = [segments[6], segments[7]].map(u16::to_be_bytes);
    let low = IpAddr::from([a[0], a[1], b[0], b[1]]);
    match segments {
        // NAT64 (RFC 6052).
        [0x64, 0xff9b, ..] => is_public(low),
        // 6to4 (RFC 3056) and Teredo (RFC 4380) hide an address within.
        [0x2002, ..] | [0x2001, 0, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The sample of Standard Webhooks, as its reference libraries test it.
        let key = SigningKey(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().into());
        let signed =
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn addresses_that_are_not_public_are_told_apart() {
        let table = [
            ("93.184.215.14", true),
            ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.31.0.1", false),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
        ];
        for (address, public) in table {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
