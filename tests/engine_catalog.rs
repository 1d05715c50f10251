//! The catalog and the tenants from the doors' side: what can be named and arranged, and what is refused.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use updraft::domain::catalog::{AutoAssign, Item, Label, Section, What};
use updraft::domain::decide::Policy;
use updraft::domain::eligibility::AttemptLimit;
use updraft::domain::event::Event;
use updraft::domain::ids::*;
use updraft::domain::image::About;
use updraft::domain::offer::Rules;
use updraft::domain::tenant::Setting;
use updraft::domain::terms::Terms;
use updraft::domain::version::Version;
use updraft::engine::access::{Principal, Role};
use updraft::engine::call::{
    Call, CallError, Downlink, NewImage, NewItem, NewRelease, Receipt, Reply, Stamp,
};
use updraft::engine::query::Reader;
use updraft::engine::{self, Engine, EngineThread, Outlet, Settings};
use updraft::store::Store;
use updraft::store::memory::MemoryStore;

const POLICY: Policy =
    Policy { attempts: AttemptLimit(3), cancel_timeout_ms: 0, penalty_after: 3, penalty_ms: 3_600_000 };
const SETTINGS: Settings =
    Settings { policy: POLICY, command_expiry_ms: 60_000, reserve_bytes: 1000, poll_s: 300 };

struct Nobody;

impl Outlet for Nobody {
    fn receipts(&mut self, _: Vec<(Stamp, Receipt)>) {}
    fn downlinks(&mut self, _: Vec<Downlink>) {}
    fn evict(&mut self, _: Vec<Principal>) {}
    fn heard(&mut self, _: Vec<(DeviceKey, Event)>) {}
}

struct World {
    engine: Engine,
    reader: Reader,
    runtime: tokio::runtime::Runtime,
    thread: Option<EngineThread>,
}

impl World {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let failed = Box::new(|error: &_| panic!("{error:?}"));
        let (engine, thread) = engine::start(Arc::clone(&store), SETTINGS, Box::new(Nobody), failed).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        World { engine, reader: Reader::new(store, POLICY), runtime, thread: Some(thread) }
    }

    fn call(&self, call: Call) -> Result<Reply, CallError> {
        self.runtime.block_on(self.engine.call(call))
    }

    fn add(&self, items: Vec<NewItem>) -> Result<Vec<Item>, CallError> {
        match self.call(Call::AddItems { tenant: TenantId::default(), items, by: "ann".into() })? {
            Reply::Items(items) => Ok(items),
            other => panic!("{other:?}"),
        }
    }

    fn added(&self, name: &str, what: What) -> Item {
        self.add(vec![new(name, what)]).unwrap().remove(0)
    }

    fn put(&self, item: &Item) -> Result<Item, CallError> {
        match self.call(Call::PutItem { item: item.clone(), by: "bob".into() })? {
            Reply::Items(mut items) => Ok(items.remove(0)),
            other => panic!("{other:?}"),
        }
    }

    fn remove(&self, item: &Item) -> Result<(), CallError> {
        let (tenant, section) = (item.tenant.clone(), item.what.section());
        self.call(Call::RemoveItem { tenant, section, id: item.id }).map(|_| ())
    }

    fn item(&self, section: Section, id: ItemId) -> Option<Item> {
        self.reader.item(&TenantId::default(), section, id).unwrap()
    }

    fn named(&self, section: Section, name: &str) -> Option<Item> {
        self.reader.item_named(&TenantId::default(), section, name).unwrap()
    }

    /// The names of a section's items, those that are removed in brackets.
    fn names(&self, section: Section) -> Vec<String> {
        let items = self.reader.items(&TenantId::default(), section, None, 999).unwrap();
        let shown = |item: Item| match item.deleted {
            true => format!("({})", item.label.name),
            false => item.label.name.into(),
        };
        items.into_iter().map(shown).collect()
    }

    fn configure(&self, id: &str, settings: &[(Setting, Option<&str>)]) -> Result<Reply, CallError> {
        let settings = settings.iter().map(|(setting, value)| (*setting, value.map(Into::into))).collect();
        self.call(Call::Configure { tenant: tenant(id), settings, by: "ann".into() })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A test that has failed already says more than the engine can.
        let _ = self.thread.take().map(EngineThread::stop);
    }
}

fn new(name: &str, what: What) -> NewItem {
    NewItem { id: None, label: Label { name: name.into(), ..Label::default() }, what }
}

fn kind(key: &str) -> What {
    What::Type { key: key.into(), max: 1 }
}

fn filter(query: &str) -> What {
    What::Filter { query: query.into(), auto: None }
}

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

fn item_id(id: u64) -> ItemId {
    ItemId::new(id).unwrap()
}

fn number(item: &Item) -> u32 {
    item.id.get()
}

#[test]
fn items_get_ids_of_their_section_and_say_who_made_them() {
    let world = World::new();
    let tags = world.add(vec![new("blue", What::DeviceTag), new("red", What::DeviceTag)]).unwrap();
    assert_eq!(tags.iter().map(number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.item(Section::DeviceTags, item_id(2)), Some(tags[1].clone()));
    assert_eq!(number(&world.added("blue", What::ReleaseTag)), 1, "another section, other names and ids");
    assert_eq!(number(&world.added("late", What::DeviceTag)), 3);
    let release_type =
        What::ReleaseType { key: "wifi".into(), mandatory: BTreeSet::new(), optional: BTreeSet::new() };
    assert_eq!(number(&world.added("WiFi", release_type)), 4, "behind those that are there from the start");
    let trail = &tags[0].trail;
    assert_eq!((&*trail.by, &*trail.changed_by, trail.created), ("ann", "ann", trail.changed));
}

#[test]
fn an_item_is_changed_in_its_place_and_removed_for_good() {
    let world = World::new();
    let mut tag = world.added("blue", What::DeviceTag);
    tag.label =
        Label { name: "navy".into(), description: Some("dark".into()), colour: Some("#000080".into()) };
    let changed = world.put(&tag).unwrap();
    assert_eq!(changed.label, tag.label);
    assert_eq!((&*changed.trail.by, &*changed.trail.changed_by), ("ann", "bob"));
    assert_eq!(world.named(Section::DeviceTags, "navy"), Some(changed.clone()));
    assert_eq!(world.named(Section::DeviceTags, "blue"), None);
    world.remove(&changed).unwrap();
    assert_eq!(world.item(Section::DeviceTags, tag.id), None);
    assert_eq!(world.remove(&changed), Err(CallError::NoSuchItem("1".into())));
    assert_eq!(world.put(&changed), Err(CallError::NoSuchItem("1".into())));
    assert_eq!(number(&world.added("navy", What::DeviceTag)), 2, "an id is never given twice");
}

#[test]
fn what_is_wrong_with_a_new_item_is_said_and_nothing_is_added() {
    let world = World::new();
    world.added("blue", What::DeviceTag);
    let exists = |what: &str| CallError::ItemExists(what.into());
    let bad = |why: &str| CallError::BadItem(why.into());
    let label = |description: usize, colour: usize| Label {
        name: "x".into(),
        description: Some("é".repeat(description).into()),
        colour: Some("é".repeat(colour).into()),
    };
    let labelled = |label| NewItem { id: None, label, what: What::DeviceTag };
    let chosen = |id, key: &str| NewItem { id: Some(item_id(id)), ..new(key, kind(key)) };
    let product = |ids: &[u64]| What::Product {
        product: ProductId::parse("lamp").unwrap(),
        release_types: ids.iter().map(|id| item_id(*id)).collect(),
    };
    let release = ReleaseId::new(7).unwrap();
    let auto = AutoAssign { release, terms: Terms::default(), by: "ann".into() };
    let many = || (0..1001).map(|n| new(&n.to_string(), What::DeviceTag)).collect();
    let table: Vec<(Vec<NewItem>, CallError)> = vec![
        (vec![], CallError::Count { what: "items", max: 1000 }),
        (many(), CallError::Count { what: "items", max: 1000 }),
        (vec![new("", What::DeviceTag)], bad("a name has 1 to 128 characters")),
        (vec![new(&"é".repeat(129), What::DeviceTag)], bad("a name has 1 to 128 characters")),
        (vec![labelled(label(513, 16))], bad("a description has 0 to 512 characters")),
        (vec![labelled(label(512, 17))], bad("a colour has 0 to 16 characters")),
        (vec![new("red", What::DeviceTag), new("blue", What::DeviceTag)], exists("blue")),
        (vec![new("red", What::DeviceTag), new("red", What::DeviceTag)], exists("red")),
        (vec![new("red", What::DeviceTag), new("red", What::ReleaseTag)], exists("red")),
        (
            vec![new("red", What::DeviceTag), new("green", What::ReleaseTag)],
            bad("entries that are added together have to be of one section"),
        ),
        (
            vec![NewItem { id: Some(item_id(5)), ..new("red", What::DeviceTag) }],
            bad("only a firmware type has a number of its choice"),
        ),
        (vec![new("OS", kind("other"))], exists("OS")),
        (vec![new("other", kind("os"))], exists("os")),
        (vec![new("other", kind(""))], bad("a key has 1 to 64 characters")),
        (vec![chosen(3, "other")], exists("type 3")),
        (vec![chosen(201, "other")], bad("the number of a firmware type is 1 to 200")),
        (vec![chosen(77, "a"), chosen(77, "b")], exists("type 77")),
        (vec![new("lamp", product(&[3, 9]))], CallError::NoSuchItem("9".into())),
        (vec![new("all", filter(""))], bad("a condition has 1 to 1024 characters")),
        (
            vec![new("all", What::Filter { query: "id==*".into(), auto: Some(auto) })],
            CallError::NoSuchRelease(release),
        ),
    ];
    for (items, expected) in table {
        let named = format!("{items:?}");
        assert_eq!(world.add(items), Err(expected), "{named}");
    }
    assert_eq!(world.names(Section::DeviceTags), ["blue"]);
    assert_eq!(world.names(Section::Types).len(), 9);
    world.add(vec![labelled(label(512, 16))]).unwrap();
}

#[test]
fn a_firmware_type_has_the_number_that_was_chosen_or_the_next_free_one() {
    let world = World::new();
    let chosen = |id, key: &str| NewItem { id: Some(item_id(id)), ..new(key, kind(key)) };
    let made = world.add(vec![new("a", kind("a")), chosen(101, "b"), new("c", kind("c"))]).unwrap();
    assert_eq!(made.iter().map(number).collect::<Vec<_>>(), [102, 101, 103]);
    world.remove(&made[0]).unwrap();
    assert_eq!(number(&world.added("d", kind("d"))), 102, "nothing showed it, so its number is free");
    let rest = (104..=200).map(|n| new(&n.to_string(), kind(&n.to_string()))).collect();
    assert_eq!(number(world.add(rest).unwrap().last().unwrap()), 200);
    let full = CallError::BadItem("every number of a firmware type is taken".into());
    assert_eq!(world.add(vec![new("z", kind("z"))]), Err(full));
    assert_eq!(number(&world.add(vec![chosen(50, "y")]).unwrap()[0]), 50);
}

#[test]
fn what_every_tenant_has_can_be_relabelled_removed_and_brought_back() {
    let world = World::new();
    let keyed = |key: &str| world.reader.item_keyed(&tenant("acme"), Section::Types, key).unwrap();
    assert_eq!(keyed("os").map(|item| item.id), Some(item_id(9)), "in every tenant");
    let mut os = world.named(Section::Types, "OS").unwrap();
    os.label.name = "Linux".into();
    os = world.put(&os).unwrap();
    assert_eq!((world.named(Section::Types, "OS"), os.id), (None, item_id(9)));
    world.remove(&os).unwrap();
    assert_eq!(world.names(Section::Types).last().unwrap(), "(Linux)");
    assert_eq!(world.named(Section::Types, "Linux"), None);
    assert_eq!(keyed("os").map(|item| item.deleted), Some(false), "another tenant's is its own");
    let again = NewItem { id: Some(item_id(9)), ..new("OS", kind("os")) };
    assert_eq!(number(&world.add(vec![again]).unwrap()[0]), 9);
    assert_eq!(world.names(Section::Types).last().unwrap(), "OS");
}

#[test]
fn what_something_still_shows_is_marked_and_its_name_is_free() {
    let world = World::new();
    let by = || "ann".into();
    let sensor = world.added("sensor", kind("sensor"));
    let lamp = || ProductId::parse("lamp").unwrap();
    let firmware = FirmwareType::new(u64::from(number(&sensor))).unwrap();
    let image = NewImage::plain(lamp(), firmware, Version::parse("1").unwrap(), Rules::default());
    let tenant = TenantId::default;
    world.call(Call::AddImages { tenant: tenant(), images: vec![image], by: by() }).unwrap();
    let whole = world.added(
        "whole",
        What::ReleaseType { key: "whole".into(), mandatory: BTreeSet::new(), optional: BTreeSet::new() },
    );
    let release = NewRelease {
        name: "spring".into(),
        version: Version::parse("1").unwrap(),
        images: Vec::new(),
        kind: Some(whole.id),
        about: About::default(),
        required_step: false,
        locked: false,
    };
    world.call(Call::AddReleases { tenant: tenant(), releases: vec![release], by: by() }).unwrap();
    let product = world.added("Lamp", What::Product { product: lamp(), release_types: BTreeSet::new() });
    let key = DeviceKey { tenant: tenant(), device: DeviceId::parse("l1").unwrap() };
    world.call(Call::AddDevice { key, product: lamp(), by: by() }).unwrap();
    for item in [sensor, whole, product] {
        let section = item.what.section();
        world.remove(&item).unwrap();
        assert_eq!(world.item(section, item.id), Some(Item { deleted: true, ..item.clone() }));
        assert_eq!(world.remove(&item), Err(CallError::NoSuchItem(item.id.to_string())));
        let again = world.added(&item.label.name, item.what.clone());
        assert_ne!(again.id, item.id, "the number stays that of what has it");
        world.remove(&again).map(|()| world.names(section)).unwrap();
    }
}

#[test]
fn a_type_that_a_kind_of_release_asks_for_is_marked() {
    let world = World::new();
    let sensor = world.added("sensor", kind("sensor"));
    let firmware = FirmwareType::new(u64::from(number(&sensor))).unwrap();
    let what = What::ReleaseType {
        key: "sensing".into(),
        mandatory: BTreeSet::new(),
        optional: BTreeSet::from([firmware]),
    };
    let release_type = world.added("sensing", what);
    world.remove(&sensor).unwrap();
    assert_eq!(world.item(Section::Types, sensor.id).map(|item| item.deleted), Some(true));
    world.remove(&release_type).unwrap();
    assert_eq!(world.item(Section::ReleaseTypes, release_type.id), None);
}

#[test]
fn a_product_keeps_its_id_and_takes_kinds_of_releases_that_there_are() {
    let world = World::new();
    let what = |id: &str, types: &[u64]| What::Product {
        product: ProductId::parse(id).unwrap(),
        release_types: types.iter().map(|id| item_id(*id)).collect(),
    };
    let mut lamp = world.added("Lamp", what("lamp", &[1, 2]));
    lamp.what = what("lamp2", &[1]);
    assert_eq!(world.put(&lamp), Err(CallError::BadItem("a product keeps its id".into())));
    let app = world.named(Section::ReleaseTypes, "App(s) only").unwrap();
    world.remove(&app).unwrap();
    lamp.what = what("lamp", &[1, 2, 3]);
    assert_eq!(world.put(&lamp).unwrap().what, lamp.what, "one that is gone meanwhile is in nobody's way");
    lamp.what = what("lamp", &[1, 4]);
    assert_eq!(world.put(&lamp), Err(CallError::NoSuchItem("4".into())));
}

#[test]
fn tenants_are_known_once_something_is_in_them() {
    let world = World::new();
    let known = || -> Vec<String> {
        world.reader.tenants(None, 99).unwrap().iter().map(|tenant| tenant.id.to_string()).collect()
    };
    assert_eq!(known(), ["default"]);
    let add = |id: &str| world.call(Call::AddTenant { tenant: tenant(id), by: "ann".into() });
    add("Acme").unwrap();
    assert_eq!(add("Acme"), Err(CallError::TenantExists(tenant("Acme"))));
    assert_eq!(add("ACME"), Err(CallError::TenantExists(tenant("Acme"))));
    assert_eq!(add("Default"), Err(CallError::TenantExists(tenant("default"))));
    let key = DeviceKey { tenant: tenant("by-device"), device: DeviceId::parse("l1").unwrap() };
    let product = || ProductId::parse("lamp").unwrap();
    world.call(Call::AddDevice { key, product: product(), by: "ann".into() }).unwrap();
    let image =
        NewImage::plain(product(), FirmwareType::APPLICATION, Version::parse("1").unwrap(), Rules::default());
    let call = Call::AddImages { tenant: tenant("by-image"), images: vec![image], by: "ann".into() };
    world.call(call).unwrap();
    let operator = |name: &str, tenant| Call::AddOperator { name: name.into(), tenant, role: Role::Admin };
    world.call(operator("eve", Some(tenant("by-operator")))).unwrap();
    assert_eq!(known(), ["Acme", "by-device", "by-image", "by-operator", "default"]);
    let like = |name: &str| world.reader.tenant_like(name).unwrap().map(|tenant| tenant.id.to_string());
    assert_eq!((like("ACME"), like("DEFAULT")), (Some("Acme".into()), Some("default".into())));
    assert_eq!((like("nobody"), like("no/body"), world.reader.tenant(&tenant("acme"))).0, None);
}

#[test]
fn settings_are_set_all_or_none_and_say_who_set_them() {
    let world = World::new();
    use Setting::{ConfirmationFlow, HeaderAuthority, MaintenanceWindowPollCount, PollingTime};
    let flag = |value: &str| vec![(ConfirmationFlow, Some(value.to_owned()))];
    let reply =
        world.configure("default", &[(ConfirmationFlow, Some("true")), (PollingTime, Some("00:01:30"))]);
    let Ok(Reply::Tenant(made)) = reply else { panic!("{reply:?}") };
    assert_eq!(world.reader.tenant(&made.id).unwrap(), Some(made.clone()));
    assert_eq!((made.flag(ConfirmationFlow), made.seconds(PollingTime)), (true, Some(90)));
    assert_eq!(made.number(MaintenanceWindowPollCount), Some(3), "nobody has set it");
    assert_eq!(&*made.settings[&PollingTime].trail.by, "ann");
    let bad =
        |setting: Setting, value: &str| CallError::BadSetting { setting: setting.key(), value: value.into() };
    let long = "x".repeat(513);
    let table: &[(Setting, &str)] = &[
        (ConfirmationFlow, "yes"),
        (PollingTime, "90"),
        (PollingTime, "00:60:00"),
        (MaintenanceWindowPollCount, "-1"),
        (HeaderAuthority, &long),
    ];
    for (setting, value) in table {
        let settings = [(PollingTime, Some("00:02:00")), (*setting, Some(*value))];
        let settings = if *setting == PollingTime { &settings[1..] } else { &settings[..] };
        assert_eq!(world.configure("default", settings), Err(bad(*setting, value)));
    }
    let twice = [(ConfirmationFlow, Some("true")), (ConfirmationFlow, None)];
    assert_eq!(world.configure("default", &twice), Err(CallError::Twice(ConfirmationFlow.key().into())));
    assert_eq!(world.configure("nobody", &[]), Err(CallError::NoSuchTenant(tenant("nobody"))));
    assert_eq!(world.reader.tenant(&made.id).unwrap(), Some(made), "{:?} changed nothing", flag("no"));
    let Ok(Reply::Tenant(made)) = world.configure("default", &[(ConfirmationFlow, None)]) else { panic!() };
    assert_eq!((made.flag(ConfirmationFlow), made.settings.len()), (false, 1));
}

#[test]
fn a_password_goes_with_its_operator_and_outlives_the_token() {
    let world = World::new();
    let name = || -> Box<str> { "eve".into() };
    let set = |hash: Option<&str>| world.call(Call::SetPassword { name: name(), hash: hash.map(Into::into) });
    assert_eq!(set(Some("$phc")), Err(CallError::NoSuchOperator(name())));
    let add = || Call::AddOperator { name: name(), tenant: None, role: Role::Observer };
    world.call(add()).unwrap();
    set(Some("$phc")).unwrap();
    world.call(Call::RenewOperator { name: name() }).unwrap();
    assert_eq!(world.reader.operator_hash("eve").unwrap().as_deref(), Some("$phc"));
    set(None).unwrap();
    assert_eq!(world.reader.operator_hash("eve").unwrap(), None);
    set(Some("$phc")).unwrap();
    world.call(Call::RemoveOperator { name: name() }).unwrap();
    world.call(add()).unwrap();
    assert_eq!(world.reader.operator_hash("eve").unwrap(), None, "another operator of that name starts anew");
}
