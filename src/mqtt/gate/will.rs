//! Wills: what is said for a client whose connection is lost. Authorised when it is left and again when it fires.

use bytes::Bytes;

use super::session::Tick;
use super::uplink::door_type;
use crate::engine::access::Identity;
use crate::mqtt::acl::{self, Denial, Verb};
use crate::mqtt::bus::Message;
use crate::mqtt::packet;

/// A will that has been authorised.
#[derive(Debug)]
pub(super) struct Will {
    topic: Box<str>,
    payload: Bytes,
    content_type: Option<&'static str>,
    delay_s: u32,
    /// When it fires, once the connection is lost.
    due: Option<Tick>,
}

/// How a connection ended, as far as the will is concerned (MQTT 5, 3.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// With a DISCONNECT that deletes the will.
    Normal,
    /// In any other way. The session stays, so that the delay counts.
    Lost,
    /// In any other way, and the session ends with the connection.
    Ended,
}

impl Will {
    /// Takes a will, when the client may leave it.
    pub(super) fn take(identity: &Identity, will: packet::Will) -> Result<Box<Will>, Denial> {
        acl::authorize(identity, Verb::Will, &will.topic)?;
        Ok(Box::new(Will {
            topic: will.topic.into(),
            payload: Bytes::copy_from_slice(&will.payload),
            content_type: will.content_type.as_deref().and_then(door_type),
            delay_s: will.delay_s,
            due: None,
        }))
    }

    /// Whether it fires at `now` after the connection has ended like that; else it stays until it is due.
    pub(super) fn part(&mut self, parting: Parting, now: Tick) -> Fate {
        match parting {
            Parting::Normal => Fate::Deleted,
            Parting::Ended => Fate::Fires,
            Parting::Lost if self.delay_s == 0 => Fate::Fires,
            Parting::Lost => {
                self.due = Some(now.saturating_add(self.delay_s));
                Fate::Waits
            }
        }
    }

    /// Whether its delay is over.
    pub(super) fn is_due(&self, now: Tick) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// The message, when the client may still say it.
    pub(super) fn fire(self, identity: &Identity) -> Option<Message> {
        acl::authorize(identity, Verb::Will, &self.topic).ok()?;
        Some(Message {
            topic: Bytes::from(String::from(self.topic)),
            payload: self.payload,
            content_type: self.content_type.map(str::to_owned),
            ..Message::default()
        })
    }
}

/// What becomes of a will when the connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is said now.
    Fires,
    /// It is said when its delay is over, unless the client returns.
    Waits,
    /// It is never said.
    Deleted,
}
