//! The parts of an operation's description. Each handler's file has such a description beside the handler; `mod.rs` lists them.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, Ref, Schema, Type};
use utoipa::openapi::{ArrayBuilder, RefOr};

use crate::http::answer::codes::Kind;
use crate::http::answer::view::List;

pub struct Operation {
    pub method: &'static str,
    /// As in the URL table.
    pub path: &'static str,
    /// For generated clients: unique, and never changed.
    pub id: &'static str,
    pub tag: Tag,
    pub summary: &'static str,
    /// Markdown.
    pub description: &'static str,
    pub parameters: &'static [&'static [Parameter]],
    pub body: Option<Json>,
    pub answers: &'static [Answer],
    /// Every code that it can be refused with.
    pub problems: &'static [&'static [&'static Kind]],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Transactions,
    Operation,
    Reference,
}

impl Tag {
    pub const ALL: [Tag; 3] = [Tag::Transactions, Tag::Operation, Tag::Reference];

    pub fn name(self) -> &'static str {
        match self {
            Tag::Transactions => "Transactions",
            Tag::Operation => "Operation",
            Tag::Reference => "Reference",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Tag::Transactions => "Create, read and change transactions.",
            Tag::Operation => "Probes, status and metrics, answered from memory.",
            Tag::Reference => "What the service says of itself.",
        }
    }
}

#[derive(Clone, Copy)]
pub enum Place {
    Path,
    Query,
    Header,
}

pub struct Parameter {
    pub name: &'static str,
    pub place: Place,
    pub required: bool,
    pub description: &'static str,
    pub shape: Shape,
    pub example: &'static str,
}

/// What a text of a parameter or a header looks like.
#[derive(Clone, Copy)]
pub enum Shape {
    Text,
    Pattern(&'static str),
    OneOf(&'static [&'static str]),
    Number { min: u32, max: Option<u32> },
    Uuid,
}

pub struct Answer {
    pub status: u16,
    pub description: &'static str,
    pub content: Content,
    pub headers: &'static [&'static [Header]],
}

#[derive(Clone, Copy)]
pub struct Header {
    pub name: &'static str,
    pub description: &'static str,
    pub shape: Shape,
    pub example: &'static str,
    /// Every such answer has it.
    pub always: bool,
}

pub enum Content {
    Nothing,
    Json(Json),
    /// A text of one of these media types.
    Text(&'static [&'static str]),
}

/// A schema, and its name in the document.
pub type Named = (String, RefOr<Schema>);

/// A JSON body, described by its struct.
#[derive(Clone, Copy)]
pub struct Json {
    /// The name of the struct's schema in the document, if it has a place of its own there.
    pub name: &'static str,
    pub schema: fn(&'static str) -> RefOr<Schema>,
    /// The named schemas that it needs.
    pub components: fn(&'static str) -> Vec<Named>,
    pub example: fn() -> Value,
}

pub const fn json<T: ToSchema>(name: &'static str, example: fn() -> Value) -> Json {
    Json {
        name,
        schema: |name| Ref::from_schema_name(name).into(),
        components: components::<T>,
        example,
    }
}

pub const fn json_array<T: ToSchema>(name: &'static str, example: fn() -> Value) -> Json {
    Json {
        schema: |name| {
            let items = Ref::from_schema_name(name);
            ArrayBuilder::new().items(items).into()
        },
        ..json::<T>(name, example)
    }
}

/// A page of a list of these.
pub const fn json_list<T: ToSchema + 'static>(name: &'static str, example: fn() -> Value) -> Json {
    json_rows::<List<T>, T>(name, example)
}

/// A generic struct with rows. utoipa does not count the rows' schema among those that it needs, so it is added here.
pub const fn json_rows<T: ToSchema, Row: ToSchema>(
    name: &'static str,
    example: fn() -> Value,
) -> Json {
    Json {
        components: |name| {
            let mut schemas = components::<T>(name);
            schemas.push((Row::name().into_owned(), Row::schema()));
            Row::schemas(&mut schemas);
            schemas
        },
        ..json::<T>(name, example)
    }
}

/// Any object.
pub const fn json_object(example: fn() -> Value) -> Json {
    Json {
        name: "",
        schema: |_| Object::with_type(Type::Object).into(),
        components: |_| Vec::new(),
        example,
    }
}

fn components<T: ToSchema>(name: &'static str) -> Vec<Named> {
    let mut schemas = vec![(name.to_owned(), T::schema())];
    T::schemas(&mut schemas);
    schemas
}
