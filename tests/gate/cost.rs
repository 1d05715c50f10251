//! What a connection costs.

use updraft::engine::call::Call;
use updraft::mqtt::Limits;
use updraft::mqtt::packet::{Packet, QoS, Version};

use super::client::{Client, login};
use super::world::{Plan, World, key};

/// Bytes of memory of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Connects so many devices, each with two subscriptions, and measures.
fn measure(count: usize) -> usize {
    let limits = Limits { connections: count + 1, ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let tokens: Vec<_> = (0..count).map(|n| world.device(&format!("lamp-{n}"))).collect();
    let connect = |n: usize| {
        let mut lamp = Client::connect(world.address, login(Version::V4, &format!("lamp-{n}"), &tokens[n]));
        let desired = format!("ota/v1/default/d/lamp-{n}/desired");
        let cmd = format!("ota/v1/default/d/lamp-{n}/cmd");
        lamp.subscribe(&[(&desired, QoS::AtLeastOnce), (&cmd, QoS::AtLeastOnce)]);
        lamp
    };
    let mut first = connect(0);
    let before = resident();
    let rest: Vec<_> = (1..count).map(connect).collect();
    first.quiet();
    let each = resident().saturating_sub(before) / (count - 1);
    assert_eq!(rest.len(), count - 1);
    each
}

/// Alone in its process: `cargo test --test gate -- --ignored --nocapture`.
#[test]
#[ignore = "it measures the memory of the whole process, so nothing else may run beside it"]
fn an_idle_connection_costs_less_than_a_page() {
    let each = measure(5000);
    println!("{each} bytes for each idle connection");
    assert!(each < 4096, "{each} bytes");
}

/// A device that is removed leaves nothing behind.
#[test]
fn a_removed_device_is_gone() {
    let world = World::new();
    let mut lamp = world.connected(Version::V5, "lamp");
    world.call(Call::RemoveDevice { key: key("default", "lamp") });
    assert!(matches!(&lamp.rest()[..], [Packet::Disconnect(_)]));
    world.wait_for_connections(0);
    assert_eq!(world.gate.as_ref().unwrap().stats().sessions, 0);
}
