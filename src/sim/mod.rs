//! A fleet in a box: simulated devices that speak to a server over real sockets, for benches, soaks and demos.
//!
//! It must never be part of what a server runs, and never know more of a server than its doors.

mod device;
pub mod fleet;

#[cfg(test)]
mod tests;

pub use device::{Fault, Login};
pub use fleet::{Acks, Arrivals, Connected, Faults, Fleet, Plan, Storm};
