//! `GET /export`: all that a search finds, as one file.

mod lines;
mod places;
mod stream;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::empty;

use super::Api;
use super::answer::headers::{add_read_headers, add_settled_header, rfc3339};
use super::answer::{Problem, codes};
use super::reference::openapi::description::{
    Answer, Content, Header, Operation, Parameter, Place, Shape, Tag,
};
use super::reference::openapi::shared;
use super::transactions::{FILTERS, SETTLED};
use crate::dispatch::Bounds;
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::export::{Export, Format};
use lines::Lines;
pub use places::Places;
use stream::{Cut, Writing};

pub const EXPORT: Operation = Operation {
    method: "GET",
    path: "/export",
    id: "exportTransactions",
    tag: Tag::Transactions,
    summary: "All that a search finds, as one file",
    description: "Rows up to the settled time, oldest first unless `order=desc`. An error after the first byte breaks the connection off: a file \
                  that ends properly is whole.",
    parameters: &[FILE, FILTERS, shared::CONSISTENCY],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "CSV by RFC 4180 with a head, where `'` stands before a text that a spreadsheet would calculate; or a JSON object a line, \
                      which is exact.",
        content: Content::Text(&[CSV, JSON_LINES]),
        headers: &[shared::READ, SETTLED, FILE_HEADERS],
    }],
    problems: &[
        &[&codes::INVALID_PARAMETER, &codes::UNKNOWN_PARAMETER],
        shared::READS,
    ],
};
const CSV: &str = "text/csv; charset=utf-8; header=present";
const JSON_LINES: &str = "application/x-ndjson";
const FILE: &[Parameter] = &[
    Parameter {
        name: "format",
        place: Place::Query,
        required: false,
        description: "`csv` is the default.",
        shape: Shape::OneOf(&["csv", "jsonl"]),
        example: "jsonl",
    },
    Parameter {
        name: "end_marker",
        place: Place::Query,
        required: false,
        description: "A last line says how many rows there were.",
        shape: Shape::OneOf(&["true", "false"]),
        example: "true",
    },
];
const FILE_HEADERS: &[Header] = &[
    Header {
        name: "X-Export-As-Of",
        description: "Up to when rows are in the file.",
        shape: Shape::Text,
        example: "2026-11-23T10:15:30.123456Z",
        always: true,
    },
    Header {
        name: "Content-Disposition",
        description: "The name of the file.",
        shape: Shape::Text,
        example: "attachment; filename=\"transactions-20261123T101530.123456Z.csv\"",
        always: true,
    },
];

pub async fn export(
    api: Data<Api>,
    request: HttpRequest,
    caller: Caller,
    consistency: Consistency,
    bounds: Bounds,
) -> Result<HttpResponse, Problem> {
    if bounds != Bounds::default() {
        let detail = "X-Max-Staleness-Ms and X-Deadline-Ms are not for exports, which take as long as they take and say up to when they go";
        return Err(Problem::new(&codes::INVALID_PARAMETER, detail));
    }
    let Export {
        search,
        format,
        end_marker,
    } = Export::parse(request.query_string(), &caller.owner)?;
    let consistency = search.consistency(consistency);
    let place = api.exports.take(&caller.owner)?;
    let (under_way, first) = api.dispatch.export(search, consistency.clone()).await?;
    let as_of = under_way.as_of;
    let mut response = HttpResponse::Ok();
    add_read_headers(&mut response, &first.origin, &consistency);
    response.insert_header(("X-Export-As-Of", rfc3339(as_of)));
    let (media_type, extension) = match format {
        Format::Csv => (CSV, "csv"),
        Format::JsonLines => (JSON_LINES, "jsonl"),
    };
    let name = as_of.format("transactions-%Y%m%dT%H%M%S%.6fZ");
    let disposition = format!("attachment; filename=\"{name}.{extension}\"");
    response.insert_header((CONTENT_TYPE, media_type));
    response.insert_header((CONTENT_DISPOSITION, disposition));
    let settled_until = under_way.settled_until;
    let mut response = if request.method() == Method::HEAD {
        response.streaming(empty::<Result<Bytes, Cut>>())
    } else {
        let writing = Writing {
            api,
            under_way,
            lines: Lines::new(format, end_marker, as_of),
            request_id: caller.request_id,
            place,
        };
        response.streaming(writing.start(first.value))
    };
    add_settled_header(&mut response, settled_until);
    Ok(response)
}
