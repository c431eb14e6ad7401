//! What the errors of the other rooms mean to a client.

use super::problem::{self, Problem, etag};
use crate::dispatch;
use crate::ledger;
use crate::ledger::ask::batch::BatchError;
use crate::ledger::ask::draft::{BodyError, Violation};
use crate::ledger::ask::query::QueryError;
use actix_web::http::header;
use serde_json::json;

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        match error {
            BodyError::Malformed(detail) => Problem::new(&problem::MALFORMED_JSON, detail),
            BodyError::Invalid(violations) => invalid(&violations),
        }
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Problem {
        match error {
            BatchError::Body(error) => error.into(),
            BatchError::Duplicates(violations) => {
                let kind = &problem::DUPLICATE_IN_BATCH;
                Problem::new(kind, kind.title).with("errors", json!(violations))
            }
        }
    }
}

fn invalid(violations: &[Violation]) -> Problem {
    let only_unknown = violations
        .iter()
        .all(|violation| violation.code == problem::UNKNOWN_FIELD.code);
    let kind = if only_unknown {
        &problem::UNKNOWN_FIELD
    } else {
        &problem::VALIDATION_FAILED
    };
    let detail = match violations.len() {
        1 => "1 field is not valid".to_owned(),
        n => format!("{n} fields are not valid"),
    };
    Problem::new(kind, detail).with("errors", json!(violations))
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        match error {
            QueryError::UnknownParameter(name) => Problem::new(
                &problem::UNKNOWN_PARAMETER,
                format!("{name} is not a parameter"),
            ),
            QueryError::InvalidParameter { name, detail } => {
                Problem::new(&problem::INVALID_PARAMETER, format!("{name}: {detail}"))
            }
            QueryError::InvalidCursor(error) => {
                Problem::new(&problem::INVALID_CURSOR, error.to_string())
            }
        }
    }
}

impl From<dispatch::Error> for Problem {
    fn from(error: dispatch::Error) -> Problem {
        use dispatch::Error as E;
        let (kind, detail) = match error {
            E::Ledger(error) => return error.into(),
            E::SaidByReplica { error, lag_ms } => {
                return Problem::from(error).said_by_replica(lag_ms);
            }
            E::Internal(cause) => return Problem::internal(cause),
            E::Overloaded => (
                &problem::OVERLOADED,
                "more work is waiting than can be done in time; nothing was applied",
            ),
            E::TooSlow => (
                &problem::OVERLOADED,
                "the query took too long and was cancelled: ask for less",
            ),
            E::PrimaryUnavailable => (
                &problem::PRIMARY_UNAVAILABLE,
                "no primary was found within the write deadline; nothing was applied",
            ),
            E::OutcomeUnknown => (
                &problem::OUTCOME_UNKNOWN,
                "the write may have been applied: repeat the same request to learn its outcome",
            ),
            E::InProgress => (
                &problem::IDEMPOTENCY_REQUEST_IN_PROGRESS,
                "another request holds the key, or the table is locked: it has not finished yet",
            ),
            E::ReadUnavailable => (&problem::READ_UNAVAILABLE, "no database answers"),
            E::ConsistencyUnavailable => (
                &problem::CONSISTENCY_UNAVAILABLE,
                "no database that could answer consistently is available",
            ),
            E::DurabilityUnavailable => (
                &problem::DURABILITY_UNAVAILABLE,
                "no standby would confirm this write; nothing was applied",
            ),
            E::SplitBrain => (
                &problem::SPLIT_BRAIN,
                "writes are refused until one of two primaries is gone",
            ),
        };
        Problem::new(kind, detail)
    }
}

impl From<ledger::Error> for Problem {
    fn from(error: ledger::Error) -> Problem {
        use ledger::Error as E;
        match error {
            E::KeyReused { transaction_ids } => {
                let detail = "the idempotency key was used for another request: use a new key";
                Problem::new(&problem::IDEMPOTENCY_KEY_REUSED, detail)
                    .with("transaction_ids", json!(transaction_ids))
            }
            E::AnchorConflict {
                existing_id,
                conflicting_fields,
            } => Problem::new(
                &problem::ANCHOR_TRANSACTION_CONFLICT,
                "a transaction with this anchor_transaction_id has other fields",
            )
            .with("existing_id", json!(existing_id))
            .with("conflicting_fields", json!(conflicting_fields)),
            E::KnownInBatch { index, existing_id } => Problem::new(
                &problem::ANCHOR_TRANSACTION_CONFLICT,
                format!("the anchor_transaction_id of item {index} is known already"),
            )
            .with("index", index)
            .with("existing_id", json!(existing_id)),
            E::NotFound => Problem::new(
                &problem::TRANSACTION_NOT_FOUND,
                "there is no transaction with this id",
            ),
            E::VersionMismatch { current, .. } => Problem::new(
                &problem::PRECONDITION_FAILED,
                format!("the transaction is at version {}", current.version),
            )
            .with_header(header::ETAG, etag(current)),
            E::InvalidTransition { from, to, .. } => Problem::new(
                &problem::INVALID_STATUS_TRANSITION,
                format!("a transaction that is {from} cannot become {to}"),
            )
            .with("from", from.as_str())
            .with("to", to.as_str())
            .with("allowed", json!(from.allowed_next())),
            E::TokenNotVisible => Problem::new(
                &problem::CONSISTENCY_TOKEN_UNKNOWN,
                "the primary does not know a write that a token names: it was lost in a failover",
            ),
            E::LostRace => Problem::new(
                &problem::OVERLOADED,
                "too many requests compete for the same transaction",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::model::status::Status;
    use crate::ledger::model::write::Write;

    #[test]
    fn every_error_of_the_ledger_has_its_code() {
        use ledger::Error as E;
        let table: [(E, &problem::Kind); 8] = [
            (
                E::KeyReused {
                    transaction_ids: vec![],
                },
                &problem::IDEMPOTENCY_KEY_REUSED,
            ),
            (
                E::AnchorConflict {
                    existing_id: uuid::Uuid::nil(),
                    conflicting_fields: vec![],
                },
                &problem::ANCHOR_TRANSACTION_CONFLICT,
            ),
            (
                E::KnownInBatch {
                    index: 3,
                    existing_id: uuid::Uuid::nil(),
                },
                &problem::ANCHOR_TRANSACTION_CONFLICT,
            ),
            (E::NotFound, &problem::TRANSACTION_NOT_FOUND),
            (
                E::VersionMismatch {
                    current: Write {
                        version: 3,
                        id: uuid::Uuid::nil(),
                    },
                    lasting: true,
                },
                &problem::PRECONDITION_FAILED,
            ),
            (
                E::InvalidTransition {
                    from: Status::Completed,
                    to: Status::Failed,
                    lasting: true,
                },
                &problem::INVALID_STATUS_TRANSITION,
            ),
            (E::TokenNotVisible, &problem::CONSISTENCY_TOKEN_UNKNOWN),
            (E::LostRace, &problem::OVERLOADED),
        ];
        for (error, kind) in table {
            assert_eq!(Problem::from(error).kind, kind);
        }
    }

    #[test]
    fn every_error_of_the_dispatch_has_its_code() {
        use dispatch::Error as E;
        let absent = E::SaidByReplica {
            error: ledger::Error::NotFound,
            lag_ms: Some(7),
        };
        let table: [(E, &problem::Kind); 13] = [
            (
                E::Ledger(ledger::Error::NotFound),
                &problem::TRANSACTION_NOT_FOUND,
            ),
            (absent, &problem::TRANSACTION_NOT_FOUND),
            (E::Overloaded, &problem::OVERLOADED),
            (E::TooSlow, &problem::OVERLOADED),
            (E::PrimaryUnavailable, &problem::PRIMARY_UNAVAILABLE),
            (E::OutcomeUnknown, &problem::OUTCOME_UNKNOWN),
            (E::InProgress, &problem::IDEMPOTENCY_REQUEST_IN_PROGRESS),
            (E::ReadUnavailable, &problem::READ_UNAVAILABLE),
            (E::ConsistencyUnavailable, &problem::CONSISTENCY_UNAVAILABLE),
            (E::DurabilityUnavailable, &problem::DURABILITY_UNAVAILABLE),
            (E::SplitBrain, &problem::SPLIT_BRAIN),
            (E::Internal("a bug".into()), &problem::INTERNAL_ERROR),
            (
                E::Ledger(ledger::Error::TokenNotVisible),
                &problem::CONSISTENCY_TOKEN_UNKNOWN,
            ),
        ];
        for (error, kind) in table {
            assert_eq!(Problem::from(error).kind, kind);
        }
    }
}
