//! Maintenance windows by the engine's own clock: a device is told when one opens, and asked to stop when it lapses.

use updraft::domain::decide::Order;
use updraft::domain::deployment::Target;
use updraft::domain::ids::{TenantId, Time};
use updraft::domain::terms::{Force, Terms};
use updraft::domain::window::Window;
use updraft::engine::call::{Call, Downlink, Message, Stamp};
use updraft::engine::{self};

use crate::world::*;

/// A window that opens once, for a second.
fn once(opens: Time) -> Window {
    let moment = jiff::Timestamp::from_millisecond(i64::try_from(opens.0).unwrap()).unwrap();
    let utc = moment.to_zoned(jiff::tz::TimeZone::UTC);
    let (second, minute, hour) = (utc.second(), utc.minute(), utc.hour());
    let schedule = format!("{second} {minute} {hour} {} {} ? {}", utc.day(), utc.month(), utc.year());
    Window::parse(&schedule, "00:00:01", "+00:00", engine::now()).unwrap()
}

#[test]
fn a_device_is_told_when_the_window_opens_and_asked_to_stop_when_it_lapses() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    let opens = Time((engine::now().0 / 1000 + 2) * 1000);
    let order = Call::Deploy {
        tenant: TenantId::default(),
        target: Target::Image(image.id),
        devices: vec![lamp.device.clone()],
        allow_downgrade: false,
        terms: Terms { window: Some(once(opens)), ..Terms::default() },
        by: "admin".into(),
    };
    world.call(order).unwrap();
    assert_eq!(world.command(), (lamp.clone(), Order::Deploy));
    let told = engine::now();
    assert!(told >= opens, "told {} ms before the window opens", opens.0 - told.0);
    assert_eq!(world.command(), (lamp, Order::Cancel));
    let asked = engine::now();
    assert!(asked >= opens.plus_ms(1000), "asked to stop {} ms too early", opens.0 + 1000 - asked.0);
}

/// The next document that has something in it, past everything else.
fn desired(world: &World) -> Vec<Force> {
    loop {
        if let Said::Downlink(Downlink { message: Message::Desired(desired), .. }) =
            world.said.recv_timeout(LONG).unwrap()
            && !desired.components.is_empty()
        {
            return desired.components.iter().map(|wanted| wanted.force).collect();
        }
    }
}

#[test]
fn what_is_fetched_ahead_is_to_be_installed_when_the_window_opens() {
    let world = World::new();
    let image = world.image("1.0.1");
    let lamp = world.device("lamp-1");
    world.engine.uplink(lamp.clone(), hello(1, 0), Stamp(1)).unwrap();
    let opens = Time((engine::now().0 / 1000 + 2) * 1000);
    let order = Call::Deploy {
        tenant: TenantId::default(),
        target: Target::Image(image.id),
        devices: vec![lamp.device.clone()],
        allow_downgrade: false,
        terms: Terms { window: Some(once(opens)), prefetch: true, ..Terms::default() },
        by: "admin".into(),
    };
    world.call(order).unwrap();
    assert_eq!(desired(&world), [Force::DownloadOnly]);
    assert_eq!(desired(&world), [Force::Forced]);
    assert!(engine::now() >= opens);
}
