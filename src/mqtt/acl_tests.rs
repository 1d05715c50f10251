//! Everybody against every topic with every verb, held against a reference that shares no code with the rules.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::ids::DeviceId;
use crate::engine::access::Role;

const TENANTS: [&str; 3] = ["acme", "acme2", "d"];
const DEVICES: [&str; 4] = ["lamp-1", "lamp-10", "server", "a:b.c"];
const UP: [&str; 8] = ["hello", "report", "attr/2003", "fb/101", "get", "explain", "chunk/get", "state"];
const DOWN: [&str; 5] = ["ack", "desired", "cmd", "resp", "chunk/3/17"];
const SHARED: [&str; 3] = ["server", "g/hall-2/announce", "a/001fffa012345678/4096/17"];
const VERBS: [Verb; 4] = [Verb::Publish, Verb::Subscribe, Verb::Will, Verb::Respond];

fn device(tenant: &str, device: &str) -> Identity {
    let (tenant, device) = (TenantId::parse(tenant).unwrap(), DeviceId::parse(device).unwrap());
    Identity::Device(DeviceKey { tenant, device })
}

fn operator(tenant: Option<&str>) -> Identity {
    let tenant = tenant.map(|t| TenantId::parse(t).unwrap());
    Identity::Operator { name: "ada".into(), tenant, role: Role::Observer }
}

/// The rules once more, over plain texts.
fn allowed(identity: &Identity, verb: Verb, topic: &str) -> bool {
    match identity {
        Identity::Device(key) => {
            let tenant = format!("ota/v1/{}/", key.tenant);
            let Some(below) = topic.strip_prefix(&tenant) else { return false };
            let own = below.strip_prefix("d/").and_then(|t| t.strip_prefix(key.device.as_str()));
            let own = own.and_then(|t| t.strip_prefix('/'));
            match verb {
                Verb::Publish => own.is_some_and(|leaf| UP.contains(&leaf)),
                Verb::Subscribe => own.is_some_and(|leaf| DOWN.contains(&leaf)) || SHARED.contains(&below),
                Verb::Will => own == Some("state"),
                Verb::Respond => own == Some("resp"),
            }
        }
        Identity::Operator { tenant, .. } => {
            let levels: Vec<&str> = topic.split('/').collect();
            let known = |level: &str| match tenant {
                Some(own) => level == own.as_str(),
                None => level == "+" || TENANTS.contains(&level),
            };
            let whole = levels.iter().all(|l| l.len() == 1 || !l.contains(['+', '#']));
            let last = !levels[..levels.len() - 1].contains(&"#");
            let rooted = levels.len() > 2 && levels[..2] == ["ota", "v1"] && known(levels[2]);
            verb == Verb::Subscribe && rooted && whole && last && !topic.contains('\0') && topic.len() <= 256
        }
    }
}

fn topics() -> Vec<String> {
    let mut topics = Vec::new();
    for tenant in TENANTS {
        for leaf in UP.iter().chain(&DOWN) {
            topics.extend(DEVICES.iter().map(|device| format!("ota/v1/{tenant}/d/{device}/{leaf}")));
            topics.push(format!("ota/v1/{tenant}/d/+/{leaf}"));
            topics.push(format!("ota/v1/{tenant}/d/{leaf}"));
        }
        topics.extend(SHARED.iter().map(|shared| format!("ota/v1/{tenant}/{shared}")));
    }
    topics
}

/// Each topic, and what somebody might make of it.
fn hostile(topic: &str) -> Vec<String> {
    let tricks = ["/", "#", "/#", "/+", "+", "\0", "/..", "%2f", "é", " ", "\u{ff11}", "\u{200b}", "//"];
    let mut made: Vec<String> = tricks.iter().map(|trick| format!("{topic}{trick}")).collect();
    made.extend(["/", "$share/g/", "$SYS/", "../", "+/", "\u{feff}", "é/"].map(|t| format!("{t}{topic}")));
    made.push(topic.to_uppercase());
    made.push(topic.replace("lamp-1", "lamp-1/../lamp-10"));
    made.push(topic.replace("/d/", "//d/"));
    made.push(topic.replace("v1", "+"));
    made.push(topic.replace("acme", "+"));
    made.push(topic.replace("acme/", "#/"));
    made.push(topic.replace("2003", "02003"));
    made.push(format!("{topic}/{}", "x".repeat(256)));
    made.retain(|text| text != topic);
    made
}

#[test]
fn everybody_may_do_what_the_reference_allows_and_nothing_else() {
    let mut everybody: Vec<Identity> =
        TENANTS.iter().flat_map(|t| DEVICES.iter().map(|d| device(t, d))).collect();
    everybody.extend(TENANTS.iter().map(|t| operator(Some(t))));
    everybody.push(operator(None));
    let mut all = topics();
    all.extend(topics().iter().flat_map(|topic| hostile(topic)));
    all.extend(["", "#", "+", "+/+/+", "ota/#", "ota/v1/#", "ota/v1/+/#", "ota/v1/acme/#"].map(String::from));
    let (mut yes, mut no) = (0, 0);
    for identity in &everybody {
        for topic in &all {
            for verb in VERBS {
                let expected = allowed(identity, verb, topic);
                let found = authorize(identity, verb, topic);
                assert_eq!(found.is_ok(), expected, "{identity:?} {verb:?} {topic:?}: {found:?}");
                if expected { yes += 1 } else { no += 1 }
            }
        }
    }
    assert!(yes > 200 && no > 100_000, "the matrix has {yes} and {no} cells: it has lost its teeth");
}

#[test]
fn a_denial_says_which_rule_forbids_it() {
    use Denial::*;
    let lamp = device("acme", "lamp-1");
    let (ada, root) = (operator(Some("acme")), operator(None));
    let table: &[(&Identity, Verb, &str, Denial)] = &[
        (&lamp, Verb::Publish, "$SYS/x", Dollar),
        (&lamp, Verb::Subscribe, "$share/g/ota/v1/acme/server", Dollar),
        (&lamp, Verb::Subscribe, "ota/v1/acme/d/lamp-1/+", Wildcard),
        (&lamp, Verb::Publish, "é/x", NoTopic(TopicError::Root)),
        (&lamp, Verb::Publish, "ota/v1/acme2/d/lamp-1/report", OtherTenant),
        (&lamp, Verb::Publish, "ota/v1/acme/d/lamp-10/report", OtherDevice),
        (&lamp, Verb::Publish, "ota/v1/acme/d/lamp-1/desired", ServerSpeaks),
        (&lamp, Verb::Publish, "ota/v1/acme/server", ServerSpeaks),
        (&lamp, Verb::Subscribe, "ota/v1/acme/events/action/failed", OperatorsHear),
        (&lamp, Verb::Publish, "ota/v1/acme/events/action/failed", ServerSpeaks),
        (&lamp, Verb::Will, "ota/v1/acme/events/action/failed", WillElsewhere),
        (&lamp, Verb::Respond, "ota/v1/acme/events/action/failed", ResponseElsewhere),
        (&lamp, Verb::Subscribe, "ota/v1/acme/d/lamp-1/report", DeviceSpeaks),
        (&lamp, Verb::Will, "ota/v1/acme/d/lamp-1/report", WillElsewhere),
        (&lamp, Verb::Will, "ota/v1/acme/server", WillElsewhere),
        (&lamp, Verb::Respond, "ota/v1/acme/d/lamp-1/ack", ResponseElsewhere),
        (&lamp, Verb::Respond, "ota/v1/acme/server", ResponseElsewhere),
        (&ada, Verb::Publish, "ota/v1/acme/d/lamp-1/cmd", OperatorsListen),
        (&ada, Verb::Will, "ota/v1/acme/d/lamp-1/state", OperatorsListen),
        (&ada, Verb::Subscribe, "ota/v1/acme/d#", NoFilter),
        (&ada, Verb::Subscribe, "ota/v1/+/d/#", OtherTenant),
        (&ada, Verb::Subscribe, "ota/v1/acme2/#", OtherTenant),
        (&ada, Verb::Subscribe, "ota/+/acme/#", FilterRoot),
        (&root, Verb::Subscribe, "ota/v1/#", FilterRoot),
        (&root, Verb::Subscribe, "#", FilterRoot),
    ];
    for (identity, verb, topic, expected) in table {
        assert_eq!(authorize(identity, *verb, topic), Err(*expected), "{verb:?} {topic}");
    }
}

#[test]
fn what_is_allowed_comes_back_parsed() {
    let lamp = device("acme", "lamp-1");
    let topic = "ota/v1/acme/d/lamp-1/report";
    assert_eq!(authorize(&lamp, Verb::Publish, topic), Ok(Scope::Topic(Topic::parse(topic).unwrap())));
    for filter in ["ota/v1/acme/#", "ota/v1/acme/d/+/report", topic] {
        assert_eq!(
            authorize(&operator(Some("acme")), Verb::Subscribe, filter),
            Ok(Scope::Filter),
            "{filter}"
        );
    }
}

#[test]
fn filters_match_level_by_level() {
    let table: &[(&str, &str, bool)] = &[
        ("a/b", "a/b", true),
        ("a/b", "a/b/c", false),
        ("a/b/c", "a/b", false),
        ("a/+/c", "a/b/c", true),
        ("a/+/c", "a//c", true),
        ("a/+", "a", false),
        ("a/+", "a/b/c", false),
        ("a/#", "a/b/c", true),
        ("a/#", "a", true),
        ("a/#", "ab", false),
        ("#", "a/b", true),
        ("#", "$SYS/x", false),
        ("+/x", "$SYS/x", false),
        ("$SYS/#", "$SYS/x", true),
    ];
    for (filter, topic, expected) in table {
        assert_eq!(filter_matches(filter, topic), *expected, "{filter} against {topic}");
    }
}
