//! The operations of the dashboard, for the OpenAPI document.

use super::events::EVENT_STREAM;
use super::{CSS, HTML, JAVASCRIPT, POLICY, kill};
use crate::http::answer::codes;
use crate::http::reference::openapi::description::{
    Answer, Content, Header, Operation, Parameter, Place, Shape, Tag,
};
use crate::http::reference::openapi::shared;

const SAFE: &[Header] = &[Header {
    name: "Content-Security-Policy",
    description: "Nothing from elsewhere may run, and nothing within the page.",
    shape: Shape::OneOf(&[POLICY]),
    example: POLICY,
    always: true,
}];

pub const PAGE: Operation = Operation {
    id: "dashboard",
    summary: "The service at a glance, as a page",
    description: "Nodes, lanes, held writes, requests, latencies, failovers, and what to do. Works without scripts, is live with them, and needs nothing \
                  from elsewhere.",
    ..file("/dashboard", &[HTML_PAGE])
};
pub const STYLE: Operation = Operation {
    id: "dashboardStyle",
    summary: "The style sheet of the page",
    ..file("/dashboard/style.css", &[text(&[CSS], "CSS.")])
};
pub const SCRIPT: Operation = Operation {
    id: "dashboardScript",
    summary: "The script of the page",
    ..file(
        "/dashboard/script.js",
        &[text(&[JAVASCRIPT], "JavaScript.")],
    )
};
pub const OPERATION: Operation = Operation {
    id: "dashboardOperation",
    summary: "The manual for operators, as a page",
    description: "docs/operation.md of the repository.",
    ..file("/dashboard/operation", &[HTML_PAGE])
};
pub const EVENTS: Operation = Operation {
    id: "dashboardEvents",
    summary: "What has changed on the page, again and again",
    description: "Server-sent events: each is named after a section of the page and carries its HTML. 16 streams at a time; they end when the service \
                  begins to stop.",
    problems: &[shared::NO_QUERY, &[&codes::OVERLOADED, &codes::DRAINING]],
    ..file(
        "/dashboard/events",
        &[text(&[EVENT_STREAM], "Server-sent events.")],
    )
};
pub const KILL_PRIMARY: Operation = Operation {
    method: "POST",
    id: "dashboardKillPrimary",
    summary: "Kills the primary of the private databases",
    description: "For demonstrations: exists only where the service runs on private databases which it started itself (`embedded`); elsewhere there is no \
                  such path. Refused without the header, which no page of another site can send.",
    parameters: &[&[Parameter {
        name: kill::HEADER,
        place: Place::Header,
        required: true,
        description: "Shows that no page of another site made the request.",
        shape: Shape::OneOf(&["1"]),
        example: "1",
    }]],
    problems: &[
        shared::NO_QUERY,
        &[&codes::FORBIDDEN, &codes::INTERNAL_ERROR],
    ],
    ..file(
        "/dashboard/kill-primary",
        &[Answer {
            status: 202,
            description: "It is being killed.",
            content: Content::Nothing,
            headers: &[],
        }],
    )
};

const HTML_PAGE: Answer = text(&[HTML], "HTML.");

const fn text(media_types: &'static [&'static str], description: &'static str) -> Answer {
    Answer {
        status: 200,
        description,
        content: Content::Text(media_types),
        headers: &[SAFE],
    }
}

const fn file(path: &'static str, answers: &'static [Answer]) -> Operation {
    Operation {
        method: "GET",
        path,
        id: "",
        tag: Tag::Operation,
        summary: "",
        description: "",
        parameters: &[],
        body: None,
        answers,
        problems: &[shared::NO_QUERY],
    }
}
