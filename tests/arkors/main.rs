//! The arkors dialect against a running server: transcripts beside this file, and boards that write at once.
#![allow(clippy::unwrap_used)]

#[path = "../support/legacy.rs"]
mod legacy;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/transcript.rs"]
mod transcript;
#[path = "../support/wire.rs"]
mod wire;

use std::thread;

use legacy::World;
use support::Server;
use wire::Request;

#[test]
fn every_transcript_goes_as_written() {
    transcript::go_as_written("arkors", 5, |script| {
        let mut world = World::new(&legacy::environment(script), "Authorization");
        transcript::play(script, |block| world.happen(block))
    });
}

#[test]
fn of_boards_that_write_the_same_number_at_once_one_is_taken() {
    let server = Server::start();
    let (http, token) = (server.http(), server.token());
    let post = move |name: usize| {
        let mut request = Request::new("POST", "/v1/updates/232");
        request.header("Authorization", &format!("Bearer {token}"));
        request.header("X-Arkors-Application-Log", "5024442115e7bd738354c1fac662aed5");
        request.header("X-Arkors-Application-Client", "10.0.0.7,BOARD");
        request.body = format!(
            r#"{{"version":3,"name":"0.3.{name}","update":"2014-11-10T00:00:00.000Z","changed":"c","url":"http://u",
                "client":"Android","compatible":"x"}}"#
        )
        .into_bytes();
        request.send(http).status()
    };
    let boards: Vec<_> = (0..8)
        .map(|name| {
            let post = post.clone();
            thread::spawn(move || post(name))
        })
        .collect();
    let mut statuses: Vec<u16> = boards.into_iter().map(|board| board.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400, 400, 400, 400, 400, 400, 400]);
}
