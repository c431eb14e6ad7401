//! What holds of every parser of clients' bytes, for any bytes at all. Fuzzing looks for bytes that break it (fuzz/), and
//! tests/parsers asks for those that matter.
//!
//! A property takes bytes and panics where it is broken. It asks more than that the parser answers: what is accepted comes back when it
//! is written again, the same thing said in another way is the same, and a second reader, which is here as plain as can be, agrees.

mod bodies;
mod headers;
mod queries;
mod values;

pub type Property = fn(&[u8]);

pub use bodies::{batch, change, create, fingerprint, json};
pub use headers::{if_match, key, signatures, tokens};
pub use queries::{cursor, date, export, history, search};
pub use values::{amount, memo, metadata, strkey};

/// By the names of the fuzz targets.
pub const ALL: [(&str, Property); 18] = [
    ("amount", amount),
    ("batch", batch),
    ("change", change),
    ("create", create),
    ("cursor", cursor),
    ("date", date),
    ("export", export),
    ("fingerprint", fingerprint),
    ("history", history),
    ("if_match", if_match),
    ("json", json),
    ("key", key),
    ("memo", memo),
    ("metadata", metadata),
    ("search", search),
    ("signatures", signatures),
    ("strkey", strkey),
    ("tokens", tokens),
];

/// A header or a query string is text before anybody looks at it.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// One character of it is another one. None: nothing has changed.
fn damaged(text: &str, at: u8, with: u8) -> Option<String> {
    let at = usize::from(at) % text.len();
    let damaged = [&text[..at], &char::from(with).to_string(), &text[at + 1..]].concat();
    (damaged != text).then_some(damaged)
}
