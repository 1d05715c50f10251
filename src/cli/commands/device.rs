//! `updraft device`: devices and their tokens.

use serde_json::json;

use super::{Outcome, Session, print};
use crate::cli::args::Device;
use crate::cli::client::{ClientError, Order, segment};
use crate::cli::output::{self, Grid};
use crate::http::wire::{DeviceBody, DeviceWithToken, NewDevice, Page, ReportedBody};

pub(super) fn run(session: &Session, command: Device) -> Result<Outcome, ClientError> {
    match command {
        Device::Add { id, product } => {
            let made = session.client.post("devices", &NewDevice { id, product })?;
            with_token(session, &made)
        }
        Device::Token { id } => {
            let renewed = session.client.post(&format!("devices/{}/token", segment(&id)), &json!({}))?;
            with_token(session, &renewed)
        }
        Device::List { product } => list(session, product),
        Device::Show { id } => {
            let device: DeviceBody = session.client.get(&format!("devices/{}", segment(&id)), &[])?;
            session.show(&device, describe)?;
            Ok(Outcome::Done)
        }
        Device::Rm { id } => {
            session.client.delete(&format!("devices/{}", segment(&id)))?;
            print(&format!("device {id} is removed\n"))?;
            Ok(Outcome::Done)
        }
    }
}

fn with_token(session: &Session, made: &DeviceWithToken) -> Result<Outcome, ClientError> {
    session.show(made, |made| {
        let DeviceBody { id, product, .. } = &made.device;
        let token = &made.token;
        let (host, port) = session.client.mqtt();
        let tenant = session.client.tenant();
        let hello = json!({"seq": 1, "boot": "1", "product": product, "attrs": {"2003": "1.0.0"}});
        format!(
            "device {id} of product {product}\ntoken  {token}\n\n\
             Shown only now; the server keeps a digest. To say hello as this device:\n\n  \
             mosquitto_pub -h {host} -p {port} -V mqttv5 -i {id} -u {tenant}/{id} -P {token} -q 1 \\\n    \
             -t ota/v1/{tenant}/d/{id}/hello -m '{hello}'\n"
        )
    })?;
    Ok(Outcome::Done)
}

fn list(session: &Session, product: Option<String>) -> Result<Outcome, ClientError> {
    let mut page: Page<DeviceBody> = session.client.list("devices", &[], Order::Rising, 0)?;
    page.items.retain(|device| product.as_ref().is_none_or(|wanted| device.product == *wanted));
    session.show(&page, |page| {
        let mut grid = Grid::new(&["DEVICE", "PRODUCT", "ONLINE", "VERSIONS", "UNDER WAY", "LAST SEEN"]);
        for device in &page.items {
            grid.add(vec![
                device.id.clone(),
                device.product.clone(),
                if device.online { "yes" } else { "no" }.into(),
                versions(device),
                under_way(device),
                output::maybe_moment(device.last_seen),
            ]);
        }
        grid.render()
    })?;
    Ok(Outcome::Done)
}

fn describe(device: &DeviceBody) -> String {
    let hardware = device.hardware.as_ref();
    let attributes: Vec<_> = device.attributes.iter().map(|(id, value)| format!("{id}={value}")).collect();
    let types: Vec<_> = device.types.iter().map(u8::to_string).collect();
    Grid::pairs(&[
        ("device", device.id.clone()),
        ("product", device.product.clone()),
        ("hardware", hardware.map(super::rules::hardware_text).unwrap_or_default()),
        ("types", types.join(" ")),
        ("versions", versions(device)),
        ("under way", under_way(device)),
        ("attributes", attributes.join(" ")),
        ("online", if device.online { "yes" } else { "no" }.into()),
        ("boot", device.boot.clone().unwrap_or_default()),
        ("registered", output::moment(device.created)),
        ("last seen", output::maybe_moment(device.last_seen)),
    ])
    .render()
}

fn versions(device: &DeviceBody) -> String {
    let texts: Vec<_> =
        device.versions.iter().map(|(kind, own)| format!("{kind}:{}", reported(own))).collect();
    texts.join(" ")
}

fn under_way(device: &DeviceBody) -> String {
    let texts: Vec<_> =
        device.active.iter().map(|(kind, action)| format!("{kind}:action {action}")).collect();
    texts.join(" ")
}

/// A reported version: its text, its number behind `#`, or both.
pub(super) fn reported(own: &ReportedBody) -> String {
    match (&own.version, &own.number) {
        (Some(version), Some(number)) => format!("{version}#{number}"),
        (Some(version), None) => version.clone(),
        (None, Some(number)) => format!("#{number}"),
        (None, None) => "?".into(),
    }
}
