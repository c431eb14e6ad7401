//! Parameters, headers and refusals that several operations have.

use super::description::{Header, Parameter, Place, Shape};
use crate::http::answer::codes::{self, Kind};

pub const EVERY_ANSWER: &[Header] = &[
    Header {
        name: "X-Request-Id",
        description: "The id of this request: the client's, where it is a proper one.",
        shape: Shape::Pattern("^[A-Za-z0-9._-]{1,64}$"),
        example: "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b45",
        always: true,
    },
    Header {
        name: "Cache-Control",
        description: "Nothing may be kept.",
        shape: Shape::OneOf(&["no-store"]),
        example: "no-store",
        always: true,
    },
    Header {
        name: "traceresponse",
        description: "Where `traceparent` was sent: the span of this request in that trace.",
        shape: Shape::Pattern("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"),
        example: "00-4bf92f3577b34da6a3ce929d0e0e4736-53995c3f42cd8ad8-01",
        always: false,
    },
];

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

const ETAG: &str = "\"1-1e2b44\"";
const TOKEN: &str = "AZn2onwefTqbbz8MWh4rRAAAAAEBmfaifB59Opu";

pub const ENTITY_TAG: &[Header] = &[Header {
    name: "ETag",
    description: "The version and the write that made it: opaque, for `If-Match` and `If-None-Match`.",
    shape: Shape::Pattern(r#"^"[0-9]+-[0-9a-f]{6}"$"#),
    example: ETAG,
    always: true,
}];

pub const REPLAYED: &[Header] = &[Header {
    name: "Idempotent-Replayed",
    description: "Whether this tells of what an earlier request stored.",
    shape: Shape::OneOf(&["true", "false"]),
    example: "false",
    always: true,
}];

pub const LOCATION: &[Header] = &[Header {
    name: "Location",
    description: "Where the transaction is read.",
    shape: Shape::Pattern("^/transactions/[0-9a-f-]{36}$"),
    example: "/transactions/0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44",
    always: true,
}];

pub const WRITTEN: &[Header] = &[
    Header {
        name: "X-Consistency-Token",
        description: "Names this write, for reads that must show it.",
        shape: Shape::Text,
        example: TOKEN,
        always: true,
    },
    Header {
        name: "X-Durability",
        description: "`replicated`: on the primary and on a standby, so it survives the loss of either. `local`: on the primary alone.",
        shape: Shape::OneOf(&["replicated", "local"]),
        example: "replicated",
        always: true,
    },
    Header {
        name: "X-Read-Consistency",
        description: "A write shows the state as of now.",
        shape: Shape::OneOf(&["strong"]),
        example: "strong",
        always: true,
    },
    Header {
        name: "X-Served-By",
        description: "A write is the primary's.",
        shape: Shape::OneOf(&["primary"]),
        example: "primary",
        always: true,
    },
];

pub const READ: &[Header] = &[
    Header {
        name: "X-Read-Consistency",
        description: "`session`: at least the writes of the tokens that were sent.",
        shape: Shape::OneOf(&["eventual", "session", "strong"]),
        example: "eventual",
        always: true,
    },
    Header {
        name: "X-Served-By",
        description: "Which kind of node answered.",
        shape: Shape::OneOf(&["primary", "replica"]),
        example: "replica",
        always: true,
    },
    Header {
        name: "X-Replica-Lag-Ms",
        description: "From a replica: how late it is, where that is known.",
        shape: Shape::Number { min: 0, max: None },
        example: "3",
        always: false,
    },
];

pub const NEXT_PAGE: &[Header] = &[Header {
    name: "Link",
    description: "The next page, where there is one (RFC 8288).",
    shape: Shape::Text,
    example: "</transactions?limit=25&order=desc&cursor=AZn2onweesN0cm9uZw>; rel=\"next\"",
    always: false,
}];

/// Of a resource without parameters.
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
    &codes::ANCHOR_TRANSACTION_CONFLICT,
    &codes::IDEMPOTENCY_REQUEST_IN_PROGRESS,
    &codes::IDEMPOTENCY_KEY_REUSED,
];
pub const ONE: &[&Kind] = &[&codes::INVALID_ID, &codes::TRANSACTION_NOT_FOUND];
pub const WRITE: &[&Kind] = &[
    &codes::INTERNAL_ERROR,
    &codes::PRIMARY_UNAVAILABLE,
    &codes::OUTCOME_UNKNOWN,
    &codes::OVERLOADED,
    &codes::DURABILITY_UNAVAILABLE,
    &codes::SPLIT_BRAIN,
];
pub const READS: &[&Kind] = &[
    &codes::INVALID_CONSISTENCY_TOKEN,
    &codes::CONSISTENCY_TOKEN_UNKNOWN,
    &codes::INTERNAL_ERROR,
    &codes::READ_UNAVAILABLE,
    &codes::CONSISTENCY_UNAVAILABLE,
    &codes::OVERLOADED,
];
