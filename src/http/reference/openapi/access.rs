//! What the URL table says that a request needs, and what that adds to the description of its operation.

use utoipa::openapi::security::{
    Http, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use super::description::{Header, Operation, Parameter, Place, Shape};
use crate::http::answer::codes::{self, Kind};
use crate::http::{Need, TABLE};

pub const SCHEME: &str = "key";

pub fn scheme() -> SecurityScheme {
    let key: Http = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("syn_…")
        .description(Some(
            "The key of a client, which has scopes. Where no clients are configured, none is needed: then the service is open, on \
             loopback alone.",
        ))
        .build();
    SecurityScheme::Http(key)
}

/// What the URL table says. A test finds an operation that is not in it.
pub fn need_of(operation: &Operation) -> Need {
    let row = TABLE
        .iter()
        .find(|row| (row.path, row.method.as_str()) == (operation.path, operation.method));
    row.map_or(Need::Nothing, |row| row.need)
}

pub fn requirement(need: Need) -> Option<SecurityRequirement> {
    match need {
        Need::Key(scope) => Some(SecurityRequirement::new(SCHEME, [scope.name()])),
        Need::Probe | Need::Nothing | Need::Signature => None,
    }
}

/// Problems of every operation with this need. `draining`: from an instance that is stopping, on HTTP/2. 404: where operators have a
/// listener of their own, some operations are served only there, and all others only on the clients' one.
pub fn problems(need: Need) -> &'static [&'static Kind] {
    match need {
        Need::Probe => &[],
        Need::Nothing | Need::Signature => {
            &[&codes::NOT_FOUND, &codes::RATE_LIMITED, &codes::DRAINING]
        }
        Need::Key(_) => &[
            &codes::INVALID_PARAMETER,
            &codes::UNAUTHORIZED,
            &codes::FORBIDDEN,
            &codes::NOT_FOUND,
            &codes::RATE_LIMITED,
            &codes::DRAINING,
        ],
    }
}

pub fn headers(need: Need) -> &'static [Header] {
    match need {
        Need::Probe => &[],
        Need::Nothing | Need::Signature | Need::Key(_) => RATE,
    }
}

pub fn parameters(need: Need) -> &'static [Parameter] {
    match need {
        Need::Key(_) => OWNER,
        Need::Probe | Need::Nothing | Need::Signature => &[],
    }
}

const RATE: &[Header] = &[
    Header {
        name: "RateLimit-Policy",
        description: "By what requests are limited, where they are: so many (`q`) in so many seconds (`w`).",
        shape: Shape::Text,
        example: "\"client\";q=20;w=2",
        always: false,
    },
    Header {
        name: "RateLimit",
        description: "How many are left (`r`), and in how many seconds (`t`) there is another.",
        shape: Shape::Text,
        example: "\"client\";r=19;t=1",
        always: false,
    },
];

const OWNER: &[Parameter] = &[Parameter {
    name: "X-Owner",
    place: Place::Header,
    required: false,
    description: "With the scope `admin`: whose transactions the request is about, if not the client's own.",
    shape: Shape::Pattern("^[A-Za-z0-9._-]{1,64}$"),
    example: "shop",
}];
