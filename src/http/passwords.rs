//! Passwords of people. Hashing one is slow and takes memory on purpose, so it never happens on the engine's thread nor
//! on one that serves requests, and a password that was proven is remembered for as long as it is the operator's.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;
use crate::engine::call::Secret;

/// The shortest and the longest password, in bytes: NIST SP 800-63B asks for 8 at least, and with a name and a tenant
/// the longest still fits into an `Authorization` header.
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 256;
/// How many passwords are hashed at once. Each takes 19 MiB (the least that OWASP advises for Argon2id), and tens of
/// milliseconds of a core: two leave the rest of a small machine to the devices.
const AT_ONCE: usize = 2;
/// How long a request waits for its turn; those before it are done long before, unless somebody tries passwords.
const TURN: Duration = Duration::from_secs(5);
/// How many proven passwords are remembered, 32 bytes each: more than a server has operators.
const PROVEN_MAX: usize = 1024;

/// What is needed to check passwords.
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    /// Makes the sums of this process useless to anyone else; nothing is remembered without it.
    key: Option<[u8; 32]>,
    proven: Mutex<Proven>,
}

/// Sums of passwords that were proven, oldest first in the queue.
#[derive(Default)]
struct Proven {
    sums: HashSet<[u8; 32]>,
    queue: VecDeque<[u8; 32]>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}

impl Passwords {
    /// Nothing is proven yet.
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        let key = getrandom::fill(&mut key).is_ok().then_some(key);
        Passwords { turns: Arc::new(Semaphore::new(AT_ONCE)), key, proven: Mutex::default() }
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// 422 when it is too short or too long, 503 when too many are being hashed.
    pub(super) async fn hash(&self, password: Secret) -> Result<Box<str>, ApiError> {
        if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&password.reveal().len()) {
            let message = format!("a password has {PASSWORD_MIN} to {PASSWORD_MAX} bytes");
            return Err(ApiError::unprocessable("bad-password", message).at("password"));
        }
        let turn = self.turn().await?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            Argon2::default().hash_password(password.reveal().as_bytes()).map(|phc| phc.to_string().into())
        });
        hashed.await.map_err(|panic| ApiError::internal(&panic))?.map_err(|error| ApiError::internal(&error))
    }

    /// Whether the password was proven lately, and is still the one.
    pub(super) fn is_proven(&self, password: &Secret, phc: &str) -> bool {
        self.sum(password, phc).is_some_and(|sum| self.proven().sums.contains(&sum))
    }

    /// Whether the password is the one that the PHC string was made of.
    ///
    /// # Errors
    /// 503 when too many are being checked.
    pub(super) async fn prove(&self, password: &Secret, phc: Box<str>) -> Result<bool, ApiError> {
        if self.is_proven(password, &phc) {
            return Ok(true);
        }
        // No password of ours is longer, so nobody can make us hash a book.
        if password.reveal().len() > PASSWORD_MAX {
            return Ok(false);
        }
        let sum = self.sum(password, &phc);
        let (turn, password) = (self.turn().await?, password.clone());
        let checked = tokio::task::spawn_blocking(move || {
            // Kept until the work is done, even when the client has gone meanwhile.
            let _turn = turn;
            Argon2::default().verify_password(password.reveal().as_bytes(), &*phc).is_ok()
        });
        let proven = checked.await.map_err(|panic| ApiError::internal(&panic))?;
        if let Some(sum) = sum.filter(|_| proven) {
            self.proven().remember(sum);
        }
        Ok(proven)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.turns).acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or_else(ApiError::busy)
    }

    /// The PHC string has a salt of its own for each operator and password: another password has another sum, and so
    /// has the same one after it was set again.
    fn sum(&self, password: &Secret, phc: &str) -> Option<[u8; 32]> {
        let mut sum = Sha256::new_with_prefix(self.key?);
        // A PHC string has no NUL.
        sum.update(phc.as_bytes());
        sum.update([0]);
        sum.update(password.reveal().as_bytes());
        Some(sum.finalize().into())
    }

    fn proven(&self) -> std::sync::MutexGuard<'_, Proven> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proven {
    fn remember(&mut self, sum: [u8; 32]) {
        if !self.sums.insert(sum) {
            return;
        }
        self.queue.push_back(sum);
        if self.queue.len() > PROVEN_MAX
            && let Some(oldest) = self.queue.pop_front()
        {
            self.sums.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_password_is_proven_once_and_again_after_it_was_set_anew() {
        let passwords = Passwords::new();
        let (right, wrong) = (Secret::new("correct horse"), Secret::new("battery staple"));
        let first = passwords.hash(right.clone()).await.unwrap();
        let second = passwords.hash(right.clone()).await.unwrap();
        assert!(first.starts_with("$argon2id$") && first != second, "{first} and {second}");
        assert_eq!(passwords.prove(&wrong, first.clone()).await, Ok(false));
        assert!(!passwords.is_proven(&wrong, &first) && !passwords.is_proven(&right, &first));
        assert_eq!(passwords.prove(&right, first.clone()).await, Ok(true));
        assert!(passwords.is_proven(&right, &first) && !passwords.is_proven(&wrong, &first));
        assert!(!passwords.is_proven(&right, &second), "another PHC string is another password");
        assert_eq!(passwords.prove(&right, "nonsense".into()).await, Ok(false));
    }

    #[tokio::test]
    async fn a_password_is_neither_short_nor_a_book() {
        let passwords = Passwords::new();
        for (length, fits) in [(0, false), (7, false), (8, true), (256, true), (257, false)] {
            let hashed = passwords.hash(Secret::new("x".repeat(length))).await;
            assert_eq!(hashed.is_ok(), fits, "{length}");
        }
        let book = Secret::new("x".repeat(257));
        assert_eq!(passwords.prove(&book, "$argon2id$".into()).await, Ok(false));
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let mut proven = Proven::default();
        for number in 0..=PROVEN_MAX as u64 {
            let mut sum = [0; 32];
            sum[..8].copy_from_slice(&number.to_be_bytes());
            proven.remember(sum);
            proven.remember(sum);
        }
        assert_eq!((proven.sums.len(), proven.queue.len()), (PROVEN_MAX, PROVEN_MAX));
        assert!(!proven.sums.contains(&[0; 32]));
    }
}
