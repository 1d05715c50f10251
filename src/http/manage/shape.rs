//! What answers look like: objects whose members come in the order in which they are put, without those that have no
//! value. hawkBit's objects share half of their members, and none of ours is read back.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use crate::domain::catalog::Trail;
use crate::domain::ids::Time;

/// A JSON object on its way to a client.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shape(Vec<(String, Part)>);

/// The value of a member.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A text, a number, yes or no, or a list of them. Null is left out.
    Plain(Value),
    /// An object.
    One(Shape),
    /// A list of objects.
    Many(Vec<Shape>),
}

impl Shape {
    /// An object without members.
    pub fn new() -> Self {
        Shape::default()
    }

    /// Puts a member behind the others; one without a value is left out.
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Part>) -> Self {
        match value.into() {
            Part::Plain(Value::Null) => {}
            value => self.0.push((key.into(), value)),
        }
        self
    }

    /// Puts a list of objects.
    pub fn list(mut self, key: &str, shapes: Vec<Shape>) -> Self {
        self.0.push((key.into(), Part::Many(shapes)));
        self
    }

    /// Puts a moment, in milliseconds since 1970.
    pub fn moment(self, key: &str, value: Option<Time>) -> Self {
        self.put(key, value.map(|Time(ms)| ms))
    }

    /// Puts who made it and who changed it, when.
    pub fn trail(self, trail: &Trail) -> Self {
        self.put("createdBy", &*trail.by)
            .moment("createdAt", Some(trail.created))
            .put("lastModifiedBy", &*trail.changed_by)
            .moment("lastModifiedAt", Some(trail.changed))
    }

    /// Puts the links.
    pub fn links(self, links: Links) -> Self {
        self.put("_links", links.shape)
    }
}

/// A page of a list.
pub fn page(content: Vec<Shape>, total: usize) -> Shape {
    let size = content.len();
    Shape::new().list("content", content).put("total", total).put("size", size)
}

/// Links by relation, each `{"href": ...}`; `self` is the first.
#[derive(Debug, Clone)]
pub struct Links {
    base: String,
    path: String,
    shape: Shape,
}

impl Links {
    /// With the link of the thing itself; `base` is what every link begins with.
    pub fn new(base: String, path: &str) -> Self {
        let links = Links { base, path: path.to_owned(), shape: Shape::new() };
        links.to("self", path)
    }

    /// A link to any path below the base.
    pub fn to(mut self, relation: &str, path: &str) -> Self {
        let href = Shape::new().put("href", format!("{}{path}", self.base));
        self.shape = self.shape.put(relation, href);
        self
    }

    /// A link to something that people know by a name.
    pub fn named(mut self, relation: &str, path: &str, name: &str) -> Self {
        let href = Shape::new().put("href", format!("{}{path}", self.base)).put("name", name);
        self.shape = self.shape.put(relation, href);
        self
    }

    /// A link to what is below the thing itself.
    pub fn below(self, relation: &str, tail: &str) -> Self {
        let path = format!("{}/{tail}", self.path);
        self.to(relation, &path)
    }
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Part::Plain(value) => value.serialize(serializer),
            Part::One(shape) => shape.serialize(serializer),
            Part::Many(shapes) => shapes.serialize(serializer),
        }
    }
}

impl<T: Into<Value>> From<T> for Part {
    fn from(value: T) -> Self {
        Part::Plain(value.into())
    }
}

impl From<Shape> for Part {
    fn from(shape: Shape) -> Self {
        Part::One(shape)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn members_keep_their_order_and_those_without_a_value_are_left_out() {
        let links = Links::new("http://h/rest/v1/".into(), "targets/a").below("actions", "actions");
        let inner = Shape::new().put("z", 1).put("a", Value::Null);
        let shape = Shape::new()
            .put("name", Some("b"))
            .put("about", None::<&str>)
            .moment("at", Some(Time(5)))
            .put("inner", inner.clone())
            .list("list", vec![inner])
            .trail(&Trail::new("admin", Time(7)))
            .links(links);
        let expected = concat!(
            r#"{"name":"b","at":5,"inner":{"z":1},"list":[{"z":1}],"createdBy":"admin","createdAt":7,"#,
            r#""lastModifiedBy":"admin","lastModifiedAt":7,"_links":{"self":{"href":"http://h/rest/v1/targets/a"},"#,
            r#""actions":{"href":"http://h/rest/v1/targets/a/actions"}}}"#
        );
        assert_eq!(serde_json::to_string(&shape).unwrap(), expected);
    }
}
