//! Who may say and hear what: one function for the gate, and for an external broker's hook.
//!
//! Everything that is not allowed here is denied. No configuration changes these rules.

use crate::domain::ids::{DeviceKey, TenantId};
use crate::engine::access::Identity;

use super::packet::is_topic_filter;
use super::topic::{Direction, Leaf, TOPIC_MAX, Topic, TopicError};

/// What somebody wants to do with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// PUBLISH to it.
    Publish,
    /// SUBSCRIBE to it.
    Subscribe,
    /// Name it as the topic of the will; asked at CONNECT and again when the will fires.
    Will,
    /// Name it as the response topic of a request (MQTT 5, 3.3.2.3.5).
    Respond,
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A device's use of this one topic.
    Topic(Topic),
    /// An operator's subscription by this filter.
    Filter,
}

/// Why something is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// `$share`, `$SYS` and all other topics that begin with `$`.
    #[error("topics that begin with $ are not for clients")]
    Dollar,
    /// A device used `+` or `#`.
    #[error("devices use exact topics, without + and #")]
    Wildcard,
    /// It is no topic at all.
    #[error("not a topic of this server: {0}")]
    NoTopic(TopicError),
    /// The topic belongs to another tenant, or to none.
    #[error("the topic is outside the tenant")]
    OtherTenant,
    /// The topic belongs to another device.
    #[error("the topic belongs to another device")]
    OtherDevice,
    /// The server speaks on the topic, not the device.
    #[error("only the server publishes to this topic")]
    ServerSpeaks,
    /// The device speaks on the topic and does not hear it.
    #[error("the device publishes to this topic and cannot subscribe to it")]
    DeviceSpeaks,
    /// A will goes to the device's own `state`.
    #[error("a will may go only to the device's own state topic")]
    WillElsewhere,
    /// An answer goes to the device's own `resp`.
    #[error("the response topic may only be the device's own resp topic")]
    ResponseElsewhere,
    /// Events are for operators.
    #[error("only operators may subscribe to events")]
    OperatorsHear,
    /// Operators only listen.
    #[error("operators subscribe; they do not publish, leave wills or ask questions over MQTT")]
    OperatorsListen,
    /// The filter breaks MQTT's rules (4.7.1) or is longer than a topic may be.
    #[error("not a topic filter")]
    NoFilter,
    /// A filter begins with `ota/v1` and a tenant, without wildcards.
    #[error("a filter begins with ota/v1/ and the tenant")]
    FilterRoot,
}

/// Whether `identity` may do `verb` with `topic`, which is a topic, or a filter where `verb` is `Subscribe`.
///
/// # Errors
/// [`Denial`] says which rule forbids it.
pub fn authorize(identity: &Identity, verb: Verb, topic: &str) -> Result<Scope, Denial> {
    if topic.starts_with('$') {
        return Err(Denial::Dollar);
    }
    match identity {
        Identity::Device(key) => device_may(key, verb, topic).map(Scope::Topic),
        Identity::Operator { tenant, .. } => {
            operator_may(tenant.as_ref(), verb, topic).map(|()| Scope::Filter)
        }
    }
}

/// Whether a topic falls under a filter (MQTT 5, 4.7.1 and 4.7.2). Both are taken to be well formed.
pub fn filter_matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            (_, Some(_) | None) => return false,
        }
    }
    levels.next().is_none()
}

fn device_may(own: &DeviceKey, verb: Verb, text: &str) -> Result<Topic, Denial> {
    if text.contains(['+', '#']) {
        return Err(Denial::Wildcard);
    }
    let topic = Topic::parse(text).map_err(Denial::NoTopic)?;
    if *topic.tenant() != own.tenant {
        return Err(Denial::OtherTenant);
    }
    match &topic {
        Topic::Device { key, .. } if key != own => return Err(Denial::OtherDevice),
        Topic::Device { leaf, .. } => own_leaf(verb, *leaf)?,
        Topic::Server { .. } | Topic::Announce { .. } | Topic::Carousel { .. } => shared(verb)?,
        Topic::Event { .. } => return Err(of_events(verb)),
    }
    Ok(topic)
}

/// What a device may do with a leaf of its own.
fn own_leaf(verb: Verb, leaf: Leaf) -> Result<(), Denial> {
    match (verb, leaf.direction()) {
        (Verb::Publish, Direction::Up) | (Verb::Subscribe, Direction::Down) => Ok(()),
        (Verb::Publish, Direction::Down) => Err(Denial::ServerSpeaks),
        (Verb::Subscribe, Direction::Up) => Err(Denial::DeviceSpeaks),
        (Verb::Will, _) if leaf == Leaf::State => Ok(()),
        (Verb::Will, _) => Err(Denial::WillElsewhere),
        (Verb::Respond, _) if leaf == Leaf::Resp => Ok(()),
        (Verb::Respond, _) => Err(Denial::ResponseElsewhere),
    }
}

/// What a device may do with a topic that its whole tenant hears.
fn shared(verb: Verb) -> Result<(), Denial> {
    match verb {
        Verb::Subscribe => Ok(()),
        Verb::Publish => Err(Denial::ServerSpeaks),
        Verb::Will => Err(Denial::WillElsewhere),
        Verb::Respond => Err(Denial::ResponseElsewhere),
    }
}

/// Why a device has no part in events: they speak of other devices too.
fn of_events(verb: Verb) -> Denial {
    match verb {
        Verb::Subscribe => Denial::OperatorsHear,
        Verb::Publish => Denial::ServerSpeaks,
        Verb::Will => Denial::WillElsewhere,
        Verb::Respond => Denial::ResponseElsewhere,
    }
}

fn operator_may(tenant: Option<&TenantId>, verb: Verb, filter: &str) -> Result<(), Denial> {
    match verb {
        Verb::Subscribe => {}
        Verb::Publish | Verb::Will | Verb::Respond => return Err(Denial::OperatorsListen),
    }
    if filter.len() > TOPIC_MAX || filter.contains('\0') || !is_topic_filter(filter) {
        return Err(Denial::NoFilter);
    }
    let mut levels = filter.split('/');
    if levels.next() != Some("ota") || levels.next() != Some("v1") {
        return Err(Denial::FilterRoot);
    }
    let wanted = levels.next().ok_or(Denial::FilterRoot)?;
    match tenant {
        Some(own) if wanted == own.as_str() => Ok(()),
        Some(_) => Err(Denial::OtherTenant),
        None if wanted == "+" || TenantId::parse(wanted).is_ok() => Ok(()),
        None => Err(Denial::FilterRoot),
    }
}

#[cfg(test)]
#[path = "acl_tests.rs"]
mod tests;
