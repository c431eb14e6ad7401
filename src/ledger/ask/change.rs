//! A change of status: the body of PATCH, and the version that it may change.

use uuid::Uuid;

use super::caller::Caller;
use super::draft::{BodyError, Fields, rules};
use crate::ledger::model::json;
use crate::ledger::model::status::{Status, UnknownStatus};
use crate::ledger::model::write::ETag;

const MAX_REASON_BYTES: usize = 500;

/// What the stored version must be for the change to be made: `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// `*`: any version, if the transition is allowed from its status.
    Any,
    Exactly(ETag),
    /// A well-formed tag that this service never gave out: it matches nothing.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one strong entity tag, or *")]
pub struct InvalidIfMatch;

impl Expected {
    /// One strong entity tag, or `*` (RFC 9110, sections 8.8.3 and 13.1.1). A list would allow more than one version, and a weak tag does
    /// not name one exactly.
    pub fn parse(if_match: &str) -> Result<Expected, InvalidIfMatch> {
        if if_match == "*" {
            return Ok(Expected::Any);
        }
        let tag = if_match
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let tag = tag.filter(|tag| tag.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x7e)));
        let tag = tag.ok_or(InvalidIfMatch)?;
        Ok(tag.parse().map_or(Expected::Nothing, Expected::Exactly))
    }
}

/// A request to change a status, good for any number of attempts.
///
/// `write_id` is made here, before the first attempt, and stored with the change: an attempt that finds it in the history knows that an
/// earlier attempt of this very request committed, and the change cannot be made twice.
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

/// An empty reason is allowed, and kept as it is.
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
    fn if_match_is_one_strong_tag_or_a_star() {
        assert_eq!(Expected::parse("*"), Ok(Expected::Any));
        let ours = ETag {
            version: 2,
            identity: "5f2c9a".into(),
        };
        assert_eq!(Expected::parse("\"2-5f2c9a\""), Ok(Expected::Exactly(ours)));
        for unknown in ["\"\"", "\"x\"", "\"02-5f2c9a\"", "\"a,b\"", "\"*\""] {
            assert_eq!(Expected::parse(unknown), Ok(Expected::Nothing), "{unknown}");
        }
        for invalid in [
            "",
            "\"",
            "2-5f2c9a",
            "\"2-5f2c9a",
            "W/\"2-5f2c9a\"",
            "\"2-5f2c9a\", \"3-5f2c9a\"",
            "\"2-5f2c9a\",",
            "*, *",
            "\"a b\"",
            "\"\u{e9}\"",
        ] {
            assert_eq!(Expected::parse(invalid), Err(InvalidIfMatch), "{invalid}");
        }
    }

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
