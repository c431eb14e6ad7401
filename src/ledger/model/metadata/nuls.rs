//! Finds the keys and strings that contain U+0000.

use serde_json::Value;

use super::escape_pointer;

/// The search ends after so many places: an answer reports no more.
const MAX_NULS: usize = 20;

/// Of a longer key only the beginning is told.
const MAX_STEP_BYTES: usize = 128;

/// JSON pointers (RFC 6901) to the first places.
pub(super) fn find(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look_in(value, &mut Vec::new(), &mut found);
    found
}

/// A step of a JSON pointer.
#[derive(Clone, Copy)]
enum Step<'v> {
    Key(&'v str),
    Index(usize),
}

/// Only the pointers to what is found are written out: with a long key above, pointers to all members would take much memory.
fn look_in<'v>(value: &'v Value, path: &mut Vec<Step<'v>>, found: &mut Vec<String>) {
    let is_nul = |text: &str| text.contains('\0');
    let mut look = |step: Step<'v>, inside: Option<&'v Value>| {
        if found.len() == MAX_NULS {
            return;
        }
        path.push(step);
        match inside {
            Some(inside) => look_in(inside, path, found),
            None => found.push(pointer(path)),
        }
        path.pop();
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                look(Step::Index(index), Some(item));
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                look(Step::Key(key), Some(member).filter(|_| !is_nul(key)));
            }
        }
        Value::String(text) if is_nul(text) => found.push(pointer(path)),
        _ => {}
    }
}

fn pointer(path: &[Step]) -> String {
    let mut pointer = String::new();
    for step in path {
        match step {
            Step::Key(key) => pointer.extend(["/", &escape_pointer(shortened(key))]),
            Step::Index(index) => pointer.extend(["/", &index.to_string()]),
        }
    }
    pointer
}

/// A key may be as long as the body, and stand in every pointer of an answer.
fn shortened(key: &str) -> &str {
    &key[..key.floor_char_boundary(MAX_STEP_BYTES)]
}
