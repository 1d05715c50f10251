//! `topics.md` is the contract: its tables are the grammar, and its samples are what the program reads and writes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use updraft::domain::action::{Clock, Deadline, Failure, State};
use updraft::domain::catalog::Trail;
use updraft::domain::decide::{Order, Reject};
use updraft::domain::device::{Format, Reported};
use updraft::domain::eligibility::{Finding, Reason, Rule};
use updraft::domain::ids::{
    ActionId, ArtifactId, AttributeId, DeviceId, FirmwareType, ImageId, ProductId, RolloutId, TenantId, Time,
};
use updraft::domain::image::{Artifact, Image, Sha256};
use updraft::domain::news::{Happened, Kind, News};
use updraft::domain::rollout::Hold;
use updraft::domain::terms::Force;
use updraft::domain::version::{Running, Version};
use updraft::engine::call::{Command, Desired, Message, Outcome, Receipt, Wanted};
use updraft::engine::query::{Explanation, Standing};
use updraft::mqtt::chunks::{ChunkRefusal, Plan};
use updraft::mqtt::payload::{
    Answer, Cid, PayloadError, decode, encode_ack, encode_message, encode_news, encode_resp,
};
use updraft::mqtt::topic::{Direction, Leaf, Topic};

const PAGE: &str = include_str!("../topics.md");

/// The cells of the rows of the tables whose first column is headed so, without back quotes.
fn rows(head: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    let start = format!("| {head} |");
    let mut found = Vec::new();
    let mut lines = PAGE.lines();
    while lines.by_ref().any(|line| line.starts_with(&start)) {
        found.extend(lines.by_ref().skip(1).take_while(|line| line.starts_with('|')).map(cells));
    }
    found
}

/// The samples with the leaf that stands beside the name of their format.
fn samples() -> Vec<(Leaf, &'static str)> {
    let blocks = PAGE.split("\n```json ").skip(1);
    blocks
        .map(|block| {
            let (leaf, rest) = block.split_once('\n').unwrap();
            (leaf, rest.split_once("\n```").unwrap().0)
        })
        .filter(|(leaf, _)| !leaf.starts_with("events/"))
        .map(|(leaf, sample)| (Leaf::parse(leaf).unwrap(), sample))
        .collect()
}

fn filled(pattern: &str) -> String {
    let ids = [
        ("<tenant>", "acme"),
        ("<group>", "hall-2"),
        ("<artifact>", "001fffa012345678"),
        ("<length>", "4096"),
        ("<subject>", "action"),
        ("<change>", "failed"),
        ("<id>", "2003"),
        ("<action>", "101"),
        ("<file>", "3"),
        ("<n>", "17"),
    ];
    ids.iter().fold(pattern.to_owned(), |text, (open, id)| text.replace(open, id))
}

/// Every leaf once. The match fails to compile when a leaf is added, and reminds of this list.
fn every_leaf() -> Vec<Leaf> {
    let leaves = vec![
        Leaf::Hello,
        Leaf::Report,
        Leaf::Attr(AttributeId::new(2003).unwrap()),
        Leaf::Fb(ActionId::new(101).unwrap()),
        Leaf::Get,
        Leaf::Explain,
        Leaf::ChunkGet,
        Leaf::State,
        Leaf::Ack,
        Leaf::Desired,
        Leaf::Cmd,
        Leaf::Resp,
        Leaf::Chunk { file: 3, block: 17 },
    ];
    for leaf in &leaves {
        match leaf {
            Leaf::Hello | Leaf::Report | Leaf::Attr(_) | Leaf::Fb(_) | Leaf::Get | Leaf::Explain => {}
            Leaf::ChunkGet | Leaf::State | Leaf::Ack | Leaf::Desired | Leaf::Cmd | Leaf::Resp => {}
            Leaf::Chunk { .. } => {}
        }
    }
    leaves
}

#[test]
fn the_page_lists_every_leaf_and_every_row_is_one() {
    let rows = rows("leaf");
    let listed: Vec<Leaf> = rows.iter().map(|row| Leaf::parse(&filled(&row[0])).unwrap()).collect();
    assert_eq!(listed, every_leaf());
    for (row, leaf) in rows.iter().zip(listed) {
        let direction = match leaf.direction() {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        assert_eq!((row[0].as_str(), row[1].as_str()), (leaf.name(), direction));
        let text = format!("ota/v1/acme/d/lamp-1/{}", filled(&row[0]));
        assert_eq!(Topic::parse(&text).unwrap().to_string(), text);
    }
}

#[test]
fn the_page_lists_every_topic_of_a_tenant() {
    let mut kinds = BTreeSet::new();
    for row in rows("topic") {
        let text = filled(&row[0]);
        let topic = Topic::parse(&text).unwrap();
        assert_eq!(topic.to_string(), text);
        kinds.insert(match topic {
            Topic::Device { .. } => "device",
            Topic::Server { .. } => "server",
            Topic::Announce { .. } => "announce",
            Topic::Event { .. } => "event",
            Topic::Carousel { .. } => "carousel",
        });
    }
    assert_eq!(kinds, BTreeSet::from(["announce", "carousel", "event", "server"]));
}

#[test]
fn what_the_page_says_that_devices_send_is_read() {
    let mut shown = BTreeSet::new();
    for (leaf, sample) in samples().into_iter().filter(|(leaf, _)| leaf.direction() == Direction::Up) {
        shown.insert(leaf.name());
        let read = decode(leaf, None, sample.as_bytes());
        let named = decode(leaf, Some("application/json"), sample.as_bytes());
        assert!(read.is_ok(), "{leaf}: {read:?}");
        assert_eq!(read, named, "{leaf}");
        let value: Value = serde_json::from_str(sample).unwrap();
        let mut cbor = Vec::new();
        ciborium::into_writer(&value, &mut cbor).unwrap();
        let in_cbor = decode(leaf, Some("application/cbor"), &cbor).unwrap();
        assert_eq!(read.map(|read| read.body), Ok(in_cbor.body), "{leaf}");
    }
    let up = every_leaf().into_iter().filter(|leaf| leaf.direction() == Direction::Up);
    assert_eq!(shown, up.map(Leaf::name).collect());
}

#[test]
fn what_the_page_says_that_the_server_sends_is_written() {
    let down = samples().into_iter().filter(|(leaf, _)| leaf.direction() == Direction::Down);
    let shown: Vec<(Leaf, String)> = down.map(|(leaf, sample)| (leaf, sample.to_owned())).collect();
    assert_eq!(shown, written());
}

/// What the program writes, in the order of the page.
fn written() -> Vec<(Leaf, String)> {
    let mut all = Vec::new();
    let mut add = |leaf, bytes: Vec<u8>| all.push((leaf, String::from_utf8(bytes).unwrap()));
    let stored = Receipt { seq: Some(41), outcome: Outcome::Stored };
    add(Leaf::Ack, encode_ack(Leaf::Hello, &stored, Format::Json));
    let reject = Reject::Action(updraft::domain::action::Refusal::Finished);
    let outcome = Outcome::Rejected { code: reject.code(), message: reject.to_string() };
    let action = ActionId::new(101).unwrap();
    add(Leaf::Ack, encode_ack(Leaf::Fb(action), &Receipt { seq: None, outcome }, Format::Json));

    let expires = Time(1_731_600_000_000);
    let components = vec![Wanted { action, image: Arc::new(image()), force: Force::Forced }];
    let desired = Message::Desired(Desired { seq: 9, expires, components });
    add(Leaf::Desired, encode_message(&desired, Format::Json, "https://ota.example"));
    let command =
        Command { id: 5, order: Order::Deploy, action: Some(action), attempt: 1, deadline: expires };
    add(Leaf::Cmd, encode_message(&Message::Command(command), Format::Json, "https://ota.example"));

    let (found, rollouts) = ([explanation(action)], standings(action));
    let plan = Plan { length: 4096, blocks: vec![20, 21, 24, 43] };
    let answers = [
        ("7", Answer::Accepted),
        ("8", Answer::Explained { types: &found, rollouts: &rollouts }),
        ("1", Answer::Chunks { file: 3, size: 387_808, plan: &plan }),
        ("1", Answer::ChunksRefused(ChunkRefusal::BlockTooLong { max: 16_384 })),
        ("1", Answer::Rejected { code: "busy", message: "too much is waiting", retry_after_s: Some(5) }),
    ];
    for (cid, answer) in answers {
        add(Leaf::Resp, encode_resp(Cid::new(cid).as_ref(), answer, Format::Json));
    }
    all
}

#[test]
fn what_the_page_says_about_events_is_written() {
    let blocks = PAGE.split("\n```json ").filter_map(|block| block.split_once('\n'));
    let shown: Vec<_> = blocks.filter(|(head, _)| head.starts_with("events/")).collect();
    let what = Happened::Action {
        action: ActionId::new(101).unwrap(),
        device: DeviceId::parse("lamp-1").unwrap(),
        state: State::Failed(Failure::NotConverged),
        new: false,
        deployment: None,
        wave: Some((RolloutId::new(3).unwrap(), 1)),
    };
    let (subject, change) = (what.subject(), what.change());
    let news = News { id: 812, tenant: TenantId::default(), at: Time(1_763_122_394_500), what };
    let written = String::from_utf8(encode_news(&news)).unwrap();
    let [(head, sample)] = shown[..] else { panic!("{shown:?}") };
    assert_eq!(head, format!("events/{subject}/{change}"));
    assert_eq!(sample.split_once("\n```").unwrap().0, written);
}

/// Every subject has a row, and every state and status is in it.
#[test]
fn the_page_lists_every_type_of_event() {
    let rows = rows("subject");
    for row in &rows {
        for change in row[1].split([',', ':', ' ']).filter(|word| !word.is_empty()) {
            assert!(Kind::parse(&row[0], change).is_ok(), "{row:?}");
        }
    }
    let subjects: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(subjects, ["action", "device", "image", "release", "offer", "deployment", "rollout", "wave"]);
}

fn standings(action: ActionId) -> [Standing; 2] {
    let standing = |id, name: &str, wave, hold| Standing {
        rollout: RolloutId::new(id).unwrap(),
        name: name.into(),
        wave: Some(wave),
        hold,
    };
    let (since, at) = (Time(1_731_604_800_000), Time(1_731_608_400_000));
    let deadline = Some(Deadline { at, clock: Clock::Step });
    [
        standing(3, "spring", 2, Hold::WaveNotBegun { wave: 2, after: 1, needs: 95, of: 100, has: 61 }),
        standing(2, "winter", 1, Hold::UnderWay { action, state: State::Verifying, since, deadline }),
    ]
}

fn image() -> Image {
    let artifact = Artifact {
        id: ArtifactId::new(1201).unwrap(),
        name: "lamp.bin".into(),
        size: 387_808,
        sha256: Sha256([0xAB; 32]),
        sha1: [0x01; 20],
        md5: [0xF0; 16],
    };
    let (id, product) = (ImageId::new(12).unwrap(), ProductId::parse("lamp").unwrap());
    let (number, version) = ((FirmwareType::APPLICATION, 7155), Version::parse("1.0.3").unwrap());
    let plain = Image::new(TenantId::default(), id, product, number, version, Trail::new("admin", Time(0)));
    Image { artifacts: vec![artifact], ..plain }
}

fn explanation(action: ActionId) -> Explanation {
    let running = Running::named(Version::parse("1.0.3").unwrap());
    Explanation {
        kind: FirmwareType::APPLICATION,
        reported: Some(Reported { running, seq: 4, at: Time(0) }),
        image: Some(image()),
        findings: vec![
            Finding { rule: Rule::Product, failed: None },
            Finding { rule: Rule::NotInstalled, failed: Some(Reason::AlreadyInstalled) },
        ],
        active: Some((action, State::Verifying)),
    }
}

#[test]
fn the_page_lists_the_codes_of_this_door() {
    let listed: BTreeSet<String> = rows("code").into_iter().map(|row| row[0].clone()).collect();
    let unread = [
        PayloadError::TooLarge(0),
        PayloadError::ContentType,
        PayloadError::NoFormat,
        PayloadError::Json(String::new()),
        PayloadError::Cbor(String::new()),
        PayloadError::Trailing(1),
        PayloadError::Octets(7),
        PayloadError::NotUtf8,
        PayloadError::Value("v"),
        PayloadError::TooMany { field: "v", found: 2, max: 1 },
        PayloadError::OtherAction,
        PayloadError::ServerSpeaks,
    ];
    let refused = [
        ChunkRefusal::NoLength,
        ChunkRefusal::BlockTooLong { max: 1 },
        ChunkRefusal::BeyondEnd { blocks: 1 },
        ChunkRefusal::NothingWanted,
    ];
    let mut codes: BTreeSet<&str> = unread.iter().map(PayloadError::code).collect();
    codes.extend(refused.iter().map(|refusal| refusal.code()));
    assert_eq!(codes.len(), unread.len() + refused.len(), "codes are distinct");
    for code in codes {
        assert!(listed.contains(code), "topics.md does not list {code}");
    }
}

/// The codes that stand in `Hold::code`, in its order.
#[test]
fn the_page_lists_every_code_of_a_hold() {
    let source = include_str!("../src/domain/rollout/hold.rs");
    let body = source.split("pub fn code").nth(1).unwrap().split("pub fn until").next().unwrap();
    let codes: Vec<&str> = body.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(codes.len(), 34, "the search finds {codes:?}");
    let listed: Vec<String> = rows("hold").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(listed, codes);
}

/// The codes that stand in the source as `code: "..."`: what the gate answers itself and what the engine refuses.
#[test]
fn the_page_lists_the_codes_that_are_written_where_they_are_sent() {
    let listed: BTreeSet<String> = rows("code").into_iter().map(|row| row[0].clone()).collect();
    let mut sent = BTreeSet::new();
    for folder in ["src/mqtt/gate", "src/mqtt", "src/engine"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let codes =
                    text.split("code: \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
                sent.extend(codes);
            }
        }
    }
    let known = ["busy", "corrupt-record", "no-such-device", "not-offered", "unavailable"];
    assert!(known.iter().all(|code| sent.contains(*code)), "the search finds {sent:?}");
    assert_eq!(sent.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new());
}
