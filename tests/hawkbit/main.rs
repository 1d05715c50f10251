//! The `hawkbit` crate, a client of DDI that others wrote, against a running server.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use futures_core::Stream;
use hawkbit::ddi::{Client, ClientAuthorization, Error, Execution, Finished, Mode, Type, Update};
use serde_json::{Value, json};
use support::{Server, eventually};

/// More than one block of every buffer on the way.
const IMAGE_BYTES: usize = 300_001;

/// A server with a device.
struct World {
    server: Server,
    client: Client,
    image: Vec<u8>,
}

impl World {
    fn new() -> World {
        reach_this_machine();
        let server = Server::start();
        let token = server.client().add_device("lamp-1", "lamp");
        let client = client(&server, "lamp-1", &token);
        World { server, client, image: (0..IMAGE_BYTES).map(|n| (n * n / 7 % 251) as u8).collect() }
    }

    fn deployed() -> World {
        let world = World::new();
        let operator = world.server.client();
        assert_eq!(operator.upload("lamp", "1.0.1", &world.image).status, 201);
        assert_eq!(operator.post("deployments", &json!({"image": 1, "devices": ["lamp-1"]})).status, 201);
        eventually("the action", || operator.get("actions").body["items"].get(0).cloned());
        world
    }

    fn downloads(&self) -> PathBuf {
        self.server.home().join("downloads")
    }

    async fn update(&self) -> Update {
        self.client.poll().await.unwrap().update().unwrap().fetch().await.unwrap()
    }

    /// Asks at hawkBit's management door.
    fn manage(&self, method: &str, path: &str, body: &Value, expected: u16) {
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let url = format!("http://{}/rest/v1/{path}", self.server.http());
        let request = match method {
            "PUT" => agent.put(url),
            _ => agent.post(url),
        };
        let request = request.header("authorization", format!("Bearer {}", self.server.token()));
        assert_eq!(request.send_json(body).unwrap().status().as_u16(), expected);
    }

    fn cancel(&self) {
        let done = self.server.client().post("actions/1/cancel", &json!({"force": false}));
        assert_eq!(done.status, 200, "{done:?}");
    }

    fn action(&self) -> Value {
        self.server.client().get("actions/1").body
    }

    /// The action's state, and its history line by line.
    fn story(&self) -> (String, Vec<String>) {
        let action = self.action();
        let entries = action["history"].as_array().unwrap().iter();
        let line = |entry: &Value| format!("{} {}", entry["note"].as_str().unwrap(), entry["details"]);
        (action["state"].as_str().unwrap().to_owned(), entries.map(line).collect())
    }

    /// Changes a byte of the file behind the server's back, as a dying disk would.
    fn spoil_artifact(&self) {
        let found = self.server.client().get("images/1").body;
        let sum = found["artifacts"][0]["sha256"].as_str().unwrap().to_owned();
        let mut bytes = self.image.clone();
        bytes[IMAGE_BYTES / 2] ^= 1;
        let file = self.server.data().join("artifacts").join(&sum[..2]).join(&sum);
        fs::remove_file(&file).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

fn client(server: &Server, device: &str, token: &str) -> Client {
    let token = ClientAuthorization::TargetToken(token.to_owned());
    let timeout = Some(Duration::from_secs(30));
    Client::new(&format!("http://{}", server.http()), "DEFAULT", device, token, None, None, timeout).unwrap()
}

/// This client goes through whatever proxy the environment names, and cannot be told otherwise.
fn reach_this_machine() {
    let named = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let spared = ["no_proxy", "NO_PROXY"].map(|name| std::env::var(name).unwrap_or_default());
    let proxy = named.iter().find(|name| std::env::var_os(name).is_some());
    let free = spared.iter().any(|list| list.contains("127.0.0.1"));
    assert!(proxy.is_none() || free, "{proxy:?} is set: set NO_PROXY=127.0.0.1 too, or run .ci/run");
}

fn lines(expected: &[&str]) -> Vec<String> {
    expected.iter().map(|line| (*line).to_owned()).collect()
}

/// A file begins to be fetched: a line for each whole fetch, none for a part.
const FETCHING: &str =
    r#"fetching ["/DEFAULT/controller/v1/lamp-1/softwaremodules/1/artifacts/firmware.bin"]"#;

#[tokio::test]
async fn a_device_is_updated_from_the_first_poll_to_the_last_word() {
    let world = World::deployed();
    let update = world.update().await;
    assert_eq!((update.action_id(), update.download_type(), update.update_type()), {
        ("1", Type::Forced, Type::Forced)
    });
    assert_eq!(update.maintenance_window(), None);
    let chunks = update.chunks().map(|chunk| {
        let files = chunk.artifacts().map(|file| (file.filename().to_owned(), file.size()));
        let metadata = chunk.metadata().count();
        ([chunk.part(), chunk.name(), chunk.version()].map(str::to_owned), files.collect(), metadata)
    });
    let file = ("firmware.bin".to_owned(), IMAGE_BYTES as u32);
    let chunk: (_, Vec<_>, _) = (["bApp", "lamp", "1.0.1"].map(str::to_owned), vec![file], 0);
    assert_eq!(chunks.collect::<Vec<_>>(), [chunk]);
    update.send_feedback(Execution::Download, Finished::None, vec![]).await.unwrap();
    let files = update.download(&world.downloads()).await.unwrap();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    file.check_md5().await.unwrap();
    file.check_sha1().await.unwrap();
    file.check_sha256().await.unwrap();
    assert_eq!(fs::read(file.file()).unwrap(), world.image);
    update.send_feedback(Execution::Downloaded, Finished::None, vec![]).await.unwrap();
    let progress = json!({"cnt": 2, "of": 5});
    let (proceeding, none) = (Execution::Proceeding, Finished::None);
    update.send_feedback_with_progress(proceeding, none, Some(progress), vec!["half way"]).await.unwrap();
    assert_eq!(world.action()["progress"], json!({"done": 2, "of": 5}));
    update.send_feedback(Execution::Closed, Finished::Success, vec!["well", "done"]).await.unwrap();
    let expected = [
        "created []",
        "told []",
        "retrieved []",
        "download []",
        FETCHING,
        "downloaded []",
        r#"proceeding ["half way"]"#,
        r#"closed: success ["well","done"]"#,
    ];
    assert_eq!(world.story(), ("succeeded".to_owned(), lines(&expected)));
    assert!(world.client.poll().await.unwrap().update().is_none());
}

#[tokio::test]
async fn attributes_are_asked_for_until_they_are_sent() {
    let world = World::new();
    let poll = world.client.poll().await.unwrap();
    assert_eq!(poll.polling_sleep().unwrap(), Duration::from_secs(300));
    let wanted = poll.config_data_request().unwrap();
    let data = json!({"site": "b12", "serial": "42"});
    wanted.upload(Execution::Closed, Finished::Success, None, data, vec![]).await.unwrap();
    assert!(world.client.poll().await.unwrap().config_data_request().is_none());
    let named = || world.server.client().get("devices/lamp-1").body["named_attributes"].clone();
    assert_eq!(named(), json!({"site": "b12", "serial": "42"}));
    let table = [
        (Mode::Merge, json!({"site": "b13"}), json!({"site": "b13", "serial": "42"})),
        (Mode::Remove, json!({"serial": ""}), json!({"site": "b13"})),
        (Mode::Replace, json!({"floor": "7"}), json!({"floor": "7"})),
    ];
    for (mode, data, expected) in table {
        wanted.upload(Execution::Closed, Finished::Success, Some(mode), data, vec![]).await.unwrap();
        assert_eq!(named(), expected);
    }
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let world = World::deployed();
    let update = world.update().await;
    // Bytes of its own show that they are not fetched again. It keeps a folder for each chunk.
    let folder = world.downloads().join("lamp");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("firmware.bin.part"), [0xff; 1000]).unwrap();
    let files = update.download(&world.downloads()).await.unwrap();
    let found = fs::read(files[0].file()).unwrap();
    assert!(found == [&[0xff; 1000], &world.image[1000..]].concat(), "{} bytes", found.len());
    assert!(matches!(files[0].check_sha256().await, Err(Error::ChecksumError(_))));
}

#[tokio::test]
async fn an_image_with_a_wrong_sum_is_refused_by_each_of_the_sums() {
    let world = World::deployed();
    assert_eq!(sums(&world.update().await).await, [true; 3]);
    // Another server: the first may still have the file open that is no longer there.
    let world = World::deployed();
    world.spoil_artifact();
    let update = world.update().await;
    assert_eq!(sums(&update).await, [false; 3]);
    update.send_feedback(Execution::Closed, Finished::Failure, vec!["wrong sum"]).await.unwrap();
    let expected = [
        "created []",
        "told []",
        "retrieved []",
        FETCHING,
        FETCHING,
        FETCHING,
        r#"closed: failure ["wrong sum"]"#,
    ];
    assert_eq!(world.story(), ("failed".to_owned(), lines(&expected)));
}

/// Whether the file has the md5, the sha1 and the sha256 that the server says.
async fn sums(update: &Update) -> [bool; 3] {
    let chunk = update.chunks().next().unwrap();
    let file = chunk.artifacts().next().unwrap();
    [
        is_whole(file.download_stream_with_md5_check().await.unwrap()).await,
        is_whole(file.download_stream_with_sha1_check().await.unwrap()).await,
        is_whole(file.download_stream_with_sha256_check().await.unwrap()).await,
    ]
}

/// Reads a download to its end.
async fn is_whole<T>(stream: impl Stream<Item = Result<T, Error>>) -> bool {
    let mut stream = pin!(stream);
    while let Some(part) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        match part {
            Ok(_) => {}
            Err(Error::ChecksumError(_)) => return false,
            Err(other) => panic!("{other}"),
        }
    }
    true
}

#[tokio::test]
async fn a_cancel_is_refused_and_then_confirmed() {
    let world = World::deployed();
    let _ = world.update().await;
    world.cancel();
    let poll = world.client.poll().await.unwrap();
    assert!(poll.update().is_none());
    let cancel = poll.cancel_action().unwrap();
    assert_eq!(cancel.id().await.unwrap(), "1");
    cancel.send_feedback(Execution::Rejected, Finished::Failure, vec!["too late"]).await.unwrap();
    let poll = world.client.poll().await.unwrap();
    assert_eq!((poll.update().is_some(), poll.cancel_action().is_some()), (true, false));
    world.cancel();
    let cancel = world.client.poll().await.unwrap().cancel_action().unwrap();
    cancel.send_feedback(Execution::Closed, Finished::Success, vec!["stopped"]).await.unwrap();
    let expected = [
        "created []",
        "told []",
        "retrieved []",
        "cancel-asked []",
        "retrieved []",
        r#"to the cancel: rejected ["too late"]"#,
        "cancel-asked []",
        "retrieved []",
        r#"to the cancel: closed: success ["stopped"]"#,
    ];
    assert_eq!(world.story(), ("cancelled".to_owned(), lines(&expected)));
    let poll = world.client.poll().await.unwrap();
    assert_eq!((poll.update().is_some(), poll.cancel_action().is_some()), (false, false));
}

#[tokio::test]
async fn an_update_waits_for_the_user_who_declines_and_then_agrees() {
    let world = World::new();
    world.manage("PUT", "system/configs", &json!({"user.confirmation.flow.enabled": true}), 200);
    let operator = world.server.client();
    assert_eq!(operator.upload("lamp", "1.0.1", &world.image).status, 201);
    let set = json!({"name": "lamp", "version": "1.0.1", "images": [1]});
    assert_eq!(operator.post("releases", &set).status, 201);
    let wish = json!({"id": 1, "type": "forced", "confirmationRequired": true});
    world.manage("POST", "targets/lamp-1/assignedDS", &wish, 200);
    eventually("the action", || operator.get("actions").body["items"].get(0).cloned());
    for _ in 0..2 {
        let poll = world.client.poll().await.unwrap();
        assert!(poll.update().is_none());
        let asked = poll.confirmation_base().unwrap();
        assert_eq!(asked.update_info().await.unwrap().action_id(), "1");
        assert_eq!(asked.metadata().await.unwrap(), []);
        asked.decline().await.unwrap();
    }
    world.client.poll().await.unwrap().confirmation_base().unwrap().confirm().await.unwrap();
    assert!(world.client.poll().await.unwrap().confirmation_base().is_none());
    let update = world.update().await;
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!(world.action()["state"], "succeeded");
}

#[tokio::test]
async fn what_is_over_or_not_ones_own_is_refused() {
    let world = World::deployed();
    let update = world.update().await;
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    let again = update.send_feedback(Execution::Closed, Finished::Success, vec![]).await;
    let late = update.send_feedback(Execution::Closed, Finished::Failure, vec![]).await;
    let download = update.download(&world.downloads()).await;
    let stranger = client(&world.server, "lamp-1", "0").poll().await;
    assert!(again.is_ok(), "{again:?}");
    let codes = [status(late), status(download), status(stranger)];
    assert_eq!(codes, [Some(410), Some(404), Some(401)]);
}

fn status<T>(result: Result<T, Error>) -> Option<u16> {
    match result {
        Err(Error::ReqwestError(error)) => error.status().map(|status| status.as_u16()),
        Ok(_) | Err(_) => None,
    }
}
