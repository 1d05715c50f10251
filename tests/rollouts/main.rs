//! The core of rollouts: told as stories, held against tables, and against chance.

#![allow(clippy::unwrap_used)]

mod drafts;
mod plain;
mod property;
mod shares;
mod stories;
