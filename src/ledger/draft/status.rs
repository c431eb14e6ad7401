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
