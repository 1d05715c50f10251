//! What is a topic and what is not.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

pub(crate) fn key(tenant: &str, device: &str) -> DeviceKey {
    DeviceKey { tenant: TenantId::parse(tenant).unwrap(), device: DeviceId::parse(device).unwrap() }
}

fn of_device(leaf: Leaf) -> Result<Topic, TopicError> {
    Ok(Topic::Device { key: key("acme", "lamp-1"), leaf })
}

fn check(text: &str, expected: Result<Topic, TopicError>) {
    assert_eq!(Topic::parse(text), expected, "{text:?}");
    if let Ok(topic) = expected {
        assert_eq!(topic.to_string(), text);
    }
}

#[test]
fn every_topic_is_read_and_printed_alike() {
    let tenant = || TenantId::parse("acme").unwrap();
    let leaves: &[(&str, Leaf)] = &[
        ("hello", Leaf::Hello),
        ("report", Leaf::Report),
        ("attr/2003", Leaf::Attr(AttributeId::new(2003).unwrap())),
        ("attr/65535", Leaf::Attr(AttributeId::new(65535).unwrap())),
        ("fb/101", Leaf::Fb(ActionId::new(101).unwrap())),
        ("fb/2147483647", Leaf::Fb(ActionId::new(2_147_483_647).unwrap())),
        ("get", Leaf::Get),
        ("explain", Leaf::Explain),
        ("chunk/get", Leaf::ChunkGet),
        ("state", Leaf::State),
        ("ack", Leaf::Ack),
        ("desired", Leaf::Desired),
        ("cmd", Leaf::Cmd),
        ("resp", Leaf::Resp),
        ("chunk/3/0", Leaf::Chunk { file: 3, block: 0 }),
        ("chunk/4294967295/4294967295", Leaf::Chunk { file: u32::MAX, block: u32::MAX }),
    ];
    for (text, leaf) in leaves {
        check(&format!("ota/v1/acme/d/lamp-1/{text}"), of_device(*leaf));
    }
    check("ota/v1/acme/server", Ok(Topic::Server { tenant: tenant() }));
    let kind = Kind::parse("action", "already-installed").unwrap();
    check("ota/v1/acme/events/action/already-installed", Ok(Topic::Event { tenant: tenant(), kind }));
    check("ota/v1/acme/events", Err(TopicError::Incomplete));
    check("ota/v1/acme/events/action", Err(TopicError::Incomplete));
    check("ota/v1/acme/events/actions/failed", Err(TopicError::Event(WantedError::Subject)));
    check("ota/v1/acme/events/action/failed/x", Err(TopicError::Event(WantedError::Change)));
    let group = GroupId::parse("hall-2").unwrap();
    check("ota/v1/acme/g/hall-2/announce", Ok(Topic::Announce { tenant: tenant(), group }));
    let artifact = [0x00, 0x1f, 0xff, 0xa0, 0x12, 0x34, 0x56, 0x78];
    let carousel = Topic::Carousel { tenant: tenant(), artifact, length: 4096, block: 17 };
    check("ota/v1/acme/a/001fffa012345678/4096/17", Ok(carousel));
}

#[test]
fn what_is_not_canonical_is_not_a_topic() {
    use TopicError::*;
    let device = |at| Device(NameError::BadByte(at));
    let long = format!("ota/v1/acme/d/{}/hello", "a".repeat(129));
    let longer = format!("ota/v1/{}/d/{}/hello", "a".repeat(128), "a".repeat(128));
    let table: &[(&str, TopicError)] = &[
        ("", Root),
        ("ota", Root),
        ("ota/v1", Root),
        ("/ota/v1/acme/server", Root),
        ("ota/v2/acme/server", Root),
        ("OTA/v1/acme/server", Root),
        ("$SYS/broker", Root),
        ("$share/g/ota/v1/acme/server", Root),
        ("ota/v1/", Incomplete),
        ("ota/v1/acme", Incomplete),
        ("ota/v1//server", Tenant(NameError::Empty)),
        ("ota/v1/+/server", Tenant(NameError::BadByte(0))),
        ("ota/v1/acme/", Branch),
        ("ota/v1/acme/server/", Branch),
        ("ota/v1/acme/x/lamp-1/hello", Branch),
        ("ota/v1/acme/d", Incomplete),
        ("ota/v1/acme/d/lamp-1", Incomplete),
        ("ota/v1/acme/d/lamp-1/", Leaf),
        ("ota/v1/acme/d/lamp-1/hello/", Leaf),
        ("ota/v1/acme/d/lamp-1/hello\0", Leaf),
        ("ota/v1/acme/d/lamp-1/Hello", Leaf),
        ("ota/v1/acme/d/lamp-1/#", Leaf),
        ("ota/v1/acme/d//hello", Device(NameError::Empty)),
        ("ota/v1/acme/d/+/hello", device(0)),
        ("ota/v1/acme/d/../hello", device(0)),
        ("ota/v1/acme/d/a#/hello", device(1)),
        ("ota/v1/acme/d/a$/hello", device(1)),
        ("ota/v1/acme/d/a\0/hello", device(1)),
        ("ota/v1/acme/d/a%2e%2e%2f/hello", device(1)),
        ("ota/v1/acme/d/a\u{ff11}/hello", device(1)),
        ("ota/v1/acme/d/é/hello", device(0)),
        (&long, Device(NameError::TooLong(129))),
        (&longer, TooLong(272)),
        ("ota/v1/acme/d/lamp-1/attr", Leaf),
        ("ota/v1/acme/d/lamp-1/attr/", Attribute),
        ("ota/v1/acme/d/lamp-1/attr/0", Attribute),
        ("ota/v1/acme/d/lamp-1/attr/02003", Attribute),
        ("ota/v1/acme/d/lamp-1/attr/65536", Attribute),
        ("ota/v1/acme/d/lamp-1/attr/2003/x", Attribute),
        ("ota/v1/acme/d/lamp-1/attr/١", Attribute),
        ("ota/v1/acme/d/lamp-1/fb/0", Action),
        ("ota/v1/acme/d/lamp-1/fb/+1", Action),
        ("ota/v1/acme/d/lamp-1/fb/2147483648", Action),
        ("ota/v1/acme/d/lamp-1/chunk/3", Leaf),
        ("ota/v1/acme/d/lamp-1/chunk/3/", Number),
        ("ota/v1/acme/d/lamp-1/chunk/3/+7", Number),
        ("ota/v1/acme/d/lamp-1/chunk/3/017", Number),
        ("ota/v1/acme/d/lamp-1/chunk/3/4294967296", Number),
        ("ota/v1/acme/d/lamp-1/chunk/3/1/1", Number),
        ("ota/v1/acme/g/hall-2", Incomplete),
        ("ota/v1/acme/g/+/announce", Group(NameError::BadByte(0))),
        ("ota/v1/acme/g/hall-2/announced", Leaf),
        ("ota/v1/acme/a/001FFFA012345678/4096/17", Artifact),
        ("ota/v1/acme/a/001fffa01234567/4096/17", Artifact),
        ("ota/v1/acme/a/+01fffa012345678/4096/17", Artifact),
        ("ota/v1/acme/a/001fffa012345678/4096", Incomplete),
        ("ota/v1/acme/a/001fffa012345678/4096/x", Number),
    ];
    for (text, expected) in table {
        check(text, Err(*expected));
    }
}

#[test]
fn a_device_fits_when_its_longest_topic_does() {
    for (tenant, device) in [(1, 1), (128, 90), (128, 91), (90, 128), (91, 128), (128, 128)] {
        let key = key(&"t".repeat(tenant), &"d".repeat(device));
        let leaf = Leaf::Chunk { file: u32::MAX, block: u32::MAX };
        let longest = Topic::Device { key: key.clone(), leaf }.to_string();
        assert_eq!(fits(&key), Topic::parse(&longest).is_ok(), "{tenant} and {device}");
    }
}

fn leaves() -> impl Strategy<Value = Leaf> {
    let plain = [
        Leaf::Hello,
        Leaf::Report,
        Leaf::Get,
        Leaf::Explain,
        Leaf::ChunkGet,
        Leaf::State,
        Leaf::Ack,
        Leaf::Desired,
        Leaf::Cmd,
        Leaf::Resp,
    ];
    prop_oneof![
        proptest::sample::select(plain.to_vec()),
        (1u64..=65535).prop_map(|id| Leaf::Attr(AttributeId::new(id).unwrap())),
        (1u64..=0x7fff_ffff).prop_map(|id| Leaf::Fb(ActionId::new(id).unwrap())),
        any::<(u32, u32)>().prop_map(|(file, block)| Leaf::Chunk { file, block }),
    ]
}

fn topics() -> impl Strategy<Value = Topic> {
    let name = || "[A-Za-z0-9][A-Za-z0-9._:-]{0,60}";
    let tenant = |text: String| TenantId::parse(&text).unwrap();
    prop_oneof![
        (name(), name(), leaves()).prop_map(|(t, d, leaf)| Topic::Device { key: key(&t, &d), leaf }),
        name().prop_map(move |t| Topic::Server { tenant: tenant(t) }),
        (name(), name()).prop_map(move |(t, g)| Topic::Announce {
            tenant: tenant(t),
            group: GroupId::parse(&g).unwrap()
        }),
        (name(), "[a-z-]{1,32}").prop_map(move |(t, change)| Topic::Event {
            tenant: tenant(t),
            kind: Kind::parse("action", &change).unwrap()
        }),
        (name(), any::<([u8; 8], u32, u32)>()).prop_map(move |(t, (artifact, length, block))| {
            Topic::Carousel { tenant: tenant(t), artifact, length, block }
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(topic in topics()) {
        prop_assert_eq!(Topic::parse(&topic.to_string()), Ok(topic));
    }

    #[test]
    fn what_is_read_prints_the_same(topic in topics(), at in any::<usize>(), put in "[0-9a-z+#/%é]{0,2}") {
        let mut text = topic.to_string();
        let at = at % text.len();
        text.replace_range(at..at + 1, &put);
        if let Ok(read) = Topic::parse(&text) {
            prop_assert_eq!(read.to_string(), text);
        }
    }
}
