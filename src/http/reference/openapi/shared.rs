//! Parameters, headers and refusals that several operations have.

mod headers;

pub use headers::{ENTITY_TAG, EVERY_ANSWER, LOCATION, NEXT_PAGE, READ, REPLAYED, WRITTEN};

use super::description::{Parameter, Place, Shape};
use crate::dispatch::{MAX_DEADLINE_MS, MAX_STALENESS_MS};
use crate::http::answer::codes::{self, Kind};
use headers::TOKEN;

pub const EVERY_REQUEST: &[Parameter] = &[
    Parameter {
        name: "X-Request-Id",
        place: Place::Header,
        required: false,
        description: "An id of the client's own choice: 1 to 64 letters, digits, `.`, `_` and `-`. Any other is replaced.",
        shape: Shape::Text,
        example: "order-17-attempt-1",
    },
    Parameter {
        name: "traceparent",
        place: Place::Header,
        required: false,
        description: "The trace that the request belongs to (W3C Trace Context); one that is malformed counts as none.",
        shape: Shape::Text,
        example: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
];

pub const IDEMPOTENCY_KEY: &[Parameter] = &[
    IDEMPOTENCY_KEY_PARAMETER,
    Parameter {
        name: "X-Idempotency-Key",
        description: "Another name of `Idempotency-Key`.",
        ..IDEMPOTENCY_KEY_PARAMETER
    },
];
pub const IDEMPOTENCY_KEY_PARAMETER: Parameter = Parameter {
    name: "Idempotency-Key",
    place: Place::Header,
    required: false,
    description: "Makes the request repeatable: made once, kept, and sent again with the identical request. Belongs to what it created \
                  for ever. In quotes or bare; `X-Idempotency-Key` is the same.",
    shape: Shape::Pattern(r#"^("[A-Za-z0-9._:\-]{1,255}"|[A-Za-z0-9._:\-]{1,255})$"#),
    example: "8e03978e-40d5-43e8-bc93-6894a57f9324",
};

pub const CONSISTENCY: &[Parameter] = &[
    Parameter {
        name: "X-Read-Consistency",
        place: Place::Header,
        required: false,
        description: "`eventual` (default): from the nearest replica, perhaps a moment late. `strong`: the state as of now, from the primary.",
        shape: Shape::OneOf(&["eventual", "strong"]),
        example: "strong",
    },
    Parameter {
        name: "X-Consistency-Token",
        place: Place::Header,
        required: false,
        description: "Tokens of earlier writes, up to 8, separated by commas: the answer shows at least those writes, or fails.",
        shape: Shape::Text,
        example: TOKEN,
    },
];

/// For reads; writes have [`DEADLINE`] alone.
pub const BOUNDS: &[Parameter] = &[
    Parameter {
        name: "X-Max-Staleness-Ms",
        place: Place::Header,
        required: false,
        description: "The answer shows a state that is at most so old, or fails. What a replica has is known by probes: bounds below their \
                      interval lead to the primary as a rule.",
        shape: Shape::Number {
            min: 1,
            max: Some(MAX_STALENESS_MS),
        },
        example: "2000",
    },
    DEADLINE_PARAMETER,
];
pub const DEADLINE: &[Parameter] = &[DEADLINE_PARAMETER];
const DEADLINE_PARAMETER: Parameter = Parameter {
    name: "X-Deadline-Ms",
    place: Place::Header,
    required: false,
    description: "How long the client waits for the answer: a write instead of `database.write_deadline_ms`, a read at most. What cannot be \
                  done in time is not begun.",
    shape: Shape::Number {
        min: 1,
        max: Some(MAX_DEADLINE_MS),
    },
    example: "5000",
};

pub const ID: &[Parameter] = &[Parameter {
    name: "id",
    place: Place::Path,
    required: true,
    description: "Of the transaction.",
    shape: Shape::Uuid,
    example: "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44",
}];

pub const PAGE: &[Parameter] = &[
    Parameter {
        name: "limit",
        place: Place::Query,
        required: false,
        description: "Rows of a page. Default 25.",
        shape: Shape::Number {
            min: 1,
            max: Some(100),
        },
        example: "25",
    },
    Parameter {
        name: "cursor",
        place: Place::Query,
        required: false,
        description: "`next_cursor` of the page before, with the same filters and order.",
        shape: Shape::Text,
        example: "AZn2onweesN0cm9uZw",
    },
];

/// For a resource without query parameters.
pub const NO_QUERY: &[&Kind] = &[&codes::UNKNOWN_PARAMETER];
pub const QUERY: &[&Kind] = &[
    &codes::INVALID_PARAMETER,
    &codes::UNKNOWN_PARAMETER,
    &codes::INVALID_CURSOR,
];
pub const BODY: &[&Kind] = &[
    &codes::MALFORMED_JSON,
    &codes::VALIDATION_FAILED,
    &codes::UNKNOWN_FIELD,
    &codes::PAYLOAD_TOO_LARGE,
    &codes::UNSUPPORTED_MEDIA_TYPE,
];
pub const KEY: &[&Kind] = &[
    &codes::IDEMPOTENCY_KEY_MISSING,
    &codes::INVALID_IDEMPOTENCY_KEY,
];
/// Problems with the handle that makes a write repeatable.
pub const HANDLE: &[&Kind] = &[
    &codes::ANCHOR_TRANSACTION_CONFLICT,
    &codes::IDEMPOTENCY_REQUEST_IN_PROGRESS,
    &codes::IDEMPOTENCY_KEY_REUSED,
];
pub const ONE: &[&Kind] = &[&codes::INVALID_ID, &codes::TRANSACTION_NOT_FOUND];
pub const WRITE: &[&Kind] = &[
    &codes::INVALID_PARAMETER,
    &codes::INTERNAL_ERROR,
    &codes::PRIMARY_UNAVAILABLE,
    &codes::OUTCOME_UNKNOWN,
    &codes::OVERLOADED,
    &codes::DURABILITY_UNAVAILABLE,
    &codes::SPLIT_BRAIN,
];
pub const READS: &[&Kind] = &[
    &codes::INVALID_PARAMETER,
    &codes::INVALID_CONSISTENCY_TOKEN,
    &codes::CONSISTENCY_TOKEN_UNKNOWN,
    &codes::INTERNAL_ERROR,
    &codes::READ_UNAVAILABLE,
    &codes::CONSISTENCY_UNAVAILABLE,
    &codes::OVERLOADED,
];
