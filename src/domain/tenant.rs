//! A tenant and what its operators have set for it, each setting effective at once.

use std::collections::BTreeMap;

use super::catalog::Trail;
use super::ids::{TenantId, Time};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The id.
    pub id: TenantId,
    /// What was set; settings that are not here have their default.
    pub settings: BTreeMap<Setting, Set>,
    /// Who made it.
    pub trail: Trail,
}

/// A value that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The value, in the text that [`Setting::takes`] lets through.
    pub value: Box<str>,
    /// Who set it, when.
    pub trail: Trail,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $kind:ident, $default:literal;)+) => {
        /// A setting of a tenant, with hawkBit's key (management API, `system/configs`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Setting { $($(#[$doc])* $name,)+ }

        impl Setting {
            /// Every setting.
            pub const ALL: &[Setting] = &[$(Setting::$name,)+];

            /// The key at the management door.
            pub fn key(self) -> &'static str {
                match self { $(Setting::$name => $key,)+ }
            }

            /// What values it takes.
            pub fn kind(self) -> Kind {
                match self { $(Setting::$name => Kind::$kind,)+ }
            }

            /// The value where nothing was set; empty where the server's own configuration decides.
            pub fn default(self) -> &'static str {
                match self { $(Setting::$name => $default,)+ }
            }
        }
    };
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A decimal number.
    Number,
    /// `HH:MM:SS`.
    Duration,
    /// Any text of at most 512 characters.
    Text,
}

settings! {
    /// How often DDI devices poll, `HH:MM:SS`; empty: the server's `http.ddi_poll_s`.
    PollingTime = "pollingTime", Duration, "";
    /// How long after a missed poll a device is overdue.
    PollingOverdueTime = "pollingOverdueTime", Duration, "00:05:00";
    /// How often a device polls before its maintenance window opens.
    MaintenanceWindowPollCount = "maintenanceWindowPollCount", Number, "3";
    /// Whether devices may be proven by a header of a trusted proxy.
    HeaderEnabled = "authentication.header.enabled", Flag, "false";
    /// The certificate authorities that a trusted proxy may name, separated by comma or semicolon.
    HeaderAuthority = "authentication.header.authority", Text, "";
    /// Whether devices may be proven by their own token.
    TargetTokenEnabled = "authentication.targettoken.enabled", Flag, "true";
    /// Whether devices may be proven by the gateway's key.
    GatewayTokenEnabled = "authentication.gatewaytoken.enabled", Flag, "false";
    /// The gateway's key.
    GatewayTokenKey = "authentication.gatewaytoken.key", Text, "";
    /// Whether a new action ends those before it at once, instead of waiting for the device to let them go.
    ActionsAutoclose = "repository.actions.autoclose.enabled", Flag, "true";
    /// Whether actions wait until somebody agrees.
    ConfirmationFlow = "user.confirmation.flow.enabled", Flag, "false";
    /// Whether assigning a release locks it.
    ImplicitLock = "implicit.lock.enabled", Flag, "true";
    /// Whether a rollout waits for approval.
    RolloutApproval = "rollout.approval.enabled", Flag, "false";
    /// Whether one request may assign several releases to a device.
    BatchAssignments = "batch.assignments.enabled", Flag, "false";
}

impl Setting {
    /// The setting with this key at the management door.
    pub fn by_key(key: &str) -> Option<Setting> {
        Setting::ALL.iter().copied().find(|setting| setting.key() == key)
    }

    /// Whether the setting takes this value.
    pub fn takes(self, value: &str) -> bool {
        match self.kind() {
            Kind::Flag => matches!(value, "true" | "false"),
            Kind::Number => value.parse::<u32>().is_ok(),
            // hawkBit's least: a fleet that asks more often asks for trouble.
            Kind::Duration if self == Setting::PollingTime => seconds(value).is_some_and(|own| own >= 30),
            Kind::Duration => seconds(value).is_some(),
            // What hawkBit's column holds.
            Kind::Text => value.chars().count() <= 512,
        }
    }
}

impl Tenant {
    /// A tenant where nothing is set.
    pub fn new(id: TenantId, trail: Trail) -> Self {
        Tenant { id, settings: BTreeMap::new(), trail }
    }

    /// The value of a setting.
    pub fn text(&self, setting: Setting) -> &str {
        self.settings.get(&setting).map_or(setting.default(), |set| &set.value)
    }

    /// The value of a flag.
    pub fn flag(&self, setting: Setting) -> bool {
        self.text(setting) == "true"
    }

    /// The value of a duration in seconds, if there is one.
    pub fn seconds(&self, setting: Setting) -> Option<u32> {
        seconds(self.text(setting))
    }

    /// How often its devices poll, where the server's own interval is `default_s`.
    pub fn polling(&self, default_s: u32) -> Polling {
        let every_s = self.seconds(Setting::PollingTime).unwrap_or(default_s);
        Polling { every_s, late_s: self.seconds(Setting::PollingOverdueTime).unwrap_or(every_s) }
    }

    /// The value of a number, if there is one.
    pub fn number(&self, setting: Setting) -> Option<u32> {
        self.text(setting).parse().ok()
    }
}

/// How often devices poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// The time between two polls, in seconds.
    pub every_s: u32,
    /// How late a poll may be before the device is overdue, in seconds.
    pub late_s: u32,
}

impl Polling {
    /// A device that was last heard of at or before this moment is overdue at `now`.
    pub fn overdue_before(self, now: Time) -> Time {
        let patience_ms = 1000 * (u64::from(self.every_s) + u64::from(self.late_s));
        Time(now.0.saturating_sub(patience_ms))
    }
}

/// The seconds of `HH:MM:SS`.
pub fn seconds(text: &str) -> Option<u32> {
    let mut parts = text.split(':');
    let mut part = |most: u32| {
        let text = parts.next().filter(|t| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()))?;
        text.parse::<u32>().ok().filter(|n| *n <= most)
    };
    let seconds = part(23)? * 3600 + part(59)? * 60 + part(59)?;
    parts.next().is_none().then_some(seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_is_overdue_after_its_interval_and_the_time_allowed_beyond() {
        let set = |value: &str| Set { value: value.into(), trail: Trail::new("admin", Time(0)) };
        let table: &[(&[(Setting, &str)], u64)] = &[
            (&[], 300 + 300),
            (&[(Setting::PollingTime, "00:01:00")], 60 + 300),
            (&[(Setting::PollingTime, "00:01:00"), (Setting::PollingOverdueTime, "00:00:10")], 70),
        ];
        for (settings, patience_s) in table {
            let mut tenant = Tenant::new(TenantId::default(), Trail::new("admin", Time(0)));
            tenant.settings = settings.iter().map(|(setting, value)| (*setting, set(value))).collect();
            let found = tenant.polling(300).overdue_before(Time(1_000_000));
            assert_eq!(found, Time(1_000_000 - patience_s * 1000), "{settings:?}");
        }
    }
}
