//! What is decided: ids, devices, images, releases, eligibility, filters, rollouts and the life of an
//! action.
//!
//! Pure and total: no clock, no IO, no serde, no randomness, and nothing here can fail on input that the doors
//! let through. Time and fresh ids are arguments; every "no" is a named variant that an operator can read.

pub mod action;
pub mod catalog;
pub mod decide;
pub mod deployment;
pub mod device;
pub mod eligibility;
pub mod event;
pub mod feedback;
pub mod filter;
pub mod ids;
pub mod image;
pub mod news;
pub mod offer;
pub mod rollout;
pub mod seeds;
pub mod succession;
pub mod tenant;
pub mod terms;
pub mod version;
pub mod webhook;
pub mod window;
