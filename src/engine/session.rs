//! Sessions of operators: tokens that prove themselves and end by themselves, so that nothing has to be kept for them.
//!
//! A session names its operator and the moment of its end, under a code that only this server can make. The digest of
//! the operator's own token and what its password is checked against go into the code: a new token or a new password
//! ends every session that began before it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::call::Secret;
use crate::domain::ids::Time;
use crate::domain::image;
use crate::store::tables::{Digest, Operator};

/// What a session begins with. Tokens are hexadecimal or of an operator's choice; one that looks like a session and is
/// none is taken for what it is.
const MARK: &str = "s1.";
/// Says what the code is for, so that the server's secret can be used for something else as well.
const PURPOSE: &[u8] = b"updraft session 1\0";

/// An operator with what its password is checked against, where it has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder<'o> {
    pub(super) operator: &'o Operator,
    pub(super) password: Option<&'o str>,
}

/// A session as it is written: `s1.<end in seconds>.<operator>.<code in hexadecimal digits>`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session<'t> {
    ends_s: u64,
    /// The operator that it claims to be of.
    pub(super) operator: &'t str,
    code: [u8; 32],
}

impl<'t> Session<'t> {
    /// Reads a session. It proves nothing yet.
    pub(super) fn parse(token: &'t str) -> Option<Self> {
        let (ends, rest) = token.strip_prefix(MARK)?.split_once('.')?;
        // An operator's name may have dots, the code has none.
        let (operator, code) = rest.rsplit_once('.')?;
        let code = image::Sha256::parse(code)?.0;
        Some(Session { ends_s: ends.parse().ok()?, operator, code })
    }

    /// Whether it is this operator's session, made with the secret, and has not ended.
    pub(super) fn proves(&self, holder: Holder<'_>, secret: &Digest, now: Time) -> bool {
        let made = mac(secret, self.ends_s, holder);
        made.verify_slice(&self.code).is_ok() && now.0 / 1000 < self.ends_s
    }
}

/// Makes a session for the operator that ends at a moment; what is beyond the full second is cut off.
pub(super) fn open(holder: Holder<'_>, secret: &Digest, ends: Time) -> Secret {
    let ends_s = ends.0 / 1000;
    let code = mac(secret, ends_s, holder).finalize().into_bytes();
    Secret::new(format!("{MARK}{ends_s}.{}.{}", holder.operator.name, image::hex(&code)))
}

/// Whether the text has the form of a session: nobody prolongs one by showing it as a password.
pub fn is_session(token: &str) -> bool {
    Session::parse(token).is_some()
}

/// Fields of fixed length come first, so that no two sessions have one code.
fn mac(secret: &Digest, ends_s: u64, holder: Holder<'_>) -> Hmac<Sha256> {
    let Holder { operator, password } = holder;
    let password = Sha256::digest(password.unwrap_or_default());
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes keys of any length");
    for part in [PURPOSE, &ends_s.to_be_bytes(), &operator.digest.0, &password, operator.name.as_bytes()] {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::access::digest;
    use crate::store::tables::Role;

    fn operator(name: &str, token: &str) -> Operator {
        let (digest, role) = (digest(token), Role::Admin);
        Operator { name: name.into(), tenant: None, role, digest, created: Time(0) }
    }

    #[test]
    fn a_session_proves_its_operator_until_it_ends_or_the_token_changes() {
        let (secret, other) = (Digest([7; 32]), Digest([8; 32]));
        let (ann, bob) = (operator("ann.b", "token"), operator("bob", "token"));
        let holder = Holder { operator: &ann, password: Some("phc") };
        let token = open(holder, &secret, Time(5_999));
        let session = Session::parse(token.reveal()).unwrap();
        assert_eq!(session.operator, "ann.b");
        let renewed = operator("ann.b", "renewed");
        let table = [
            (&ann, Some("phc"), &secret, 4_999, true),
            (&ann, Some("phc"), &secret, 5_000, false),
            (&ann, Some("phc"), &other, 0, false),
            (&ann, Some("another"), &secret, 0, false),
            (&ann, None, &secret, 0, false),
            (&bob, Some("phc"), &secret, 0, false),
            (&renewed, Some("phc"), &secret, 0, false),
        ];
        for (operator, password, secret, now, expected) in table {
            let holder = Holder { operator, password };
            assert_eq!(session.proves(holder, secret, Time(now)), expected, "{holder:?} {now}");
        }
        let later = token.reveal().replacen("s1.5.", "s1.6.", 1);
        assert!(!Session::parse(&later).unwrap().proves(holder, &secret, Time(0)));
    }

    #[test]
    fn other_tokens_are_no_sessions() {
        let code = "0".repeat(64);
        for token in ["", "s1.", "s1.5.ann", "s1.x.ann.00", &code, &format!("s1.-1.ann.{code}")] {
            assert!(!is_session(token), "{token}");
        }
        assert!(is_session(&format!("s1.5.ann.{code}")));
    }
}
