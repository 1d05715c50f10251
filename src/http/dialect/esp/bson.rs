//! A BSON document walked as it arrives (bsonspec.org, 1.1): only what stands at its top, nothing kept but short texts.
//!
//! A declared length is believed as far as the one around it goes, and what is nested is passed over unread. So depth
//! costs nothing, and a document of gigabytes takes the memory of one piece of the body.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;

use crate::http::error::ApiError;
use crate::http::request;

/// The longest name of an element that is read; ours have at most seven characters.
const NAME_MAX: usize = 128;
/// The longest pattern or option of a regular expression, which is passed over like all that is not asked for.
const PATTERN_MAX: usize = 4096;
/// The longest text that is read: a version has 128 bytes at most.
const TEXT_MAX: u64 = 256;
/// The smallest document: its length and its end.
const EMPTY: u64 = 5;

/// Why a document cannot be read to its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BsonError {
    /// It is no BSON, or lies about a length.
    #[error("the body is no BSON: {0}")]
    Malformed(&'static str),
    /// It says that it is larger than what is taken.
    #[error("the document is larger than what is taken")]
    TooLarge,
    /// The body does not arrive.
    #[error(transparent)]
    Body(ApiError),
}

/// An element at the top of the document.
#[derive(Debug, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// A value, as far as it is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    /// A short text.
    Text(String),
    /// So many bytes; [`Walker::bytes`] hands them out.
    Binary(u64),
    /// Anything else; it was passed over.
    Other,
}

/// The walk through one document.
#[derive(Debug)]
pub struct Walker {
    body: Body,
    /// What has arrived and is not taken yet.
    ahead: Bytes,
    /// The bytes of the document that are not taken yet, its end among them.
    left: u64,
    /// The bytes of the binary under way that are not taken yet.
    binary: u64,
}

impl Walker {
    /// Begins with a body of at most `max` bytes.
    ///
    /// # Errors
    /// [`BsonError`] when the body says that it has another length than the document does, or one that is not taken.
    pub async fn open(headers: &HeaderMap, body: Body, max: u64) -> Result<Walker, BsonError> {
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > max) {
            return Err(BsonError::TooLarge);
        }
        let mut walker = Walker { body, ahead: Bytes::new(), left: 4, binary: 0 };
        let declared = u64::from(u32::from_le_bytes(walker.array().await?));
        match declared {
            _ if announced.is_some_and(|length| length != declared) => {
                Err(BsonError::Malformed("it does not have the length that it declares"))
            }
            ..EMPTY => Err(BsonError::Malformed("it declares less than an empty document has")),
            _ if declared > max => Err(BsonError::TooLarge),
            _ => {
                walker.left = declared - 4;
                Ok(walker)
            }
        }
    }

    /// The next element; none at the end of the document, which is the end of the body too.
    ///
    /// # Errors
    /// [`BsonError`]; the walk is over then.
    pub async fn next(&mut self) -> Result<Option<Element>, BsonError> {
        self.pass(self.binary).await?;
        self.binary = 0;
        let [tag] = self.array().await?;
        if tag == 0 {
            return self.end().await.map(|()| None);
        }
        let name = self.cstring(NAME_MAX).await?;
        let name =
            String::from_utf8(name).map_err(|_| BsonError::Malformed("the name of an element is no text"))?;
        let value = self.value(tag).await?;
        Ok(Some(Element { name, value }))
    }

    /// The next bytes of the binary that [`Walker::next`] named; none at its end.
    ///
    /// # Errors
    /// [`BsonError`]; the walk is over then.
    pub async fn bytes(&mut self) -> Result<Option<Bytes>, BsonError> {
        if self.binary == 0 {
            return Ok(None);
        }
        let piece = self.piece(self.binary).await?;
        self.binary -= piece.len() as u64;
        Ok(Some(piece))
    }

    async fn value(&mut self, tag: u8) -> Result<Value, BsonError> {
        let fixed = match tag {
            0x02 => return self.text().await,
            0x05 => return self.begin_binary().await,
            0x06 | 0x0a | 0x7f | 0xff => 0,
            0x08 => 1,
            0x10 => 4,
            0x01 | 0x09 | 0x11 | 0x12 => 8,
            0x07 => 12,
            0x13 => 16,
            0x03 | 0x04 | 0x0f => self.length(EMPTY, 4).await?,
            0x0d | 0x0e => self.length(1, 0).await?,
            0x0c => self.length(1, 0).await? + 12,
            0x0b => {
                self.cstring(PATTERN_MAX).await?;
                self.cstring(PATTERN_MAX).await?;
                0
            }
            _ => return Err(BsonError::Malformed("an element has a type that there is not")),
        };
        self.pass(fixed).await?;
        Ok(Value::Other)
    }

    async fn text(&mut self) -> Result<Value, BsonError> {
        let length = self.length(1, 0).await?;
        if length > TEXT_MAX + 1 {
            self.pass(length).await?;
            return Ok(Value::Other);
        }
        let mut text = self.take(length).await?;
        if text.pop() != Some(0) {
            return Err(BsonError::Malformed("a text does not end where it says"));
        }
        let text = String::from_utf8(text).map_err(|_| BsonError::Malformed("a text is not UTF-8"))?;
        Ok(Value::Text(text))
    }

    /// Subtype 2, the old one, has its length a second time inside.
    async fn begin_binary(&mut self) -> Result<Value, BsonError> {
        let mut length = u64::from(u32::from_le_bytes(self.array().await?));
        match self.array().await? {
            [0] => {}
            [2] => {
                let inner = u64::from(u32::from_le_bytes(self.array().await?));
                if Some(inner) != length.checked_sub(4) {
                    return Err(BsonError::Malformed("an old binary has two lengths that do not agree"));
                }
                length = inner;
            }
            [_] => {
                self.check(length)?;
                self.pass(length).await?;
                return Ok(Value::Other);
            }
        }
        self.check(length)?;
        self.binary = length;
        Ok(Value::Binary(length))
    }

    /// A length field that counts at least `least` bytes, `counted` of them its own; what is left of them.
    async fn length(&mut self, least: u64, counted: u64) -> Result<u64, BsonError> {
        let length = u64::from(u32::from_le_bytes(self.array().await?));
        if length < least {
            return Err(BsonError::Malformed("an element is shorter than its type allows"));
        }
        self.check(length - counted)?;
        Ok(length - counted)
    }

    /// Behind everything stands the end of the document.
    fn check(&self, length: u64) -> Result<(), BsonError> {
        let fits = length < self.left;
        fits.then_some(()).ok_or(BsonError::Malformed("an element is longer than the document"))
    }

    async fn cstring(&mut self, max: usize) -> Result<Vec<u8>, BsonError> {
        let mut text = Vec::new();
        loop {
            match self.array().await? {
                [0] => return Ok(text),
                [_] if text.len() == max => return Err(BsonError::Malformed("a name is too long")),
                [byte] => text.push(byte),
            }
        }
    }

    async fn array<const N: usize>(&mut self) -> Result<[u8; N], BsonError> {
        let bytes = self.take(N as u64).await?;
        Ok(bytes.try_into().expect("as many bytes were taken as asked for"))
    }

    /// So many bytes, which are few: nothing that a length field says comes here unbounded.
    async fn take(&mut self, count: u64) -> Result<Vec<u8>, BsonError> {
        let mut taken = Vec::new();
        while (taken.len() as u64) < count {
            let piece = self.piece(count - taken.len() as u64).await?;
            taken.extend_from_slice(&piece);
        }
        Ok(taken)
    }

    async fn pass(&mut self, mut count: u64) -> Result<(), BsonError> {
        while count > 0 {
            count -= self.piece(count).await?.len() as u64;
        }
        Ok(())
    }

    /// Some of the next bytes, at most so many and at least one.
    async fn piece(&mut self, most: u64) -> Result<Bytes, BsonError> {
        if most > self.left {
            return Err(BsonError::Malformed("an element is longer than the document"));
        }
        while self.ahead.is_empty() {
            let more = request::next(&mut self.body).await.map_err(BsonError::Body)?;
            self.ahead = more.ok_or(BsonError::Malformed("it ends too early"))?;
        }
        let count = usize::try_from(most).map_or(self.ahead.len(), |most| most.min(self.ahead.len()));
        self.left -= count as u64;
        Ok(self.ahead.split_to(count))
    }

    async fn end(&mut self) -> Result<(), BsonError> {
        if self.left != 0 {
            return Err(BsonError::Malformed("it ends before the length that it declares"));
        }
        while self.ahead.is_empty() {
            match request::next(&mut self.body).await.map_err(BsonError::Body)? {
                None => return Ok(()),
                Some(more) => self.ahead = more,
            }
        }
        Err(BsonError::Malformed("it goes on behind its end"))
    }
}

#[cfg(test)]
#[path = "bson_tests.rs"]
mod tests;
