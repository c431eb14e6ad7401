//! Headers that several answers have.

use crate::http::reference::openapi::description::{Header, Shape};

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

const ETAG: &str = "\"1-1e2b44\"";
pub(super) const TOKEN: &str = "AZn2onwefTqbbz8MWh4rRAAAAAEBmfaifB59Opu";

pub const ENTITY_TAG: &[Header] = &[Header {
    name: "ETag",
    description: "The version and the write that made it: opaque, for `If-Match` and `If-None-Match`.",
    shape: Shape::Pattern(r#"^"[0-9]+-[0-9a-f]{6}"$"#),
    example: ETAG,
    always: true,
}];

pub const REPLAYED: &[Header] = &[Header {
    name: "Idempotent-Replayed",
    description: "Whether this tells of what an earlier request stored, and the request itself changed nothing.",
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

const SERVED_BY_REGION: Header = Header {
    name: "X-Served-By-Region",
    description: "The region of that node, where the settings name one.",
    shape: Shape::Text,
    example: "eu-west-1",
    always: false,
};

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
        description: "`replicated`: on the primary and on a standby, so it survives the loss of either. `local`: on the primary alone. Where \
                      another region must have it (`durability.require`): `replicated; regions=\"eu,us\"`, those that are known to.",
        shape: Shape::Pattern(r#"^(local|replicated(; regions="[^"]+")?)$"#),
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
    SERVED_BY_REGION,
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
    SERVED_BY_REGION,
];

pub const NEXT_PAGE: &[Header] = &[Header {
    name: "Link",
    description: "The next page, where there is one (RFC 8288).",
    shape: Shape::Text,
    example: "</transactions?limit=25&order=desc&cursor=AZn2onweesN0cm9uZw>; rel=\"next\"",
    always: false,
}];
