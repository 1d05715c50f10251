//! Afero's OTA service against a running server: transcripts beside this file, the partners' uploader, devices that are
//! told to take an image, who may do what, and bad input.
#![allow(clippy::unwrap_used)]

mod devices;
#[path = "../support/mqtt.rs"]
mod mqtt;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/transcript.rs"]
mod transcript;
mod uploader;
#[path = "../support/wire.rs"]
mod wire;
mod world;

use world::World;

#[test]
fn every_transcript_goes_as_written() {
    transcript::go_as_written("afero", 4, |script| {
        let mut world = World::new();
        transcript::play(script, |block| world.happen(block))
    });
}
