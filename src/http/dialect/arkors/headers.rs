//! `X-Arkors-Application-Log`, `-Client`, `-Id` and `-Token`.

use super::{Fault, Profile};
use crate::domain::ids::{DeviceId, Time};
use crate::http::dialect::Asked;

/// The longest value that is looked at: the samples have at most fifty bytes.
const VALUE_MAX: usize = 256;
/// The hexadecimal digits of a token.
const DIGITS: usize = 32;

/// Who sends a request, as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its id: a client's uuid, a board's address.
    pub id: String,
    /// What it is: a type of clients, or `BOARD`.
    pub kind: String,
}

/// A client: a device of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The device.
    pub device: DeviceId,
    /// Its type, such as `ANDROID`.
    pub kind: String,
    /// The token of ours that it shows: in `Authorization`, because the header of its own has another.
    pub proof: Option<String>,
}

impl Sender {
    /// The client, where the id is one that a device may have.
    pub fn client(self, asked: &Asked) -> Option<Client> {
        let shown = value(asked, "authorization").and_then(|text| text.split_once(' '));
        let proof = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let proof = proof.map(|(_, token)| token.trim().to_owned());
        Some(Client { device: DeviceId::parse(&self.id).ok()?, kind: self.kind, proof })
    }
}

/// Who sends the request. `Log` only has to be there: it names the request in the sender's own log.
///
/// # Errors
/// [`Fault::NoClient`].
pub fn sender(asked: &Asked) -> Result<Sender, Fault> {
    let log = value(asked, "x-arkors-application-log");
    let client = value(asked, "x-arkors-application-client").filter(|_| log.is_some());
    let (id, kind) = client.and_then(|client| client.split_once(',')).ok_or(Fault::NoClient)?;
    // More fields may follow.
    let kind = kind.split(',').next().unwrap_or_default();
    let (id, kind) = (id.trim(), kind.trim());
    match id.is_empty() || kind.is_empty() {
        true => Err(Fault::NoClient),
        false => Ok(Sender { id: id.into(), kind: kind.into() }),
    }
}

/// Looks at the token as far as it can be without the OAuth module: its form, and its moment where that was asked for.
///
/// # Errors
/// [`Fault::NoToken`] and [`Fault::BadToken`].
pub fn check_token(asked: &Asked, profile: Profile, now: Time) -> Result<(), Fault> {
    let id = value(asked, "x-arkors-application-id");
    let token = value(asked, "x-arkors-application-token").filter(|_| id.is_some());
    let (digest, moment) = token.ok_or(Fault::NoToken)?.split_once(',').ok_or(Fault::BadToken)?;
    let digits = digest.len() == DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let moment = Some(moment).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let moment: u64 = moment.and_then(|text| text.parse().ok()).filter(|_| digits).ok_or(Fault::BadToken)?;
    let skew_ms = u64::from(profile.token_skew_s) * 1000;
    match skew_ms != 0 && moment.abs_diff(now.0) > skew_ms {
        true => Err(Fault::BadToken),
        false => Ok(()),
    }
}

fn value<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    asked.header(name).map(str::trim).filter(|text| (1..=VALUE_MAX).contains(&text.len()))
}
