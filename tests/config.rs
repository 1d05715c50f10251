//! The configuration: what the layers say, which wins, and what is refused.
#![allow(clippy::unwrap_used)]

use std::error::Error as _;
use std::path::PathBuf;

use updraft::cli::config::{
    Arkors, Config, DEFAULTS, Engine, Esp, Flags, Hidden, Http, Mqtt, RANGES, Security, Store, Tls, Webhooks,
};

/// What is set where, for one case.
#[derive(Default)]
struct Given<'a> {
    file: Option<&'a str>,
    environment: &'a [(&'a str, &'a str)],
    flags: Flags,
}

/// Loads the case; an error is its text, with the folder of the file left out.
fn load(given: &Given<'_>) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    if let Some(text) = given.file {
        std::fs::write(&path, text).unwrap();
    }
    let environment = given.environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let file = given.file.map(|_| path.as_path());
    Config::load(file, environment, &given.flags).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}").replace(&format!("{}/", folder.path().display()), "")
    })
}

fn defaults() -> Config {
    Config {
        store: Store { data: PathBuf::from("updraft-data"), reserve_bytes: 67_108_864 },
        mqtt: Mqtt {
            listen: "127.0.0.1:1883".into(),
            workers: 0,
            connections_max: 120_000,
            packet_bytes: 65_536,
            connect_timeout_ms: 5_000,
            filters_max: 16,
            unacked_max: 32,
            outbox_bytes: 262_144,
            write_timeout_ms: 30_000,
            session_expiry_max_s: 86_400,
            probe_interval_ms: 5_000,
            probe_timeout_ms: 30_000,
            tls: None,
        },
        http: Http {
            listen: "127.0.0.1:8080".into(),
            public_url: String::new(),
            header_timeout_ms: 10_000,
            upload_bytes: 2_147_483_648,
            connections_max: 10_000,
            ddi_poll_s: 300,
            trusted_proxies: vec!["127.0.0.0/8".into(), "::1".into()],
            certificate_headers: vec!["x-controller-id".into(), "x-ssl-client-cn".into()],
            oauth_client: Hidden::default(),
            newcomers: true,
        },
        esp: Esp { token_required: false },
        arkors: Arkors { code_compat: false, open_board: false, token_skew_s: 0 },
        engine: Engine {
            attempts: 3,
            cancel_timeout_ms: 86_400_000,
            penalty_after: 3,
            penalty_ms: 3_600_000,
            command_expiry_ms: 3_600_000,
        },
        webhooks: Webhooks { allow_private: true },
        security: Security { allow_remote_plaintext: false },
    }
}

/// The defaults with a change.
fn changed(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = defaults();
    change(&mut config);
    config
}

#[test]
fn broker_toml_says_the_defaults() {
    assert_eq!(load(&Given::default()), Ok(defaults()));
}

#[test]
fn every_key_of_broker_toml_has_a_comment_right_above_it() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    let keys = (1..lines.len()).filter(|at| lines[*at].contains(" = ") && !lines[*at].starts_with('#'));
    for at in keys {
        assert!(lines[at - 1].starts_with("# "), "{} has no reason", lines[at]);
    }
}

#[test]
fn every_number_of_broker_toml_has_a_range() {
    let table: toml::Table = DEFAULTS.parse().unwrap();
    let mut numbers = Vec::new();
    for (section, keys) in &table {
        let keys = keys.as_table().unwrap().iter().filter(|(_, value)| value.is_integer());
        numbers.extend(keys.map(|(key, _)| format!("{section}.{key}")));
    }
    let mut ranges: Vec<String> = RANGES.iter().map(|(key, ..)| key.to_string()).collect();
    ranges.sort();
    numbers.sort();
    assert_eq!(numbers, ranges);
}

#[test]
fn the_file_goes_over_the_defaults_the_environment_over_the_file_and_flags_over_all() {
    let file = "[mqtt]\nlisten = '127.0.0.1:1'\nworkers = 1\n[http]\nlisten = '127.0.0.1:1'\n[engine]\n";
    let environment: &[(&str, &str)] = &[
        ("UPDRAFT_MQTT_LISTEN", "127.0.0.1:2"),
        ("UPDRAFT_HTTP_LISTEN", "127.0.0.1:2"),
        ("UPDRAFT_SECURITY_ALLOW_REMOTE_PLAINTEXT", "true"),
        ("UPDRAFT_TOKEN", "is none of ours"),
        ("PATH", "/bin"),
    ];
    let flags = Flags { http: Some("127.0.0.1:3".into()), data: Some("d".into()), mqtt: None };
    let expected = changed(|config| {
        config.mqtt.listen = "127.0.0.1:2".into();
        config.mqtt.workers = 1;
        config.http.listen = "127.0.0.1:3".into();
        config.store.data = "d".into();
        config.security.allow_remote_plaintext = true;
    });
    assert_eq!(load(&Given { file: Some(file), environment, flags }), Ok(expected));
}

#[test]
fn tls_is_given_whole_from_any_layer() {
    let file = "[mqtt.tls]\nlisten = '0.0.0.0:8883'\ncertificate = 'c'\n";
    let environment: &[(&str, &str)] = &[("UPDRAFT_MQTT_TLS_KEY", "k")];
    let tls = Tls { listen: "0.0.0.0:8883".into(), certificate: "c".into(), key: "k".into() };
    let given = Given { file: Some(file), environment, ..Given::default() };
    assert_eq!(load(&given), Ok(changed(|config| config.mqtt.tls = Some(tls))));
}

#[test]
fn a_remote_listener_without_tls_is_taken_only_when_told_so() {
    let file = "[http]\nlisten = '0.0.0.0:8080'\n[security]\nallow_remote_plaintext = true\n";
    let expected = changed(|config| {
        config.http.listen = "0.0.0.0:8080".into();
        config.security.allow_remote_plaintext = true;
    });
    assert_eq!(load(&Given { file: Some(file), ..Given::default() }), Ok(expected));
}

#[test]
fn errors_say_the_key_its_origin_and_what_is_allowed() {
    let file = |text| Given { file: Some(text), ..Given::default() };
    let variable = |pair| Given { environment: pair, ..Given::default() };
    let mqtt = |address: &str| Given {
        flags: Flags { mqtt: Some(address.into()), ..Flags::default() },
        ..Given::default()
    };
    let remote = "is reachable from outside and has no TLS. Listen on 127.0.0.1, use [mqtt.tls] or a TLS proxy, or \
                  set allow_remote_plaintext = true in [security] if the network is closed";
    let table: [(Given<'_>, String); 13] = [
        (
            file("[security]\nallow_remote_plaintxt = true"),
            "own.toml: there is no key security.allow_remote_plaintxt; the keys are: \
             security.allow_remote_plaintext"
                .into(),
        ),
        (
            file("[mqttt]\n"),
            "own.toml: there is no key mqttt; the keys are: arkors, engine, esp, http, mqtt, security, store, webhooks".into(),
        ),
        (
            file("[mqtt]\nworkers = '2'"),
            "mqtt.workers = \"2\" (own.toml): must be of type integer".into(),
        ),
        (
            file("[mqtt]\nworkers = 65"),
            "mqtt.workers = 65 (own.toml): must be 0 to 64".into(),
        ),
        (
            variable(&[("UPDRAFT_STORE_DATE", "x")]),
            "environment variable UPDRAFT_STORE_DATE: there is no key store.date; the keys are: store.data, store.reserve_bytes".into(),
        ),
        (
            variable(&[("UPDRAFT_ENGINE_ATTEMPTS", "many")]),
            "engine.attempts = many (environment variable UPDRAFT_ENGINE_ATTEMPTS): must be of type integer".into(),
        ),
        (
            variable(&[("UPDRAFT_MQTT_TLS_LISTEN", "0.0.0.0:8883")]),
            "mqtt.tls needs listen, certificate and key; certificate is missing".into(),
        ),
        (
            variable(&[("UPDRAFT_HTTP_PUBLIC_URL", "updates.example.com")]),
            "http.public_url = updates.example.com (environment variable UPDRAFT_HTTP_PUBLIC_URL): must be empty, or \
             http:// or https:// and a host, without a slash at the end"
                .into(),
        ),
        (
            variable(&[("UPDRAFT_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, proxy")]),
            "http.trusted_proxies = proxy (environment variable UPDRAFT_HTTP_TRUSTED_PROXIES): must be addresses and \
             networks, such as 127.0.0.1 and 10.0.0.0/8"
                .into(),
        ),
        (
            file("[http]\ntrusted_proxies = [1]"),
            "http.trusted_proxies = 1 (own.toml): must be addresses and networks, such as 127.0.0.1 and 10.0.0.0/8"
                .into(),
        ),
        (
            mqtt("nowhere"),
            "mqtt.listen = nowhere (flag --mqtt): must be an address and a port, such as 127.0.0.1:1883".into(),
        ),
        (
            mqtt("0.0.0.0:1883"),
            format!("mqtt.listen = 0.0.0.0:1883 (flag --mqtt) {remote}"),
        ),
        (
            variable(&[("UPDRAFT_HTTP_LISTEN", "[::]:8080")]),
            format!("http.listen = [::]:8080 (environment variable UPDRAFT_HTTP_LISTEN) {remote}"),
        ),
    ];
    for (given, expected) in table {
        assert_eq!(load(&given), Err(expected));
    }
}
