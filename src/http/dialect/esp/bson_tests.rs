//! The walker against the `bson` crate, byte by byte and piece by piece.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use hyper::body::Frame;
use proptest::prelude::*;

use super::*;

/// A body that comes in these pieces.
struct Pieces(VecDeque<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// What a walk brought: names with texts, or with the bytes of binaries.
type Walked = Vec<(String, Option<Vec<u8>>)>;

fn walk(bytes: &[u8], piece: usize, max: u64) -> Result<Walked, BsonError> {
    let pieces = bytes.chunks(piece).map(Bytes::copy_from_slice).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut walker = Walker::open(&HeaderMap::new(), Body::new(Pieces(pieces)), max).await?;
        let mut walked = Vec::new();
        while let Some(Element { name, value }) = walker.next().await? {
            let found = match value {
                Value::Text(text) => Some(text.into_bytes()),
                Value::Other => None,
                Value::Binary(length) => {
                    let mut all = Vec::new();
                    while let Some(bytes) = walker.bytes().await? {
                        all.extend_from_slice(&bytes);
                    }
                    assert_eq!(all.len() as u64, length);
                    Some(all)
                }
            };
            walked.push((name, found));
        }
        Ok(walked)
    })
}

fn written(document: &Document) -> Vec<u8> {
    document.to_vec().unwrap()
}

/// What the walker has to find in a document that the crate has written.
fn expected(document: &Document) -> Walked {
    let found = |value: &Bson| match value {
        Bson::String(text) if text.len() as u64 <= TEXT_MAX => Some(text.clone().into_bytes()),
        Bson::Binary(Binary { subtype: BinarySubtype::Generic | BinarySubtype::BinaryOld, bytes }) => {
            Some(bytes.clone())
        }
        _ => None,
    };
    document.iter().map(|(name, value)| (name.clone(), found(value))).collect()
}

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype, bytes: bytes.to_vec() })
}

#[test]
fn every_type_is_read_or_passed_over() {
    let document = doc! {
        "version": "1.2.3",
        "long": "x".repeat(300),
        "user1": binary(BinarySubtype::Generic, &[7; 1000]),
        "user2": binary(BinarySubtype::BinaryOld, b"old"),
        "none": binary(BinarySubtype::Generic, b""),
        "uuid": binary(BinarySubtype::Uuid, &[1; 16]),
        "deep": {"a": {"b": [1, {"c": Bson::Null}]}},
        "list": [1, "two", 3.0],
        "numbers": 1.5, "i": 1_i32, "l": 2_i64, "yes": true, "nothing": Bson::Null,
        "undefined": Bson::Undefined, "least": Bson::MinKey, "most": Bson::MaxKey,
        "id": bson::oid::ObjectId::from_bytes([9; 12]),
        "at": bson::DateTime::from_millis(1_430_135_590_467),
        "stamp": Bson::Timestamp(bson::Timestamp { time: 1, increment: 2 }),
        "code": Bson::JavaScriptCode("f()".into()), "symbol": Bson::Symbol("s".into()),
        "scope": Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
            code: "g()".into(), scope: doc! {"x": 1},
        }),
    };
    let bytes = written(&document);
    for piece in [1, 2, 3, 7, 64, bytes.len()] {
        assert_eq!(walk(&bytes, piece, 1 << 20), Ok(expected(&document)), "in pieces of {piece}");
    }
    assert_eq!(walk(&written(&doc! {}), 5, 5), Ok(vec![]));
}

#[test]
fn lies_are_named() {
    use BsonError::{Malformed, TooLarge};
    let own = written(&doc! {"user1": binary(BinarySubtype::Generic, b"0123456789")});
    let with = |at: usize, byte: u8| {
        let mut bytes = own.clone();
        bytes[at] = byte;
        bytes
    };
    let longer = [own.clone(), vec![0]].concat();
    let table: &[(&[u8], BsonError)] = &[
        (b"", Malformed("it ends too early")),
        (b"\x05\x00\x00", Malformed("it ends too early")),
        (b"\x04\x00\x00\x00", Malformed("it declares less than an empty document has")),
        (b"\xff\xff\xff\xff\x00", TooLarge),
        (&own[..20], Malformed("it ends too early")),
        (&longer, Malformed("it goes on behind its end")),
        (&with(0, 30), Malformed("it ends before the length that it declares")),
        (&with(0, 26), Malformed("an element is longer than the document")),
        // The binary's own length, over and under what there is.
        (&with(11, 11), Malformed("an element is longer than the document")),
        (&with(14, 0x7f), Malformed("an element is longer than the document")),
        (&with(11, 9), Malformed("an element has a type that there is not")),
        (&with(4, 0x42), Malformed("an element has a type that there is not")),
        (&with(5, 0xff), Malformed("the name of an element is no text")),
        (&with(15, 2), Malformed("an old binary has two lengths that do not agree")),
        // A nested document that is shorter than any, and one that is longer than what is around it.
        (
            b"\x0d\x00\x00\x00\x03a\x00\x04\x00\x00\x00\x00\x00",
            Malformed("an element is shorter than its type allows"),
        ),
        (
            b"\x0d\x00\x00\x00\x03a\x00\x09\x00\x00\x00\x00\x00",
            Malformed("an element is longer than the document"),
        ),
        (b"\x0e\x00\x00\x00\x02a\x00\x02\x00\x00\x00xx\x00", Malformed("a text does not end where it says")),
        (b"\x0e\x00\x00\x00\x02a\x00\x02\x00\x00\x00\xff\x00\x00", Malformed("a text is not UTF-8")),
        (
            b"\x0c\x00\x00\x00\x02a\x00\x00\x00\x00\x00\x00",
            Malformed("an element is shorter than its type allows"),
        ),
    ];
    for (bytes, error) in table {
        assert_eq!(walk(bytes, 3, 1 << 20).as_ref(), Err(error), "{bytes:02x?}");
    }
    let endless = [&300_u32.to_le_bytes()[..], b"\x0a", &[b'n'; 295]].concat();
    assert_eq!(walk(&endless, 64, 1 << 20), Err(Malformed("a name is too long")));
}

#[test]
fn depth_costs_nothing() {
    // As deep as a megabyte goes: eight bytes for each level.
    let levels: u32 = 131_072;
    let mut bytes = Vec::new();
    for level in 0..levels {
        bytes.extend_from_slice(&((levels - level) * 8 + 5).to_le_bytes());
        bytes.extend_from_slice(b"\x03a\x00");
    }
    bytes.extend_from_slice(&5_u32.to_le_bytes());
    bytes.extend(std::iter::repeat_n(0, levels as usize + 1));
    assert_eq!(walk(&bytes, 4096, 1 << 22), Ok(vec![("a".into(), None)]));
}

proptest! {
    #[test]
    fn what_the_crate_writes_is_walked_in_any_pieces(
        texts in proptest::collection::btree_map("[a-z]{1,8}", "\\PC{0,40}", 0..4),
        user1 in proptest::collection::vec(any::<u8>(), 0..500),
        number in any::<i64>(),
        piece in 1_usize..70,
    ) {
        let mut document: Document = texts.into_iter().map(|(name, text)| (name, Bson::String(text))).collect();
        document.insert("USER1", binary(BinarySubtype::Generic, &user1));
        document.insert("N", number);
        prop_assert_eq!(walk(&written(&document), piece, 1 << 20), Ok(expected(&document)));
    }

    #[test]
    fn no_bytes_are_walked_beyond_what_they_declare(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        piece in 1_usize..70,
    ) {
        // Whatever comes, it ends; and what ends well is what the document says it is long.
        if walk(&bytes, piece, 1 << 20).is_ok() {
            let declared = u32::from_le_bytes(bytes[..4].try_into().unwrap());
            prop_assert_eq!(declared as usize, bytes.len());
        }
    }

    #[test]
    fn a_changed_byte_is_an_error_or_another_document(at in 0_usize..60, to in any::<u8>()) {
        let document = doc! {"version": "1.0.0", "type": "patch", "user1": binary(BinarySubtype::Generic, b"0123456789")};
        let mut bytes = written(&document);
        let at = at % bytes.len();
        bytes[at] = to;
        let walked = walk(&bytes, 7, 1 << 20);
        if let Ok(crate_reads) = Document::from_reader(bytes.as_slice()) {
            // What the crate can read, the walker reads alike; the crate cares more for what is passed over.
            prop_assert_eq!(walked, Ok(expected(&crate_reads)));
        }
    }
}
