//! `/docs`: the OpenAPI document for people, by Swagger UI.
//!
//! One page with everything in it. The files are in the repository, since the crate that brings them would bring nine more, and the page
//! must work where nothing can be loaded from elsewhere.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};
use actix_web::web::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::openapi::description::{Answer, Content, Header, Operation, Shape, Tag};
use super::openapi::shared;
use crate::http::request::NoQuery;

pub const DOCS: Operation = Operation {
    method: "GET",
    path: "/docs",
    id: "docs",
    tag: Tag::Reference,
    summary: "This document for people",
    description: "",
    parameters: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "A page that needs nothing from elsewhere.",
        content: Content::Text(&["text/html; charset=utf-8"]),
        headers: &[&[Header {
            name: "Content-Security-Policy",
            description: "Nothing from elsewhere may run.",
            shape: Shape::Text,
            example: "default-src 'none'",
            always: true,
        }]],
    }],
    problems: &[shared::NO_QUERY],
};

const STYLE: &str = include_str!("swagger-ui/swagger-ui.css");
const SCRIPT: &str = include_str!("swagger-ui/swagger-ui-bundle.js");
/// `validatorUrl: null`: Swagger UI sends the document to no validator.
const START: &str = r##"SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null});"##;

struct Page {
    html: Bytes,
    /// `Content-Security-Policy`: only these two scripts may run, and they may ask only this service.
    policy: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let html = format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>synapse-core</title><style>{STYLE}</style></head>
<body><div id="ui"></div><script>{SCRIPT}</script><script>{START}</script></body></html>
"#
    );
    let [script, start] = [SCRIPT, START].map(|text| STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}' 'sha256-{start}'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Page {
        html: html.into(),
        policy,
    }
});

pub async fn docs(_: NoQuery) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, PAGE.policy.as_str()))
        .body(PAGE.html.clone())
}
