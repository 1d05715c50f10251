//! The HTTP door over real sockets, on a real engine with a store in memory.

#![allow(clippy::unwrap_used)]

mod api;
mod downloads;
mod limits;
mod people;
mod refusals;
mod rollouts;
mod uploads;
mod why;
mod world;
