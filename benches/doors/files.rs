//! Files: whole and in parts, from updraft and from nginx in turns.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::Options;
use super::figures::{Figures, Who};
use super::load::{self, Plan};
use super::operator::{Operator, Uploaded};
use super::process::{Process, cpu};
use super::server;

/// Downloads of the whole file at once.
const WHOLE: usize = 8;
/// Connections that ask for parts.
const PARTS: usize = 64;
/// Bytes of a part.
const PART: usize = 1024;
/// Different parts that are asked for, round and round.
const OFFSETS: usize = 4096;
/// The file's name.
const NAME: &str = "fw.bin";

/// One of the two servers, with what it is asked.
struct Shop<'a> {
    who: Who,
    addr: SocketAddr,
    process: &'a Process,
    /// For each device, a request up to its end.
    requests: Vec<String>,
}

/// Measures both in turns.
pub fn measure(options: &Options, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let beside = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let ours = server::updraft(&data)?;
    let file = noise(options.mib << 20);
    let operator = Operator::of(&ours);
    let ids: Vec<String> = (0..WHOLE).map(|n| format!("d{n}")).collect();
    let tokens = operator.register(&ids)?;
    let uploaded = operator.upload(NAME, &file)?;
    operator.deploy(uploaded.image, &ids)?;
    let theirs = server::nginx(&options.nginx, beside.path(), &data.join("artifacts"))?;

    let requests = ids.iter().zip(&tokens).map(|(id, token)| request(id, token, &uploaded));
    let requests = requests.collect();
    let mut shops = vec![Shop { who: Who::Updraft, addr: ours.http, process: &ours.process, requests }];
    match &theirs {
        None => println!("There is no {}: only ours is measured.", options.nginx.display()),
        Some(nginx) => {
            let sum = &uploaded.sha256;
            let request = format!("GET /{}/{sum} HTTP/1.1\r\nHost: ota.example\r\n", &sum[..2]);
            let requests = vec![request];
            shops.push(Shop { who: Who::Nginx, addr: nginx.http, process: &nginx.process, requests });
        }
    }
    for shop in &shops {
        shop.check(&file).with_context(|| format!("what {:?} serves", shop.who))?;
    }
    for run in 1..=options.runs {
        for shop in &shops {
            shop.whole(options, figures).with_context(|| format!("{:?}, whole, run {run}", shop.who))?;
        }
        for shop in &shops {
            shop.parts(options, &file, figures)
                .with_context(|| format!("{:?}, ranges, run {run}", shop.who))?;
        }
    }
    let resident = ours.process.resident_kib()? as f64 / 1024.0;
    figures.ours("resident memory after downloads, MiB", resident);
    Ok(())
}

/// What a DDI device asks for, up to the end of its head.
fn request(id: &str, token: &str, uploaded: &Uploaded) -> String {
    format!(
        "GET /default/controller/v1/{id}/softwaremodules/{}/artifacts/{NAME} HTTP/1.1\r\n\
         Host: ota.example\r\nAuthorization: TargetToken {token}\r\n",
        uploaded.image
    )
}

impl Shop<'_> {
    /// Holds the whole file against what is served.
    fn check(&self, file: &[u8]) -> Result<()> {
        let mut stream = TcpStream::connect(self.addr)?;
        let request = self.requests.first().context("nothing to ask for")?;
        stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| &answer[at + 4..]);
        match body {
            Some(body) if body == file => Ok(()),
            Some(body) => bail!("{} other bytes: {:.300}", body.len(), String::from_utf8_lossy(&answer)),
            None => bail!("no answer"),
        }
    }

    fn whole(&self, options: &Options, figures: &mut Figures) -> Result<()> {
        let requests: Vec<_> = (0..WHOLE).map(|n| self.ask(n, "")).collect();
        let plan = Plan {
            addr: self.addr,
            connections: WHOLE,
            requests: &requests,
            status: 200,
            bodies: None,
            reconnect: false,
            lasting: options.lasting(),
        };
        self.measure(&plan, "whole", figures)
    }

    fn parts(&self, options: &Options, file: &[u8], figures: &mut Figures) -> Result<()> {
        let parts: Vec<_> = (0..OFFSETS).map(|n| n * 7919 * PART % (file.len() - PART)).collect();
        let asked = parts.iter().enumerate();
        let requests: Vec<_> = asked
            .map(|(n, first)| self.ask(n, &format!("Range: bytes={first}-{}\r\n", first + PART - 1)))
            .collect();
        let bodies: Vec<_> = parts.iter().map(|first| &file[*first..first + PART]).collect();
        let plan = Plan {
            addr: self.addr,
            connections: PARTS,
            requests: &requests,
            status: 206,
            bodies: Some(&bodies),
            reconnect: false,
            lasting: options.lasting(),
        };
        self.measure(&plan, "ranges", figures)
    }

    fn ask(&self, number: usize, headers: &str) -> Vec<u8> {
        let request = &self.requests[number % self.requests.len()];
        format!("{request}{headers}\r\n").into_bytes()
    }

    fn measure(&self, plan: &Plan<'_>, what: &str, figures: &mut Figures) -> Result<()> {
        let (start, own) = (Instant::now(), cpu("self")?);
        let used = self.cpu()?;
        let outcome = load::run(plan)?;
        let wall = start.elapsed().as_secs_f64();
        ensure!(outcome.bytes > 0, "nothing arrived");
        figures.set(self.who, &format!("{what}, MB/s"), outcome.throughput() / 1e6);
        if what == "ranges" {
            figures.set(self.who, "ranges /s", outcome.rate());
            figures.set(self.who, "ranges p99, ms", outcome.percentile(99)?.as_secs_f64() * 1e3);
        }
        figures.set(self.who, &format!("{what}, cores of the server"), (self.cpu()? - used) / wall);
        let own = cpu("self")? - own;
        figures.set(self.who, &format!("{what}, cores of the load"), own.as_secs_f64() / wall);
        Ok(())
    }

    /// Seconds that the server used so far, with those of its workers.
    fn cpu(&self) -> Result<f64> {
        let id = self.process.id();
        let workers = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let mut used = self.process.cpu()?;
        for worker in workers.split_whitespace() {
            used += cpu(worker)?;
        }
        Ok(used.as_secs_f64())
    }
}

/// Bytes that nothing can compress or guess, the same in every run (xorshift64).
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut words = Vec::with_capacity(bytes);
    while words.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words.extend_from_slice(&state.to_le_bytes());
    }
    words.truncate(bytes);
    words
}
