//! The firmware dialect of ESP8266 devices against a running server: transcripts beside this file, a reader as strict
//! as a device's, uploads that are wrong or break off, and polls while the disk is full.
#![allow(clippy::unwrap_used)]

mod device;
mod example;
mod fleet;
#[path = "../support/legacy.rs"]
mod legacy;
#[path = "../support/mqtt.rs"]
mod mqtt;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/transcript.rs"]
mod transcript;
mod uploads;
#[path = "../support/wire.rs"]
mod wire;

use legacy::World;

#[test]
fn every_transcript_goes_as_written() {
    transcript::go_as_written("esp", 5, |script| {
        let environment = legacy::environment(script);
        let mut world = World::new(&environment, "Authentication");
        transcript::play(script, |block| world.happen(block))
    });
}
