//! Who is asking: tokens and the identities that they prove.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::call::Secret;
use crate::domain::ids::{DeviceKey, TenantId};
use crate::store::tables::Digest;

// The doors name what an operator is, and may not know the tables.
pub use crate::store::tables::{Operator, Principal, Role};

pub use super::session::is_session;

/// Who a door is talking to, once proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A device.
    Device(DeviceKey),
    /// A person or a program of the operator.
    Operator {
        /// Its name.
        name: Box<str>,
        /// The tenant that it is confined to; none for all.
        tenant: Option<TenantId>,
        /// What it may do.
        role: Role,
    },
}

/// Makes a random token of 128 bits, in hexadecimal.
///
/// # Errors
/// When the system has no randomness.
pub fn new_token() -> Result<Secret, getrandom::Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    Ok(Secret::new(text))
}

/// Makes the server's own secret of 256 bits. It is kept as it is: whoever reads the data folder rules the server anyway.
///
/// # Errors
/// When the system has no randomness.
pub fn new_secret() -> Result<Digest, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Digest(bytes))
}

/// The digest under which a token is kept. A token has 128 random bits, so one fast pass is enough.
pub fn digest(token: &str) -> Digest {
    Digest(Sha256::digest(token.as_bytes()).into())
}

/// Compares digests in constant time.
pub fn same(a: &Digest, b: &Digest) -> bool {
    a.0.ct_eq(&b.0).into()
}
