//! A change of status: what PATCH asks for, and of which version.

use uuid::Uuid;

use super::caller::Caller;
use super::draft::{BodyError, Fields, rules};
use super::json;
use crate::ledger::model::status::{Status, UnknownStatus};
use crate::ledger::model::write::ETag;

const MAX_REASON_BYTES: usize = 500;

/// What the stored version must be for the change to be made: `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// `*`: whatever it is, if the transition is allowed from there.
    Any,
    Exactly(ETag),
    /// A well-formed tag that this service never gave out: it matches nothing.
    Nothing,
}

/// A request to change a status, good for any number of attempts.
///
/// `write_id` is made here, before the first attempt, and stored with the change: whoever finds it in the history knows that an earlier
/// attempt of this very request committed, and no attempt can be made twice.
#[derive(Debug, Clone)]
pub struct Change {
    pub transaction_id: Uuid,
    pub expected: Expected,
    pub to: StatusChange,
    pub caller: Caller,
    pub write_id: Uuid,
}

impl Change {
    pub fn new(
        transaction_id: Uuid,
        expected: Expected,
        to: StatusChange,
        caller: Caller,
    ) -> Change {
        Change {
            transaction_id,
            expected,
            to,
            caller,
            write_id: Uuid::now_v7(),
        }
    }
}

/// The body of PATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    pub status: Status,
    pub status_reason: Option<String>,
}

impl StatusChange {
    pub fn parse(body: &[u8]) -> Result<StatusChange, BodyError> {
        let value = json::parse(body)?;
        let mut violations = Vec::new();
        let change = Fields::open(&value, "", &mut violations).and_then(read);
        change.ok_or(BodyError::Invalid(violations))
    }
}

fn read(mut fields: Fields) -> Option<StatusChange> {
    let status = status(&mut fields);
    let status_reason = status_reason(&mut fields);
    fields.reject_unread();
    let status = status.filter(|_| fields.all_valid())?;
    Some(StatusChange {
        status,
        status_reason,
    })
}

fn status(fields: &mut Fields) -> Option<Status> {
    let text = fields.required_text("status")?;
    match text.parse() {
        Ok(status) => Some(status),
        Err(UnknownStatus) => fields.reject("status", "enum", UnknownStatus),
    }
}

/// An empty reason is kept as it is: it says no less than a word would, and harms nothing.
fn status_reason(fields: &mut Fields) -> Option<String> {
    let text = fields.text("status_reason")?;
    if text.len() > MAX_REASON_BYTES {
        fields.reject::<()>("status_reason", "length", "must be at most 500 bytes");
    }
    if rules::has_control_character(text) {
        let detail = "control characters are not allowed";
        fields.reject::<()>("status_reason", "control_character", detail);
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_change_is_read() {
        let change = StatusChange::parse(br#"{"status":"processing","status_reason":"picked up"}"#)
            .expect("valid");
        assert_eq!(change.status, Status::Processing);
        assert_eq!(change.status_reason.as_deref(), Some("picked up"));
        let change =
            StatusChange::parse(br#"{"status":"failed","status_reason":null}"#).expect("valid");
        assert_eq!(change.status_reason, None);
        assert!(StatusChange::parse(br#"{"status":"failed","status_reason":""}"#).is_ok());
    }

    #[test]
    fn a_bad_status_change_tells_every_violation() {
        let long = format!("\u{85}{}", "x".repeat(500));
        let cases = [
            (json!([]), vec![("", "type")]),
            (json!({}), vec![("/status", "required")]),
            (json!({"status": 1}), vec![("/status", "type")]),
            (
                json!({"status": "Pending", "id": 1}),
                vec![("/status", "enum"), ("/id", "unknown_field")],
            ),
            (
                json!({"status": "failed", "status_reason": long}),
                vec![
                    ("/status_reason", "length"),
                    ("/status_reason", "control_character"),
                ],
            ),
            (
                json!({"status": "failed", "status_reason": "\0"}),
                vec![("/status_reason", "nul_character")],
            ),
        ];
        for (body, expected) in cases {
            let Err(BodyError::Invalid(found)) = StatusChange::parse(body.to_string().as_bytes())
            else {
                panic!("{body} was accepted");
            };
            let found: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.code)).collect();
            assert_eq!(found, expected, "{body}");
        }
        assert!(matches!(
            StatusChange::parse(b"{"),
            Err(BodyError::Malformed(_))
        ));
    }
}
