//! Webhooks: where a tenant's news are sent, how far each has come, and when it is given up.

use super::catalog::Trail;
use super::ids::{TenantId, Time, WebhookId};
use super::news::Wanted;

/// The most webhooks of a tenant: each of them costs a request for every hundred news.
pub const WEBHOOKS_MAX: usize = 32;
/// The longest address in bytes; what servers and proxies take at least (RFC 9110, 4.1, asks for 8000).
pub const URL_MAX: usize = 2048;
/// How long the first pause after a failure is, in milliseconds; twice as long after each further one.
const PAUSE_MS: u64 = 1000;
/// The longest pause: whoever is back waits no longer.
const PAUSE_MAX_MS: u64 = 300_000;
/// A webhook that has failed for five days is given up (Standard Webhooks recommends to end somewhen).
const PATIENCE_MS: u64 = 5 * 24 * 3_600_000;

/// What a webhook signs with. It is never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(pub Box<[u8]>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// What became of the newest attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Time,
    /// The status of the answer; none without one.
    pub status: Option<u16>,
    /// Why there was no answer, or why it is no success.
    pub error: Option<Box<str>>,
}

impl Attempt {
    /// Whether the news have arrived.
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The public id.
    pub id: WebhookId,
    /// The tenant.
    pub tenant: TenantId,
    /// Where news are sent: http or https.
    pub url: Box<str>,
    /// What they are signed with.
    pub key: SigningKey,
    /// Which news are sent.
    pub wanted: Wanted,
    /// Whether any are sent.
    pub enabled: bool,
    /// Why it was switched off without anybody asking for it.
    pub given_up: Option<Box<str>>,
    /// The number of the newest news that have arrived, or are not wanted.
    pub cursor: u64,
    /// Attempts that failed since the last that did not.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<Time>,
    /// The newest attempt.
    pub last: Option<Attempt>,
    /// Who made it and who changed it.
    pub trail: Trail,
}

impl Webhook {
    /// Takes note of an attempt, after which it may be over with the webhook.
    pub fn note(&mut self, attempt: Attempt) {
        if attempt.succeeded() {
            self.failures = 0;
            self.failing_since = None;
        } else {
            self.failures = self.failures.saturating_add(1);
            let since = *self.failing_since.get_or_insert(attempt.at);
            if attempt.status == Some(410) {
                self.give_up("it answered 410 Gone".into());
            } else if attempt.at.0.saturating_sub(since.0) >= PATIENCE_MS {
                let why = attempt.error.as_deref().unwrap_or("no success");
                self.give_up(format!("it has failed for five days, at last with: {why}").into());
            }
        }
        self.last = Some(attempt);
    }

    fn give_up(&mut self, why: Box<str>) {
        self.enabled = false;
        self.given_up = Some(why);
    }

    /// Switches it on or off. Whoever is switched on again begins with a clean slate.
    pub fn enable(&mut self, enabled: bool) {
        if enabled && !self.enabled {
            self.failures = 0;
            self.failing_since = None;
            self.given_up = None;
        }
        self.enabled = enabled;
    }
}

/// How long to wait after so many failures, in milliseconds: up to a quarter more than the doubled pause, so that
/// webhooks that failed together do not come again together.
pub fn pause_ms(id: WebhookId, failures: u32) -> u64 {
    let doubled = PAUSE_MS.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(PAUSE_MAX_MS);
    // Any spread will do, as long as it differs from one to the next (Knuth's multiplier).
    let spread = u64::from(id.get().wrapping_add(failures).wrapping_mul(2_654_435_761)) % 1000;
    doubled + doubled / 4 * spread / 1000
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId::new(1).unwrap(),
            tenant: TenantId::default(),
            url: "http://x/".into(),
            key: SigningKey([7; 24].into()),
            wanted: Wanted::default(),
            enabled: true,
            given_up: None,
            cursor: 0,
            failures: 0,
            failing_since: None,
            last: None,
            trail: Trail::new("admin", Time(0)),
        }
    }

    fn attempt(at: u64, status: Option<u16>) -> Attempt {
        Attempt { at: Time(at), status, error: None }
    }

    #[test]
    fn a_webhook_is_given_up_when_it_is_gone_or_has_failed_for_five_days() {
        let mut hook = webhook();
        hook.note(attempt(1000, None));
        hook.note(attempt(1000 + PATIENCE_MS - 1, Some(500)));
        assert_eq!((hook.enabled, hook.failures, hook.failing_since), (true, 2, Some(Time(1000))));
        hook.note(attempt(1000 + PATIENCE_MS, Some(500)));
        assert_eq!(hook.given_up.as_deref(), Some("it has failed for five days, at last with: no success"));
        assert!(!hook.enabled);
        hook.enable(true);
        assert_eq!((hook.enabled, hook.failures, hook.given_up.clone()), (true, 0, None));
        hook.note(attempt(9, Some(500)));
        hook.note(attempt(10, Some(204)));
        assert_eq!((hook.failures, hook.failing_since), (0, None));
        hook.note(attempt(11, Some(410)));
        assert_eq!((hook.enabled, hook.given_up.as_deref()), (false, Some("it answered 410 Gone")));
    }

    #[test]
    fn pauses_double_up_to_five_minutes_and_differ_a_little() {
        let id = WebhookId::new(3).unwrap();
        for (failures, least) in
            [(1, 1000), (2, 2000), (5, 16_000), (9, 256_000), (10, 300_000), (4000, 300_000)]
        {
            let pause = pause_ms(id, failures);
            assert!((least..=least + least / 4).contains(&pause), "{failures}: {pause}");
        }
        let other = WebhookId::new(4).unwrap();
        assert_ne!(pause_ms(id, 4), pause_ms(other, 4));
    }
}
