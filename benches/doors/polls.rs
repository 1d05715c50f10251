//! Polls: devices that ask whether there is something for them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::Options;
use super::figures::Figures;
use super::load::{self, Outcome, Plan};
use super::operator::Operator;
use super::process::cpu;
use super::server::{self, Updraft};

/// Devices that are looked up afterwards, spread over the fleet.
const VERIFIED: usize = 100;
/// Connections of devices that make one for each poll: they are short, and the server takes them one by one.
const SHORT_CONNECTIONS: usize = 64;

/// Measures polls over connections that are kept open, and each on a connection of its own.
pub fn measure(options: &Options, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server::updraft(folder.path())?;
    let operator = Operator::of(&server);
    let ids: Vec<String> = (0..options.devices).map(|n| format!("d{n:05}")).collect();
    let tokens = operator.register(&ids).context("register the devices")?;
    let pairs = ids.iter().zip(&tokens);
    let kept: Vec<_> = pairs.clone().map(|(id, token)| poll(id, token, "keep-alive")).collect();
    let short: Vec<_> = pairs.map(|(id, token)| poll(id, token, "close")).collect();
    figures.ours("resident memory with all devices registered, MiB", resident_mib(&server)?);
    for run in 1..=options.runs {
        let plan = Plan {
            addr: server.http,
            connections: options.connections,
            requests: &kept,
            status: 200,
            bodies: None,
            reconnect: false,
            lasting: options.lasting(),
        };
        storm(&server, &operator, &ids, &plan, "", figures).with_context(|| format!("run {run}"))?;
        figures.ours("resident memory under polls, MiB", resident_mib(&server)?);
        let plan = Plan { connections: SHORT_CONNECTIONS, requests: &short, reconnect: true, ..plan };
        let own = ", each on its own connection";
        storm(&server, &operator, &ids, &plan, own, figures).with_context(|| format!("run {run}{own}"))?;
    }
    Ok(())
}

fn poll(id: &str, token: &str, connection: &str) -> Vec<u8> {
    format!(
        "GET /default/controller/v1/{id} HTTP/1.1\r\nHost: ota.example\r\nAccept: application/hal+json\r\n\
         Authorization: TargetToken {token}\r\nConnection: {connection}\r\n\r\n"
    )
    .into_bytes()
}

fn storm(
    server: &Updraft,
    operator: &Operator,
    ids: &[String],
    plan: &Plan<'_>,
    suffix: &str,
    figures: &mut Figures,
) -> Result<()> {
    let (start, used, own) = (Instant::now(), server.process.cpu()?, cpu("self")?);
    let outcome = load::run(plan)?;
    let wall = start.elapsed().as_secs_f64();
    let (used, own) = (server.process.cpu()? - used, cpu("self")? - own);
    verify(operator, ids, &outcome).context("what was answered")?;
    figures.ours(&format!("polls /s{suffix}"), outcome.rate());
    let ms = |hundredths| outcome.percentile(hundredths).map(|time| time.as_secs_f64() * 1e3);
    figures.ours(&format!("polls p50, ms{suffix}"), ms(50)?);
    figures.ours(&format!("polls p99, ms{suffix}"), ms(99)?);
    figures.ours(&format!("polls, cores of the server{suffix}"), used.as_secs_f64() / wall);
    figures.ours(&format!("polls, cores of the load{suffix}"), own.as_secs_f64() / wall);
    Ok(())
}

/// Holds what the server has recorded against what was answered.
fn verify(operator: &Operator, ids: &[String], outcome: &Outcome) -> Result<()> {
    let step = (ids.len() / VERIFIED).max(1);
    for (id, sent) in ids.iter().zip(&outcome.sent).step_by(step) {
        let Some(sent) = sent else { continue };
        let sent = SystemTime::now() - sent.elapsed();
        let sent_ms = i64::try_from(sent.duration_since(UNIX_EPOCH)?.as_millis())?;
        let seen = operator.last_seen(id)?.with_context(|| format!("{id} polled and was never seen"))?;
        let seen_ms = seen.parse::<jiff::Timestamp>()?.as_millisecond();
        // The two clocks that `sent` is computed from are read one after the other.
        ensure!(seen_ms + 1 >= sent_ms, "{id} was seen {} ms before it polled", sent_ms - seen_ms);
    }
    Ok(())
}

fn resident_mib(server: &Updraft) -> Result<f64> {
    Ok(server.process.resident_kib()? as f64 / 1024.0)
}
