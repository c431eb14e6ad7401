//! The status of a transaction, and the request to change it.

use std::fmt;
use std::str::FromStr;

use super::fields::Fields;
use super::{BodyError, rules};
use crate::ledger::json;

const MAX_REASON_BYTES: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Processing,
    Completed,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of pending, processing, completed, failed")]
pub struct UnknownStatus;

impl Status {
    pub const ALL: [Status; 4] = [
        Status::Pending,
        Status::Processing,
        Status::Completed,
        Status::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Processing => "processing",
            Status::Completed => "completed",
            Status::Failed => "failed",
        }
    }

    pub fn allowed_next(self) -> &'static [Status] {
        match self {
            Status::Pending => &[Status::Processing, Status::Completed, Status::Failed],
            Status::Processing => &[Status::Completed, Status::Failed],
            Status::Completed => &[],
            Status::Failed => &[Status::Pending],
        }
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Status, UnknownStatus> {
        let known = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text);
        known.ok_or(UnknownStatus)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.as_str())
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

    #[test]
    fn the_transitions_are_those_of_the_contract() {
        let allowed: Vec<String> = Status::ALL
            .into_iter()
            .flat_map(|from| {
                from.allowed_next()
                    .iter()
                    .map(move |to| format!("{from}>{to}"))
            })
            .collect();
        let expected = [
            "pending>processing",
            "pending>completed",
            "pending>failed",
            "processing>completed",
            "processing>failed",
            "failed>pending",
        ];
        assert_eq!(allowed, expected);
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(json!(status), json!(status.as_str()));
        }
        assert_eq!("PENDING".parse::<Status>(), Err(UnknownStatus));
    }
}
