//! What the payloads mean, and which are refused.
#![allow(clippy::unwrap_used)]
