//! What an operator's tool asks of a pool of images, in words that no dialect owns: firmware types, records that come to
//! device types one by one, files that arrive before any record has them, and devices that are told to take one.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::extract::multipart::Multipart;

use crate::domain::catalog::Item;
use crate::domain::device::Device;
use crate::domain::ids::{AttributeId, DeviceId, FirmwareType, ImageId, ProductId, TenantId, Time};
use crate::domain::image::{Image, Sha256};
use crate::domain::version::Version;
use crate::engine::call::Secret;

/// Who asks, once it is proven that they may.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The operator.
    pub operator: Box<str>,
    /// The tenant that the request is about.
    pub tenant: TenantId,
}

/// Whether a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It reads.
    Read,
    /// It writes.
    Write,
}

/// A record as a client writes it. What is left out is `None`; bounds are checked.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The name.
    pub name: Option<Box<str>>,
    /// The description.
    pub description: Option<Box<str>>,
    /// The firmware type.
    pub kind: Option<FirmwareType>,
    /// The version that people read.
    pub version: Option<Version>,
    /// The number that the server has issued.
    pub number: Option<u64>,
    /// Where its file is.
    pub place: Option<FilePlace>,
    /// The words by which it is found.
    pub tags: Option<BTreeSet<Box<str>>>,
    /// Values that are kept for the client and never read.
    pub kept: BTreeMap<&'static str, Box<str>>,
    /// The device types that may have it from the start, by partner.
    pub products: BTreeMap<Box<str>, Vec<ProductId>>,
}

/// Where the file of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePlace {
    /// Nowhere yet.
    Nowhere,
    /// In this server's repository.
    Here(Sha256),
}

/// Which records a list holds.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// Of this firmware type only.
    pub kind: Option<FirmwareType>,
    /// Those that devices of this product can take.
    pub product: Option<ProductId>,
    /// Those that carry at least one of these words; all where there are none.
    pub tags: BTreeSet<Box<str>>,
}

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The record's id.
    Id,
    /// The name.
    Name,
    /// The firmware type.
    Kind,
    /// The version that people read.
    Version,
    /// The number that the server has issued.
    Number,
    /// When it was made.
    Created,
    /// When it was last changed.
    Updated,
}

/// Which part of a list is wanted, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// The page, from 0.
    pub page: usize,
    /// Rows on a page.
    pub size: usize,
    /// The field that decides the order; the id decides among equals.
    pub by: Field,
    /// Whether the order is falling.
    pub falling: bool,
}

/// What a tool asks.
#[derive(Debug)]
pub enum Ask {
    /// Every firmware type.
    Types,
    /// One firmware type.
    Type(FirmwareType),
    /// A new firmware type.
    AddType {
        /// Its number.
        kind: FirmwareType,
        /// Its name.
        name: Box<str>,
        /// Its description.
        description: Option<Box<str>>,
    },
    /// Another name for a firmware type.
    PutType {
        /// Its number.
        kind: FirmwareType,
        /// Its name.
        name: Box<str>,
        /// Its description.
        description: Option<Box<str>>,
    },
    /// A new record in the pool.
    AddRecord(Record),
    /// A page of records.
    Records(Select, Paging),
    /// Whether there is a record of this type, name and version, apart from one.
    Exists {
        /// The type.
        kind: FirmwareType,
        /// The name.
        name: Box<str>,
        /// The version; one that breaks the grammar is nobody's.
        version: Option<Version>,
        /// The record that does not count.
        except: Option<ImageId>,
    },
    /// The device types that may have a record.
    Associations(FirmwareType, u64),
    /// Another content for a record.
    PutRecord(FirmwareType, u64, Record),
    /// Every tag.
    Tags,
    /// Makes a file that was sent a part of the repository.
    Move(Sha256),
    /// Lets the devices of a product have a record of the pool.
    Associate(ProductId, Record),
    /// A record as the devices of a product may have it.
    RecordOf(ProductId, FirmwareType, u64),
    /// Takes a record from the devices of a product.
    Dissociate(ProductId, FirmwareType, u64),
    /// Brings a record to a device.
    Push {
        /// The product that both belong to.
        product: ProductId,
        /// The record.
        image: ImageId,
        /// The device.
        device: DeviceId,
    },
    /// Devices, from the start of a page.
    Devices {
        /// How many come before the page.
        skip: usize,
        /// Rows of the page.
        size: usize,
    },
    /// One device.
    Device(DeviceId),
    /// Sets an attribute of a device, as the device itself would.
    WriteAttribute(DeviceId, AttributeId, Written),
    /// Asks for an attribute of a device.
    ReadAttribute(DeviceId),
}

/// What is written into an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A version number.
    Number(u64),
    /// A value.
    Text(Box<str>),
}

/// What comes of it.
#[derive(Debug)]
pub enum Answer {
    /// Firmware types.
    Types(Vec<Item>),
    /// A firmware type was made.
    TypeAdded(Box<Item>),
    /// A record was made.
    RecordAdded(Box<Image>),
    /// A record may be taken by devices of this product from now on.
    Associated(Box<Image>, ProductId),
    /// A page of records, of so many in all, seen from a product where one was named.
    Page {
        /// The rows.
        rows: Vec<Image>,
        /// The rows of all pages.
        total: usize,
        /// What was asked for.
        paging: Paging,
        /// The product.
        product: Option<ProductId>,
    },
    /// One record as the devices of a product may have it.
    RecordOf(Box<Image>, ProductId),
    /// Whether it is so.
    Is(bool),
    /// The device types of a record, with their names.
    Associations(ImageId, Vec<(ProductId, Box<str>)>),
    /// Words.
    Tags(BTreeSet<Box<str>>),
    /// A file was kept for a while.
    Kept(Sha256),
    /// A file is in the repository.
    Moved(Sha256),
    /// Devices.
    Devices(Vec<Seen>),
    /// One device.
    Device(Box<Seen>),
    /// An attribute was written, or asked for.
    Noted,
    /// It is done.
    Done,
    /// It is on its way.
    Accepted,
}

/// A device with what is known of it elsewhere.
#[derive(Debug)]
pub struct Seen {
    /// The device.
    pub device: Device,
    /// The names of its tags, by their ids.
    pub tags: Vec<(u32, Box<str>)>,
}

/// An operator and the tenants that they may act in.
#[derive(Debug)]
pub struct Person {
    /// The operator.
    pub operator: Box<str>,
    /// Whether they may write.
    pub writes: bool,
    /// The tenants, with the moment at which each was made.
    pub tenants: Vec<(TenantId, Time)>,
}

/// A session that has begun.
#[derive(Debug)]
pub struct Session {
    /// What proves it.
    pub token: Secret,
    /// How long it lasts, in seconds.
    pub seconds: u32,
}

/// A file that a request carries: its whole body, or the first file of a form.
#[derive(Debug)]
pub enum Source {
    /// The body is the file.
    Whole(Body),
    /// The file is in a form.
    Form(Multipart),
}
