//! A device that updates itself with updraft: the whole walk in one file. The environment says who it is:
//!
//! ```text
//! OTA_DEVICE=lamp-1 OTA_TOKEN=... cargo run -- --once
//!
//! OTA_SERVER   host:port of the MQTT door [127.0.0.1:1883]   OTA_STATE    its "flash", a folder [device-state]
//! OTA_PRODUCT  the product [lamp]                            OTA_VERSION  what the factory installed [1.0.0]
//! OTA_TENANT   the tenant [default]
//! ```
//!
//! It says hello, fetches what `desired` names by HTTP (a broken download goes on where it broke, also after a
//! restart), checks size and sum, swaps its slots, reboots, and says hello with the new version: only that ends the
//! action. With `--once` it ends when nothing is left to do, with 1 if an update failed; without, it waits for the
//! next. topics.md describes every message.

mod flash;
mod link;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::json;

use flash::Flash;
use link::{Component, Link, Word};

/// The application; attribute 2003 is its version.
const FIRMWARE_TYPE: u8 = 3;
/// Attempts to fetch an image, each from where the last one broke.
const TRIES: u32 = 10;

/// How a boot ends.
enum Next {
    Reboot,
    End,
}

/// Why an update does not happen.
enum Obstacle {
    /// The server calls it off.
    Cancelled,
    /// It does not work.
    Failed(String),
}

impl<E: Error> From<E> for Obstacle {
    fn from(error: E) -> Self {
        Obstacle::Failed(error.to_string())
    }
}

struct Device {
    product: String,
    token: String,
    flash: Flash,
    once: bool,
    failed: bool,
    boot: String,
    seq: u64,
}

fn main() -> ExitCode {
    let mut device = Device {
        product: setting("OTA_PRODUCT", "lamp"),
        token: setting("OTA_TOKEN", ""),
        flash: Flash::open(setting("OTA_STATE", "device-state").into(), setting("OTA_VERSION", "1.0.0")),
        once: std::env::args().any(|argument| argument == "--once"),
        failed: false,
        boot: String::new(),
        seq: 0,
    };
    while let Next::Reboot = device.live() {}
    if device.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A variable of the environment, or its default.
fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

impl Device {
    /// Lives from one start to the next.
    fn live(&mut self) -> Next {
        (self.boot, self.seq) = (format!("{:x}", link::now_ms()), 0);
        println!("boot {}, running {}", self.boot, self.flash.version());
        let (device, tenant) = (setting("OTA_DEVICE", ""), setting("OTA_TENANT", "default"));
        let mut link = Link::open(&setting("OTA_SERVER", "127.0.0.1:1883"), &tenant, &device, &self.token);
        let mut newest = None;
        loop {
            match link.next() {
                Word::Desired(desired) if Some(desired.seq) > newest => {
                    newest = Some(desired.seq);
                    let mine = desired.comps.into_iter().find(|component| component.kind == FIRMWARE_TYPE);
                    match mine {
                        Some(component) if self.update(&mut link, &component) => return Next::Reboot,
                        None if self.once => return Next::End,
                        Some(_) | None => {}
                    }
                }
                Word::Desired(_) => {}
                Word::Cancel(action) => link.feedback(action, "canceled", "none", ""),
                Word::Connected | Word::Report => self.hello(&mut link),
                Word::Refused(why) => {
                    eprintln!("the server refuses: {why}");
                    self.failed = true;
                    return Next::End;
                }
            }
        }
    }

    /// Who the device is and what it runs: after every connect, and whenever the server asks.
    fn hello(&mut self, link: &mut Link) {
        self.seq += 1;
        let attribute = (2000 + u16::from(FIRMWARE_TYPE)).to_string();
        link.say(
            "hello",
            &json!({
                "seq": self.seq, "boot": self.boot, "product": self.product,
                "caps": {"types": [FIRMWARE_TYPE], "formats": ["json"], "verify": ["sha256"]},
                "attrs": {attribute: self.flash.version()},
            }),
        );
    }

    /// Installs an image and tells how it ends. True when it is in place.
    fn update(&mut self, link: &mut Link, component: &Component) -> bool {
        let installed = self.install(link, component);
        let (execution, finished, detail) = match &installed {
            Ok(()) => ("closed", "success", ""),
            Err(Obstacle::Cancelled) => ("canceled", "none", ""),
            Err(Obstacle::Failed(why)) => ("closed", "failure", why.as_str()),
        };
        self.failed |= finished == "failure";
        link.feedback(component.action, execution, finished, detail);
        installed.is_ok()
    }

    fn install(&mut self, link: &mut Link, component: &Component) -> Result<(), Obstacle> {
        let action = component.action;
        link.feedback(action, "proceeding", "none", "");
        link.feedback(action, "download", "none", "");
        let part = self.flash.part(&component.sha256);
        self.fetch(link, component, &part)?;
        link.feedback(action, "downloaded", "none", "");
        self.flash.check(&part, component)?;
        link.feedback(action, "proceeding", "none", "installing");
        let version = json!({"number": component.number, "version": component.version});
        Ok(self.flash.swap(&part, &version)?)
    }

    /// Fetches what is missing of the image, until nothing is.
    fn fetch(&self, link: &mut Link, component: &Component, part: &Path) -> Result<(), Obstacle> {
        for attempt in 1..=TRIES {
            match self.fetch_rest(link, component, part) {
                Err(Obstacle::Failed(why)) if attempt < TRIES => println!("the download breaks: {why}"),
                done => return done,
            }
            thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }

    fn fetch_rest(&self, link: &mut Link, component: &Component, part: &Path) -> Result<(), Obstacle> {
        let mut file = OpenOptions::new().create(true).append(true).open(part)?;
        let mut have = file.metadata()?.len();
        if have < component.size {
            println!("fetching from byte {have} of {}", component.size);
            let request = ureq::get(&component.url).header("authorization", format!("Bearer {}", self.token));
            let mut answer = request.header("range", format!("bytes={have}-")).call()?;
            if answer.status() != 206 {
                return Err(Obstacle::Failed(format!("asked for a range, got {}", answer.status())));
            }
            let mut body = answer.body_mut().as_reader();
            let mut block = vec![0; 64 << 10];
            while let read @ 1.. = body.read(&mut block)? {
                file.write_all(&block[..read])?;
                have += read as u64;
                link.attend(component.action)?;
            }
        }
        file.sync_all()?;
        if have < component.size {
            return Err(Obstacle::Failed(format!("{have} of {} bytes came", component.size)));
        }
        Ok(())
    }
}
