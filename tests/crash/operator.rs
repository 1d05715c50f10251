//! An operator who adds devices, uploads images, deploys, rolls out and cancels until the server is gone, and
//! keeps a journal.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use updraft::http::wire::hex;

use super::api::{Answer, Api};
use super::dice::Dice;
use super::rollouts::Rollouts;

/// Devices that one deployment names at most.
const LIST: u64 = 8;

/// A deployment that was acknowledged.
#[derive(Debug)]
pub struct Ordered {
    pub image: u64,
    pub total: u64,
}

pub struct Operator {
    /// Devices that were asked for, and those of them that were acknowledged.
    pub devices_sent: BTreeSet<String>,
    pub devices: BTreeSet<String>,
    /// Sums of images that were sent; image and sum where they were acknowledged.
    pub images_sent: BTreeSet<String>,
    pub images: BTreeMap<u64, String>,
    /// Images whose bytes have not been looked at since.
    pub unread: Vec<String>,
    pub deployments_sent: u64,
    pub deployments: BTreeMap<u64, Ordered>,
    /// Actions whose cancel was acknowledged.
    pub cancels: BTreeSet<u64>,
    pub acknowledged: u64,
    /// Answers that nobody should get.
    pub violations: Vec<String>,
    pub rollouts: Rollouts,
    pub(super) fleet: Vec<String>,
    pub(super) dice: Dice,
}

impl Operator {
    pub fn new(dice: Dice) -> Operator {
        Operator {
            devices_sent: BTreeSet::new(),
            devices: BTreeSet::new(),
            images_sent: BTreeSet::new(),
            images: BTreeMap::new(),
            unread: Vec::new(),
            deployments_sent: 0,
            deployments: BTreeMap::new(),
            cancels: BTreeSet::new(),
            acknowledged: 0,
            violations: Vec::new(),
            rollouts: Rollouts::default(),
            fleet: Vec::new(),
            dice,
        }
    }

    /// Registers a device that will speak; returns its token.
    pub fn enlist(&mut self, api: &Api, id: &str) -> io::Result<String> {
        self.fleet.push(id.to_owned());
        let made = self.add(api, id)?;
        made.body["token"].as_str().map(str::to_owned).ok_or_else(|| io::Error::other(format!("{made:?}")))
    }

    /// Works until the server does not answer any more.
    pub fn work(&mut self, api: &Api) -> io::Result<()> {
        loop {
            match self.dice.below(28) {
                0..6 => drop(self.add(api, &format!("extra-{}", self.devices_sent.len()))?),
                6..9 => self.upload(api)?,
                9..17 => self.deploy(api)?,
                17..25 => self.roll_out(api)?,
                _ => self.cancel(api)?,
            }
        }
    }

    fn add(&mut self, api: &Api, id: &str) -> io::Result<Answer> {
        self.devices_sent.insert(id.to_owned());
        let answer = api.post("devices", &json!({"id": id, "product": "lamp"}))?;
        if self.is_ack(&answer, 201) {
            self.devices.insert(id.to_owned());
        }
        Ok(answer)
    }

    pub fn upload(&mut self, api: &Api) -> io::Result<()> {
        let size = 1 + self.dice.below(40_000);
        let bytes: Vec<u8> = (0..size).map(|_| self.dice.throw() as u8).collect();
        let sum = hex(&Sha256::digest(&bytes));
        self.images_sent.insert(sum.clone());
        let answer = api.upload(&format!("1.0.{}", self.images_sent.len()), &bytes)?;
        if self.is_ack(&answer, 201) {
            self.images.insert(answer.body["id"].as_u64().unwrap_or_default(), sum.clone());
            self.unread.push(sum);
        }
        Ok(())
    }

    fn deploy(&mut self, api: &Api) -> io::Result<()> {
        let Some(image) = self.images.keys().rev().nth(self.dice.below(2) as usize).copied() else {
            return Ok(());
        };
        let devices = self.pick(LIST);
        self.deployments_sent += 1;
        let answer = api.post("deployments", &json!({"image": image, "devices": devices}))?;
        if self.is_ack(&answer, 201) {
            let total = devices.len() as u64;
            let id = answer.body["id"].as_u64().unwrap_or_default();
            self.deployments.insert(id, Ordered { image, total });
        }
        Ok(())
    }

    /// At most so many devices of the fleet, and at least one.
    pub(super) fn pick(&mut self, most: u64) -> BTreeSet<String> {
        let count = 1 + self.dice.below(most);
        let pick = |_| self.fleet[self.dice.below(self.fleet.len() as u64) as usize].clone();
        (0..count).map(pick).collect()
    }

    /// Calls off one of the newest actions; that it has ended already is no fault.
    fn cancel(&mut self, api: &Api) -> io::Result<()> {
        let listed = api.get("actions?limit=20")?;
        let actions = listed.body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        if actions.is_empty() {
            return Ok(());
        }
        let at = self.dice.below(actions.len() as u64) as usize;
        let Some(id) = actions[at]["id"].as_u64() else { return Ok(()) };
        let body: Value = json!({"force": self.dice.chance(30)});
        let answer = api.post(&format!("actions/{id}/cancel"), &body)?;
        if answer.status == 409 {
            return Ok(());
        }
        if self.is_ack(&answer, 200) && actions[at]["done"] == false {
            self.cancels.insert(id);
        }
        Ok(())
    }

    pub(super) fn is_ack(&mut self, answer: &Answer, wanted: u16) -> bool {
        if answer.status == wanted {
            self.acknowledged += 1;
            return true;
        }
        self.violations.push(format!("{wanted} is wanted, and the answer is {answer:?}"));
        false
    }
}
