//! What the errors of the ledger and of `dispatch` mean to a client.

use super::codes;
use super::headers::etag;
use super::headers::read_headers;
use super::problem::Problem;
use super::view::Extras;
use crate::dispatch::{self, Bound};
use crate::ledger;
use crate::ledger::ask::batch::BatchError;
use crate::ledger::ask::draft::{BodyError, MAX_VIOLATIONS, Violation};
use crate::ledger::ask::query::QueryError;
use crate::ledger::model::status::Status;
use actix_web::http::header;
use std::time::Duration;

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        match error {
            BodyError::Malformed(detail) => Problem::new(&codes::MALFORMED_JSON, detail),
            BodyError::Invalid(violations) => invalid(violations),
        }
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Problem {
        match error {
            BatchError::Body(error) => error.into(),
            BatchError::Duplicates(violations) => {
                let kind = &codes::DUPLICATE_IN_BATCH;
                Problem::new(kind, kind.title).with(Extras {
                    errors: Some(violations),
                    ..Extras::default()
                })
            }
        }
    }
}

fn invalid(violations: Vec<Violation>) -> Problem {
    let only_unknown = violations
        .iter()
        .all(|violation| violation.code == codes::UNKNOWN_FIELD.code);
    let kind = if only_unknown {
        &codes::UNKNOWN_FIELD
    } else {
        &codes::VALIDATION_FAILED
    };
    let detail = match violations.len() {
        1 => "1 field is not valid".to_owned(),
        MAX_VIOLATIONS => format!("{MAX_VIOLATIONS} fields or more are not valid"),
        n => format!("{n} fields are not valid"),
    };
    Problem::new(kind, detail).with(Extras {
        errors: Some(violations),
        ..Extras::default()
    })
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        match error {
            QueryError::UnknownParameter(name) => Problem::new(
                &codes::UNKNOWN_PARAMETER,
                format!("{name} is not a parameter"),
            ),
            QueryError::InvalidParameter { name, detail } => {
                Problem::new(&codes::INVALID_PARAMETER, format!("{name}: {detail}"))
            }
            QueryError::InvalidCursor(error) => {
                Problem::new(&codes::INVALID_CURSOR, error.to_string())
            }
        }
    }
}

fn below_round_trip(bound: Bound, rtt: Duration) -> Problem {
    let (name, to) = match bound {
        Bound::Deadline => ("X-Deadline-Ms", "the nearest database that could answer"),
        Bound::Staleness => ("X-Max-Staleness-Ms", "the primary"),
    };
    let ms = rtt.as_secs_f64() * 1e3;
    let detail = format!("{name}: less than the round trip to {to}, which takes {ms:.1} ms");
    Problem::new(&codes::INVALID_PARAMETER, detail)
}

impl From<dispatch::Error> for Problem {
    fn from(error: dispatch::Error) -> Problem {
        use dispatch::Error as E;
        let (kind, detail) = match error {
            E::Ledger(error) => return error.into(),
            E::Absent {
                error,
                origin,
                consistency,
            } => {
                let headers = read_headers(&origin, consistency);
                return headers.fold(error.into(), |problem: Problem, (name, value)| {
                    problem.with_header(name, value)
                });
            }
            E::Internal(cause) => return Problem::internal(cause),
            E::BelowRoundTrip { bound, rtt } => return below_round_trip(bound, rtt),
            E::Overloaded => (
                &codes::OVERLOADED,
                "more work is waiting than can be done in time; nothing was applied",
            ),
            E::NoRoom => (
                &codes::OVERLOADED,
                "the database has no disk or memory for it; nothing was applied",
            ),
            E::TooSlow => (
                &codes::OVERLOADED,
                "the query took too long and was cancelled: ask for less",
            ),
            E::PrimaryUnavailable => (
                &codes::PRIMARY_UNAVAILABLE,
                "no primary could be reached in time; nothing was applied",
            ),
            E::OutcomeUnknown => (
                &codes::OUTCOME_UNKNOWN,
                "the write may have been applied: repeat the same request to learn its outcome",
            ),
            E::InProgress => (
                &codes::IDEMPOTENCY_REQUEST_IN_PROGRESS,
                "another request holds the key, or the table is locked: it has not finished yet",
            ),
            E::ReadUnavailable => (&codes::READ_UNAVAILABLE, "no database answers"),
            E::ConsistencyUnavailable => (
                &codes::CONSISTENCY_UNAVAILABLE,
                "no database that could answer consistently is available",
            ),
            E::DurabilityUnavailable => (
                &codes::DURABILITY_UNAVAILABLE,
                "no standby would confirm this write; nothing was applied",
            ),
            E::SplitBrain => (
                &codes::SPLIT_BRAIN,
                "writes are refused until one of two primaries is gone",
            ),
        };
        Problem::new(kind, detail)
    }
}

fn forbidden(from: Status, to: Status) -> Problem {
    let detail = format!("a transaction that is {from} cannot become {to}");
    Problem::new(&codes::INVALID_STATUS_TRANSITION, detail).with(Extras {
        from: Some(from),
        to: Some(to),
        allowed: Some(from.allowed_next().to_vec()),
        ..Extras::default()
    })
}

impl From<ledger::Error> for Problem {
    fn from(error: ledger::Error) -> Problem {
        use ledger::Error as E;
        match error {
            E::KeyReused { transaction_ids } => {
                let detail = "the idempotency key was used for another request: use a new key";
                Problem::new(&codes::IDEMPOTENCY_KEY_REUSED, detail).with(Extras {
                    transaction_ids: Some(transaction_ids),
                    ..Extras::default()
                })
            }
            E::AnchorConflict {
                existing_id,
                conflicting_fields,
            } => Problem::new(
                &codes::ANCHOR_TRANSACTION_CONFLICT,
                "a transaction with this anchor_transaction_id has other fields",
            )
            .with(Extras {
                existing_id: Some(existing_id),
                conflicting_fields: Some(conflicting_fields),
                ..Extras::default()
            }),
            E::KnownInBatch { index, existing_id } => Problem::new(
                &codes::ANCHOR_TRANSACTION_CONFLICT,
                format!("the anchor_transaction_id of item {index} is known already"),
            )
            .with(Extras {
                index: Some(index),
                existing_id: Some(existing_id),
                ..Extras::default()
            }),
            E::NotFound => Problem::new(
                &codes::TRANSACTION_NOT_FOUND,
                "there is no transaction with this id",
            ),
            E::VersionMismatch { current, .. } => Problem::new(
                &codes::PRECONDITION_FAILED,
                format!("the transaction is at version {}", current.version),
            )
            .with_header(header::ETAG, etag(current)),
            E::InvalidTransition { from, to, .. } => forbidden(from, to),
            E::TokenNotVisible => Problem::new(
                &codes::CONSISTENCY_TOKEN_UNKNOWN,
                "the primary does not know a write that a token names: it was lost in a failover",
            ),
            E::Behind => Problem::new(
                &codes::CONSISTENCY_UNAVAILABLE,
                "no database shows all that was read before",
            ),
            E::HistoryLost => Problem::new(
                &codes::CONSISTENCY_TOKEN_UNKNOWN,
                "what was read before was lost in a failover",
            ),
            E::LostRace => Problem::new(
                &codes::OVERLOADED,
                "too many requests compete for the same transaction",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
