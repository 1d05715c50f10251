//! The form of a story: what happens stands at the margin, what comes of it is indented.

/// Plays what stands at the margin and writes what comes of it below.
pub fn play(script: &str, mut happen: impl FnMut(&str) -> Vec<String>) -> String {
    let mut out = String::new();
    let lines: Vec<&str> = script.lines().filter(|line| !line.starts_with("    ")).collect();
    let mut at = 0;
    while at < lines.len() {
        let mut said = lines[at].to_owned();
        out += &format!("{}\n", lines[at]);
        at += 1;
        while lines.get(at).is_some_and(|line| line.starts_with("  ")) {
            said = format!("{said} {}", lines[at].trim());
            out += &format!("{}\n", lines[at]);
            at += 1;
        }
        if !said.is_empty() && !said.starts_with('#') {
            happen(&said).iter().for_each(|line| out += &format!("    {line}\n"));
        }
    }
    out
}
