//! A record of an update: what the board writes and clients read. Names of members are read in any case, as Go does.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Fault;
use crate::domain::ids::Time;
use crate::domain::image::Image;
use crate::domain::offer::{HardwareMatch, Rules};
use crate::domain::version::{Version, VersionPattern};
use crate::http::wire::timestamp;

/// The longest text of a member in bytes: a change log of several pages; two hundred records stay below a megabyte.
const TEXT_MAX: usize = 4096;
/// The most entries of `compatible`, as in the rules of any other image.
const COMPATIBLE_MAX: usize = 64;

/// A record, as the board wrote it, so that it reads it back the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The application.
    pub app: u64,
    /// Its number within the application; the higher is the newer.
    pub version: u64,
    /// What people call it; `compatible` of later records names it.
    pub name: String,
    /// Not before this moment, as it was written.
    pub update: String,
    /// What is new.
    pub changed: String,
    /// Where the file is.
    pub url: String,
    /// The type of clients that it is for.
    pub client: String,
    /// From which versions clients may come, by name, separated by blanks.
    pub compatible: String,
}

/// A body before it is known what may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The number.
    pub version: u64,
    /// The moment; a change may leave it as it was.
    pub update: Option<String>,
    name: String,
    changed: String,
    url: String,
    client: String,
    compatible: String,
}

impl Draft {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Fault::NotJson`] and [`Fault::BadRecord`].
    pub fn read(body: &[u8]) -> Result<Draft, Fault> {
        let object: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Fault::NotJson)?;
        let members: Map<String, Value> =
            object.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let text = |name: &str| text(members.get(name)).ok_or(Fault::BadRecord);
        let update = match members.get("update").or(members.get("updated")) {
            None | Some(Value::Null) => None,
            Some(value) => Some(self::text(Some(value)).ok_or(Fault::BadRecord)?),
        };
        let version = members.get("version").and_then(Value::as_u64);
        let draft = Draft {
            version: version.filter(|number| is_number(*number)).ok_or(Fault::BadRecord)?,
            update,
            name: text("name")?,
            changed: text("changed")?,
            url: text("url")?,
            client: text("client")?,
            compatible: text("compatible")?,
        };
        let moment = draft.update.as_deref().is_none_or(|update| moment(update).is_some());
        let listed = patterns(&draft.compatible).is_some();
        if moment && listed { Ok(draft) } else { Err(Fault::BadRecord) }
    }

    /// The record; `before` is the moment that it had.
    ///
    /// # Errors
    /// [`Fault::BadRecord`] without any moment.
    pub fn record(self, app: u64, before: Option<String>) -> Result<Record, Fault> {
        let update = self.update.or(before).ok_or(Fault::BadRecord)?;
        let Draft { version, name, changed, url, client, compatible, .. } = self;
        Ok(Record { app, version, name, update, changed, url, client, compatible })
    }
}

impl Record {
    /// The record that an image of another door is to a client of this type, on these rules beside the image's own.
    /// What any client may have is for this one.
    pub fn of(app: u64, image: &Image, rules: &Rules, kind: &str, url: String) -> Record {
        let rules = [rules, &image.rules];
        let models = || rules.iter().flat_map(|rules| &rules.hardware).map(|own| &*own.model);
        let client = models().find(|model| model.eq_ignore_ascii_case(kind)).or_else(|| models().next());
        let patterns = rules.iter().flat_map(|rules| &rules.compatible);
        // Blanks separate patterns here; a range may have some inside.
        let patterns: Vec<String> = patterns.map(|pattern| pattern.to_string().replace(' ', "")).collect();
        let moment = rules.iter().filter_map(|rules| rules.not_before).max().unwrap_or(image.trail.created);
        Record {
            app,
            version: image.number,
            name: image.version.to_string(),
            update: timestamp(moment).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            changed: image.about.description.as_deref().unwrap_or_default().into(),
            url,
            client: client.unwrap_or(kind).into(),
            compatible: if patterns.is_empty() { "*".into() } else { patterns.join(" ") },
        }
    }

    /// The rules of the record but for its number: client type, compatible names, moment.
    pub fn rules(&self) -> Rules {
        Rules {
            // Texts that were read once are read again.
            compatible: patterns(&self.compatible).unwrap_or_default(),
            not_before: moment(&self.update),
            hardware: vec![HardwareMatch { model: self.client.as_str().into(), revision: None }],
            ..Rules::default()
        }
    }

    /// The name as a version; one that is none stands behind its number.
    pub fn text(&self) -> Version {
        let number = || Version::parse(&self.version.to_string());
        Version::parse(&self.name).or_else(number).expect("decimal digits are a version")
    }
}

/// Application and version are positive numbers that Go's `int64` holds.
pub fn is_number(number: u64) -> bool {
    (1..=i64::MAX.cast_unsigned()).contains(&number)
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    (!text.trim().is_empty() && text.len() <= TEXT_MAX).then(|| text.to_owned())
}

fn patterns(list: &str) -> Option<Vec<VersionPattern>> {
    let tokens: Vec<&str> = list.split_whitespace().collect();
    let fits = (1..=COMPATIBLE_MAX).contains(&tokens.len());
    // A name may begin with any sign, so that none of them is an operator here.
    let literal = |token: &&str| Version::parse(token).map(|_| VersionPattern::Wildcard((*token).into()));
    fits.then(|| tokens.iter().map(literal).collect()).flatten()
}

/// `2014-11-10T00:00:00.000Z` as the document writes it, `2014-11-10 00:00:00` (UTC) as the code does. A moment before
/// 1970 is one that has been.
fn moment(text: &str) -> Option<Time> {
    // Shorter texts are dates without a time.
    let text = Some(text).filter(|text| text.len() >= "2014-11-10 00:00:00".len())?;
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let stamp = text.parse::<Timestamp>().ok().or_else(civil)?;
    Some(Time(u64::try_from(stamp.as_millisecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::catalog::Trail;
    use crate::domain::ids::{FirmwareType, ImageId, ProductId, TenantId};

    const OWN: &str = r#"{"version":3,"name":"0.3.3","update":"2014-11-10T00:00:00.000Z","changed":"1. New","url":
        "http://file.arkors.com/demo.apk","client":"Android","compatible":"0.3.2 0.3.1 0.2.x 0.1.x"}"#;

    /// The sample with one member changed, or taken away.
    fn with(name: &str, value: Option<Value>) -> Vec<u8> {
        let mut members: Map<String, Value> = serde_json::from_str(OWN).unwrap();
        match value {
            Some(value) => members.insert(name.into(), value),
            None => members.remove(name),
        };
        serde_json::to_vec(&members).unwrap()
    }

    #[test]
    fn bodies_are_read_strictly() {
        let good = Draft::read(OWN.as_bytes()).unwrap();
        for name in ["name", "changed", "url", "client", "compatible"] {
            for bad in [None, Some(Value::from("")), Some(Value::from(" ")), Some(Value::from(3))] {
                assert_eq!(Draft::read(&with(name, bad.clone())), Err(Fault::BadRecord), "{name} {bad:?}");
            }
            assert_eq!(Draft::read(&with(name, Some("x".repeat(4097).into()))), Err(Fault::BadRecord));
        }
        let numbers = ["0", "-1", "3.5", "\"3\"", "null", "9223372036854775808"];
        for bad in numbers.map(|text| serde_json::from_str::<Value>(text).unwrap()) {
            assert_eq!(Draft::read(&with("version", Some(bad.clone()))), Err(Fault::BadRecord), "{bad}");
        }
        for bad in ["2014-11-00T00:00:00.000Z", "2014-11-00", "soon", "", "2014-11-10"] {
            assert_eq!(Draft::read(&with("update", Some(bad.into()))), Err(Fault::BadRecord), "{bad}");
        }
        for bad in ["", "[]", "3", "{", "{\"version\":3} x"] {
            assert_eq!(Draft::read(bad.as_bytes()), Err(Fault::NotJson), "{bad}");
        }
        let many = vec!["1"; 65].join(" ");
        assert_eq!(Draft::read(&with("compatible", Some(many.into()))), Err(Fault::BadRecord));
        let code = br#"{"App":1,"Version":3,"Name":"0.3.3","Updated":"2014-11-10T00:00:00.000Z","Changed":"1. New","Url":
            "http://file.arkors.com/demo.apk","Client":"Android","Compatible":"0.3.2 0.3.1 0.2.x 0.1.x","more":1}"#;
        assert_eq!(Draft::read(code), Ok(good));
    }

    #[test]
    fn a_moment_may_be_left_out_where_there_was_one() {
        let draft = Draft::read(&with("update", None)).unwrap();
        assert_eq!(draft.clone().record(232, None), Err(Fault::BadRecord));
        let record = draft.record(232, Some("2014-11-02 00:00:00".into())).unwrap();
        assert_eq!(record.rules().not_before, Some(Time(1_414_886_400_000)));
    }

    #[test]
    fn a_record_is_its_rules() {
        let record = Draft::read(OWN.as_bytes()).unwrap().record(232, None).unwrap();
        let patterns = ["0.3.2", "0.3.1", "0.2.x", "0.1.x"].map(|text| VersionPattern::Wildcard(text.into()));
        let expected = Rules {
            compatible: patterns.to_vec(),
            not_before: Some(Time(1_415_577_600_000)),
            hardware: vec![HardwareMatch { model: "Android".into(), revision: None }],
            ..Rules::default()
        };
        assert_eq!(record.rules(), expected);
        assert_eq!(record.text(), Version::parse("0.3.3").unwrap());
        let named = Record { name: "spring release".into(), ..record };
        assert_eq!(named.text(), Version::parse("3").unwrap());
    }

    #[test]
    fn an_image_of_another_door_is_a_record_of_its_own_number() {
        let trail = Trail::new("root", Time(1_415_577_600_000));
        let version = Version::parse("0.3.3").unwrap();
        let product = ProductId::parse("232").unwrap();
        let id = ImageId::new(9).unwrap();
        let image =
            Image::new(TenantId::default(), id, product, (FirmwareType::APPLICATION, 4), version, trail);
        let of = |rules: &Rules| Record::of(232, &image, rules, "ANDROID", "http://u".into());
        let plain = Record {
            app: 232,
            version: 4,
            name: "0.3.3".into(),
            update: "2014-11-10T00:00:00.000Z".into(),
            changed: String::new(),
            url: "http://u".into(),
            client: "ANDROID".into(),
            compatible: "*".into(),
        };
        assert_eq!(of(&Rules::default()), plain);
        let models = |models: &[&str]| {
            models.iter().map(|model| HardwareMatch { model: (*model).into(), revision: None }).collect()
        };
        let rules = Rules {
            compatible: [">=0.1.0, <0.3.0", "0.3.x"]
                .map(|text| VersionPattern::parse(text).unwrap())
                .to_vec(),
            not_before: Some(Time(1_415_577_601_500)),
            hardware: models(&["iOS", "Android"]),
            ..Rules::default()
        };
        let bound = Record {
            update: "2014-11-10T00:00:01.500Z".into(),
            client: "Android".into(),
            compatible: ">=0.1.0,<0.3.0 0.3.x".into(),
            ..plain
        };
        assert_eq!(of(&rules), bound);
        let others = Rules { hardware: models(&["iOS"]), ..rules };
        assert_eq!(of(&others), Record { client: "iOS".into(), ..bound });
    }
}
