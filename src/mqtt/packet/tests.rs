//! What the codec must read, write and refuse.
#![allow(clippy::unwrap_used)]
