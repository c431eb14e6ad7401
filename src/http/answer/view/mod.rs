//! Every body as a named struct: the server writes them, the CLI reads them, and the OpenAPI document describes them.

mod operate;
mod problem;
mod reference;
mod transactions;

pub use operate::{Failover, Health, Live, Node, Pool, Ready, Status};
pub use problem::{Extras, Problem};
pub use reference::ErrorCode;
pub use transactions::{Created, List, Meta, Stats, StatsMeta};

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// The schema of a text that is one of these.
fn one_of(words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build()
}

/// The same schema, or null.
fn or_null(mut text: Object) -> Object {
    text.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    if let Some(words) = &mut text.enum_values {
        words.push(serde_json::Value::Null);
    }
    text
}
