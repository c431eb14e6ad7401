use super::*;
use crate::ledger::model::status::Status;
use crate::ledger::model::write::Write;

#[test]
fn every_error_of_the_ledger_has_its_code() {
    use ledger::Error as E;
    let table: [(E, &codes::Kind); 10] = [
        (
            E::KeyReused {
                transaction_ids: vec![],
            },
            &codes::IDEMPOTENCY_KEY_REUSED,
        ),
        (
            E::AnchorConflict {
                existing_id: uuid::Uuid::nil(),
                conflicting_fields: vec![],
            },
            &codes::ANCHOR_TRANSACTION_CONFLICT,
        ),
        (
            E::KnownInBatch {
                index: 3,
                existing_id: uuid::Uuid::nil(),
            },
            &codes::ANCHOR_TRANSACTION_CONFLICT,
        ),
        (E::NotFound, &codes::TRANSACTION_NOT_FOUND),
        (
            E::VersionMismatch {
                current: Write {
                    version: 3,
                    id: uuid::Uuid::nil(),
                },
                lasting: true,
            },
            &codes::PRECONDITION_FAILED,
        ),
        (
            E::InvalidTransition {
                from: Status::Completed,
                to: Status::Failed,
                lasting: true,
            },
            &codes::INVALID_STATUS_TRANSITION,
        ),
        (E::TokenNotVisible, &codes::CONSISTENCY_TOKEN_UNKNOWN),
        (E::Behind, &codes::CONSISTENCY_UNAVAILABLE),
        (E::HistoryLost, &codes::CONSISTENCY_TOKEN_UNKNOWN),
        (E::LostRace, &codes::OVERLOADED),
    ];
    for (error, kind) in table {
        assert_eq!(Problem::from(error).kind, kind);
    }
}

#[test]
fn every_error_of_the_dispatch_has_its_code() {
    use dispatch::Error as E;
    let absent = E::Absent {
        error: ledger::Error::NotFound,
        origin: dispatch::Origin {
            role: crate::db::role::DbRole::Replica,
            region: None,
            lag_ms: Some(7),
        },
        consistency: "eventual",
    };
    let table: [(E, &codes::Kind); 14] = [
        (
            E::Ledger(ledger::Error::NotFound),
            &codes::TRANSACTION_NOT_FOUND,
        ),
        (absent, &codes::TRANSACTION_NOT_FOUND),
        (E::Overloaded, &codes::OVERLOADED),
        (E::NoRoom, &codes::OVERLOADED),
        (E::TooSlow, &codes::OVERLOADED),
        (E::PrimaryUnavailable, &codes::PRIMARY_UNAVAILABLE),
        (E::OutcomeUnknown, &codes::OUTCOME_UNKNOWN),
        (E::InProgress, &codes::IDEMPOTENCY_REQUEST_IN_PROGRESS),
        (E::ReadUnavailable, &codes::READ_UNAVAILABLE),
        (E::ConsistencyUnavailable, &codes::CONSISTENCY_UNAVAILABLE),
        (E::DurabilityUnavailable, &codes::DURABILITY_UNAVAILABLE),
        (E::SplitBrain, &codes::SPLIT_BRAIN),
        (E::Internal("a bug".into()), &codes::INTERNAL_ERROR),
        (
            E::Ledger(ledger::Error::TokenNotVisible),
            &codes::CONSISTENCY_TOKEN_UNKNOWN,
        ),
    ];
    for (error, kind) in table {
        assert_eq!(Problem::from(error).kind, kind);
    }
}
