//! What is another each time, taken out of what is shown; and moments put into what is sent.

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

/// The text with `T` for every moment.
pub fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = moment(rest) {
        let end = at + rest[at..].find('Z').unwrap() + 1;
        out += &rest[..at];
        out.push('T');
        rest = &rest[end..];
    }
    out + rest
}

/// Where a moment of RFC 3339 in UTC begins.
fn moment(text: &str) -> Option<usize> {
    const FORM: &str = "0000-00-00T00:00:00";
    let fits = |at: &usize| {
        text.as_bytes().get(*at..at + FORM.len()).is_some_and(|found| {
            let same =
                |(own, form): (&u8, u8)| if form == b'0' { own.is_ascii_digit() } else { *own == form };
            found.iter().zip(FORM.bytes()).all(same)
        })
    };
    (0..text.len()).find(fits)
}

/// The text with moments for `$+2s` and `$-1h`, and with the daily schedule of a moment for `$daily+3s`.
pub fn with_moments(text: &str) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (daily, part) = part.strip_prefix("daily").map_or((false, part), |rest| (true, rest));
        let end = part.find(['s', 'h']).expect("a moment has a unit");
        let count: i64 = part[..end].parse().expect("a moment has a number");
        let seconds = if part[end..].starts_with('h') { count * 3600 } else { count };
        let at = Timestamp::now() + SignedDuration::from_secs(seconds);
        out += &if daily { schedule(&at.to_zoned(TimeZone::UTC)) } else { at.to_string() };
        out += &part[end + 1..];
    }
    out
}

fn schedule(at: &Zoned) -> String {
    format!("{} {} {} * * ?", at.second(), at.minute(), at.hour())
}

/// `lamp-1..3`, or a name as it is.
pub fn names(text: &str) -> Vec<String> {
    let Some((first, last)) = text.split_once("..") else { return vec![text.to_owned()] };
    let (stem, first) = first.rsplit_once('-').expect("a range of names such as lamp-1..3");
    let (first, last): (u32, u32) = (first.parse().unwrap(), last.parse().unwrap());
    (first..=last).map(|number| format!("{stem}-{number}")).collect()
}

/// The words of a line; one may stand in quotes.
pub fn words(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for (place, part) in line.split('"').enumerate() {
        match place % 2 {
            0 => parts.extend(part.split_whitespace()),
            _ => parts.push(part),
        }
    }
    parts
}
