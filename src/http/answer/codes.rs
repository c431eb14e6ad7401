//! Every error code.

use actix_web::http::StatusCode;

/// One error code: `GET /errors` lists them, docs/api.md says what a client does with them.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    pub retryable: bool,
    /// Whether the request may have taken effect.
    pub outcome: &'static str,
}

impl Kind {
    pub fn type_uri(&self) -> String {
        format!("/problems/{}", self.code.replace('_', "-"))
    }
}

/// True for the word `retryable`, false for none. With any other word the table does not compile.
macro_rules! is_retryable {
    () => {
        false
    };
    (retryable) => {
        true
    };
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal $([$retryable:ident])? $(outcome $outcome:literal)?;)*) => {
        $(pub const $name: Kind = Kind {
            code: $code,
            status: $status,
            title: $title,
            retryable: is_retryable!($($retryable)?),
            outcome: { let _outcome = "not_applied"; $(let _outcome = $outcome;)? _outcome },
        };)*
        /// Every code, as `GET /errors` lists them.
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    MALFORMED_JSON = 400 "malformed_json" "The body is not JSON";
    VALIDATION_FAILED = 400 "validation_failed" "Request is not valid";
    UNKNOWN_FIELD = 400 "unknown_field" "The body has an unknown field";
    INVALID_PARAMETER = 400 "invalid_parameter" "A parameter is not valid";
    UNKNOWN_PARAMETER = 400 "unknown_parameter" "Unknown query parameter";
    INVALID_CURSOR = 400 "invalid_cursor" "The cursor is damaged or belongs to another search";
    INVALID_ID = 400 "invalid_id" "The id is not a UUID";
    INVALID_IF_MATCH = 400 "invalid_if_match" "If-Match must be one strong entity tag or *";
    INVALID_CONSISTENCY_TOKEN = 400 "invalid_consistency_token" "The consistency token or level is not valid";
    IDEMPOTENCY_KEY_MISSING = 400 "idempotency_key_missing" "A create needs an Idempotency-Key or an anchor_transaction_id";
    INVALID_IDEMPOTENCY_KEY = 400 "invalid_idempotency_key" "The idempotency key is not valid";
    DUPLICATE_IN_BATCH = 400 "duplicate_in_batch" "An anchor_transaction_id occurs twice in the batch";
    UNAUTHORIZED = 401 "unauthorized" "Authentication is required";
    INVALID_SIGNATURE = 401 "invalid_signature" "The signature is not valid";
    SIGNATURE_TIMESTAMP_OUT_OF_RANGE = 401 "signature_timestamp_out_of_range" "The signed time is too far from now";
    FORBIDDEN = 403 "forbidden" "Not allowed";
    NOT_FOUND = 404 "not_found" "No such resource";
    TRANSACTION_NOT_FOUND = 404 "transaction_not_found" "No such transaction";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "The method is not allowed here";
    ANCHOR_TRANSACTION_CONFLICT = 409 "anchor_transaction_conflict" "The anchor_transaction_id is known already";
    INVALID_STATUS_TRANSITION = 409 "invalid_status_transition" "The status cannot change like this";
    CONSISTENCY_TOKEN_UNKNOWN = 409 "consistency_token_unknown" "The write named by the token is lost";
    IDEMPOTENCY_REQUEST_IN_PROGRESS = 409 "idempotency_request_in_progress" "A request with this key is still in progress" [retryable];
    PRECONDITION_FAILED = 412 "precondition_failed" "The transaction has changed";
    PAYLOAD_TOO_LARGE = 413 "payload_too_large" "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body must be application/json";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The key was used for another request";
    PRECONDITION_REQUIRED = 428 "precondition_required" "If-Match is required";
    RATE_LIMITED = 429 "rate_limited" "Too many requests" [retryable];
    INTERNAL_ERROR = 500 "internal_error" "Internal error" outcome "unknown";
    PRIMARY_UNAVAILABLE = 503 "primary_unavailable" "No primary database is available" [retryable];
    OUTCOME_UNKNOWN = 503 "outcome_unknown" "The outcome is not known yet" [retryable] outcome "unknown";
    READ_UNAVAILABLE = 503 "read_unavailable" "No database is available for reads" [retryable];
    CONSISTENCY_UNAVAILABLE = 503 "consistency_unavailable" "No database can answer this consistently now" [retryable];
    OVERLOADED = 503 "overloaded" "More requests than can be served" [retryable];
    DRAINING = 503 "draining" "This instance is shutting down" [retryable];
    DURABILITY_UNAVAILABLE = 503 "durability_unavailable" "The write would not be replicated" [retryable];
    SPLIT_BRAIN = 503 "split_brain" "Two primary databases claim to be the one" [retryable];
    CALLBACK_NOT_CONFIGURED = 503 "callback_not_configured" "No callback secret is configured" [retryable];
}

impl Kind {
    pub fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
