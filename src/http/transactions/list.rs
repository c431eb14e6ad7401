//! `GET /transactions`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dispatch::Bounds;
use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::answer::headers::{add_settled_header, answer_list};
use crate::http::reference::openapi::description::{
    Answer, Content, Header, Operation, Parameter, Place, Shape, Tag, json_list,
};
use crate::http::reference::openapi::{examples, shared};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::search::Search;
use crate::ledger::model::transaction::Transaction;

pub const LIST: Operation = Operation {
    method: "GET",
    path: "/transactions",
    id: "listTransactions",
    tag: Tag::Transactions,
    summary: "List and search",
    description: "A page looks at 20,000 transactions at most: where few of them match, it may hold fewer than `limit`, even none, while \
                  `has_more` is true. Follow `next_cursor` until it is null. There is no total count.",
    parameters: &[FILTERS, shared::PAGE, shared::CONSISTENCY, shared::BOUNDS],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "One page.",
        content: Content::Json(json_list::<Transaction>(
            "TransactionList",
            examples::transactions,
        )),
        headers: &[shared::READ, SETTLED, shared::NEXT_PAGE],
    }],
    problems: &[shared::QUERY, shared::READS],
};
pub const SETTLED: &[Header] = &[Header {
    name: "X-Settled-Until",
    description: "Before this time no transaction can appear any more.",
    shape: Shape::Text,
    example: "2026-11-23T10:15:30.123456Z",
    always: false,
}];
/// The same on another path.
pub const SEARCH: Operation = Operation {
    path: "/transactions/search",
    id: "searchTransactions",
    ..LIST
};

const fn filter(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        place: Place::Query,
        required: false,
        description,
        shape,
        example,
    }
}

const STATUSES: &str =
    "^(pending|processing|completed|failed)(,(pending|processing|completed|failed))*$";
const ADDRESS: &str = "^([GC][A-Z2-7]{55}|M[A-Z2-7]{68})$";
const CALLBACK_TYPES: &[&str] = &[
    "deposit",
    "withdrawal",
    "deposit-exchange",
    "withdrawal-exchange",
];
const KEY: &str = r"^[A-Za-z0-9._:\-]{1,255}$";
const AMOUNT: &str = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,7})?$";
const DATE: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].*)?$";

#[rustfmt::skip]
pub const FILTERS: &[Parameter] = &[
    filter("status", Shape::Pattern(STATUSES), "pending,processing", "One status, or several separated by commas."),
    filter("asset_code", Shape::Pattern("^([A-Z0-9]{1,12}|native)$"), "USDC", ""),
    filter("stellar_account", Shape::Pattern(ADDRESS), "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", ""),
    filter("callback_type", Shape::OneOf(CALLBACK_TYPES), "deposit", ""),
    filter("anchor_transaction_id", Shape::Text, "anchor-tx-001", "1 to 255 bytes, no control character, no white space at the ends."),
    filter("idempotency_key", Shape::Pattern(KEY), "8e03978e-40d5-43e8-bc93-6894a57f9324", "Finds the transaction of the caller's own key; always a strong read."),
    filter("min_amount", Shape::Pattern(AMOUNT), "10", "Inclusive; not above `max_amount`."),
    filter("max_amount", Shape::Pattern(AMOUNT), "100.50", "Inclusive; at most 922337203685.4775807."),
    filter("from_date", Shape::Pattern(DATE), "2026-11-01", "Of the creation, inclusive: RFC 3339, or a date; before `to_date`."),
    filter("to_date", Shape::Pattern(DATE), "2026-12-01T00:00:00Z", "Of the creation, exclusive."),
    filter("order", Shape::OneOf(&["desc", "asc"]), "desc", "By time of creation; `desc` is the default."),
];

pub async fn search(
    api: Data<Api>,
    request: HttpRequest,
    caller: Caller,
    consistency: Consistency,
    bounds: Bounds,
) -> Result<HttpResponse, Problem> {
    let search = Search::parse(request.query_string(), &caller.owner)?;
    let consistency = search.consistency(consistency);
    let served = api
        .dispatch
        .list(search.clone(), &consistency, bounds)
        .await?;
    let page = &served.value;
    let next = page.next.map(|cursor| cursor.encode(&search.binding()));
    let link = next.as_deref().map(|cursor| search.next_link_query(cursor));
    let mut response = answer_list(
        &request,
        &served,
        &consistency,
        &page.transactions,
        next,
        link,
    );
    add_settled_header(&mut response, served.settled_until);
    Ok(response)
}
