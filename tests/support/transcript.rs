//! Transcripts: a script of requests with the whole answer to each, played against a running server.
//!
//! A line at the margin is a request, its header lines and its body, or what somebody else does; the indented lines below
//! are what came back. With `UPDATE_TRANSCRIPTS=1` they are written anew, to be read before they are committed.

#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use crate::wire::Answer;

/// Plays every transcript of a folder of `tests`, of which there are so many at least.
pub fn go_as_written(folder: &str, least: usize, play: impl Fn(&str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    assert!(files.len() >= least, "the transcripts are missing");
    for file in files {
        let written = fs::read_to_string(&file).unwrap();
        let played = play(&written);
        if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
            fs::write(&file, &played).unwrap();
            continue;
        }
        assert_eq!(written, played, "{}", file.display());
    }
}

/// Plays the blocks at the margin and writes what comes of each below it.
pub fn play(script: &str, mut happen: impl FnMut(&[&str]) -> Vec<String>) -> String {
    let mut out = String::new();
    let script: Vec<&str> = script.lines().filter(|line| !line.starts_with("    ")).collect();
    for block in script.split(|line| line.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        for line in block {
            out += &format!("{line}\n");
        }
        let said: Vec<&str> = block.iter().copied().filter(|line| !line.starts_with('#')).collect();
        if !said.is_empty() {
            happen(&said).iter().for_each(|line| out += &format!("    {line}\n"));
        }
    }
    out
}

/// A body as it is, or `=` and hexadecimal digits, or `=` and a number of blanks to be sent.
pub fn body(line: &str) -> Vec<u8> {
    match line.strip_prefix('=') {
        None => line.as_bytes().to_vec(),
        Some(count) if count.ends_with(" blanks") => {
            vec![b' '; count.trim_end_matches(" blanks").parse().unwrap()]
        }
        Some(hex) => {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        }
    }
}

/// The whole answer but for moments and the headers that HTTP itself writes.
pub fn shown(answer: &Answer) -> Vec<String> {
    let mut lines = vec![answer.first.clone()];
    for (name, value) in &answer.headers {
        match name.as_str() {
            "date" | "connection" => {}
            "last-modified" => lines.push(format!("{name}: (a date)")),
            "retry-after" => lines.push(format!("{name}: (seconds)")),
            _ => lines.push(format!("{name}: {value}")),
        }
    }
    if !answer.body.is_empty() {
        lines.push("--".into());
        match String::from_utf8(answer.body.clone()) {
            Ok(text) => lines.extend(text.lines().map(str::to_owned)),
            Err(_) => lines.push(answer.body.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
    lines
}
