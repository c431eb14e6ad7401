//! Reads the members of one JSON object, and reports what is wrong with them.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::{MAX_VIOLATIONS, Violation, escape_pointer};

/// The member is there, but cannot be used, and that has been reported.
pub struct Reported;

pub struct Fields<'v, 'r> {
    object: &'v Map<String, Value>,
    at: &'r str,
    violations: &'r mut Vec<Violation>,
    read: Vec<&'static str>,
    all_valid: bool,
}

impl<'v, 'r> Fields<'v, 'r> {
    /// None if `value` is not an object, which is reported.
    pub fn open(value: &'v Value, at: &'r str, violations: &'r mut Vec<Violation>) -> Option<Self> {
        let Value::Object(object) = value else {
            report(violations, at.to_owned(), "type", "must be an object");
            return None;
        };
        Some(Fields {
            object,
            at,
            violations,
            read: Vec::new(),
            all_valid: true,
        })
    }

    pub fn all_valid(&self) -> bool {
        self.all_valid
    }

    /// None: the member is absent, or null.
    pub fn value(&mut self, name: &'static str) -> Option<&'v Value> {
        self.read.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A string without U+0000, which PostgreSQL cannot store.
    pub fn checked_text(&mut self, name: &'static str) -> Result<Option<&'v str>, Reported> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => {
                self.reject::<()>(name, "nul_character", "U+0000 is not allowed");
                Err(Reported)
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => {
                self.reject::<()>(name, "type", "must be a JSON string");
                Err(Reported)
            }
        }
    }

    /// None: absent, or reported.
    pub fn text(&mut self, name: &'static str) -> Option<&'v str> {
        self.checked_text(name).unwrap_or(None)
    }

    /// None: the member is absent or cannot be used, which is reported.
    pub fn required_text(&mut self, name: &'static str) -> Option<&'v str> {
        match self.checked_text(name) {
            Ok(None) => self.reject(name, "required", "is required"),
            Ok(text) => text,
            Err(Reported) => None,
        }
    }

    /// Always None, so that the function that reads a field can end with it.
    pub fn reject<T>(&mut self, name: &str, code: &'static str, detail: impl Display) -> Option<T> {
        self.reject_at(&format!("/{}", escape_pointer(name)), code, detail);
        None
    }

    /// `pointer` is relative to this object.
    pub fn reject_at(&mut self, pointer: &str, code: &'static str, detail: impl Display) {
        self.all_valid = false;
        report(
            self.violations,
            format!("{}{pointer}", self.at),
            code,
            detail,
        );
    }

    /// Reports the members that nobody has read: a misspelt optional field must not be lost in silence.
    pub fn reject_unread(&mut self) {
        let object = self.object;
        for name in object.keys() {
            if !self.read.contains(&name.as_str()) {
                self.reject::<()>(name, "unknown_field", "there is no such field");
            }
        }
    }
}

/// Of a longer pointer only the beginning is told.
const MAX_POINTER_BYTES: usize = 1024;

fn report(
    violations: &mut Vec<Violation>,
    pointer: String,
    code: &'static str,
    detail: impl Display,
) {
    if violations.len() < MAX_VIOLATIONS {
        // The name of an unknown field may be as long as the body.
        let told = pointer.floor_char_boundary(MAX_POINTER_BYTES);
        let told = match &pointer[..told] {
            // Not between the two characters of an escape.
            cut if told < pointer.len() => cut.trim_end_matches('~'),
            whole => whole,
        };
        violations.push(Violation {
            pointer: told.to_owned(),
            code,
            detail: detail.to_string(),
        });
    }
}
