//! `/stats/status`, `/stats/daily`, `/stats/assets`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use serde::Serialize;

use super::Api;
use super::answer::headers::add_read_headers;
use super::answer::view::{self, StatsMeta};
use super::answer::{Problem, codes};
use super::reference::openapi::description::{
    Answer, Content, Operation, Parameter, Place, Shape, Tag, json_rows,
};
use super::reference::openapi::{examples, shared};
use super::request::NoQuery;
use crate::dispatch::{Bounds, Served};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::stats::{Grouping, Stats};
use crate::ledger::model::stats::{
    AssetTotals, DayTotals, StatusCount, by_asset, by_day, by_status,
};
use crate::ledger::store::stats::Counted;

/// What the three operations have in common.
const COUNTS: Operation = Operation {
    method: "GET",
    path: "",
    id: "",
    tag: Tag::Transactions,
    summary: "",
    description: "Amounts of different assets are never added together.",
    parameters: &[shared::CONSISTENCY, shared::BOUNDS],
    body: None,
    answers: &[],
    problems: &[
        shared::NO_QUERY,
        &[&codes::INVALID_PARAMETER],
        shared::READS,
    ],
};
pub const BY_STATUS: Operation = Operation {
    path: "/stats/status",
    id: "countByStatus",
    summary: "How many transactions have each status",
    description: "",
    answers: &[Answer {
        status: 200,
        description: "Every status, be it with none.",
        content: Content::Json(json_rows::<view::Stats<StatusCount>, StatusCount>(
            "StatusCounts",
            examples::status_counts,
        )),
        headers: &[shared::READ],
    }],
    ..COUNTS
};
pub const BY_DAY: Operation = Operation {
    path: "/stats/daily",
    id: "countByDay",
    summary: "How many transactions of which assets were made each day",
    parameters: &[DAYS, shared::CONSISTENCY, shared::BOUNDS],
    answers: &[Answer {
        status: 200,
        description: "Every day (UTC), the oldest first, be it with none.",
        content: Content::Json(json_rows::<view::Stats<DayTotals>, DayTotals>(
            "DailyTotals",
            examples::daily_totals,
        )),
        headers: &[shared::READ],
    }],
    ..COUNTS
};
pub const BY_ASSET: Operation = Operation {
    path: "/stats/assets",
    id: "countByAsset",
    summary: "How many transactions each asset has, and of what amount",
    answers: &[Answer {
        status: 200,
        description: "Those with most transactions first.",
        content: Content::Json(json_rows::<view::Stats<AssetTotals>, AssetTotals>(
            "TotalsOfAssets",
            examples::asset_totals,
        )),
        headers: &[shared::READ],
    }],
    ..COUNTS
};
const DAYS: &[Parameter] = &[Parameter {
    name: "days",
    place: Place::Query,
    required: false,
    description: "The last days, today included. Default 30.",
    shape: Shape::Number {
        min: 1,
        max: Some(366),
    },
    example: "7",
}];

pub async fn status(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    consistency: Consistency,
    bounds: Bounds,
) -> Result<HttpResponse, Problem> {
    let stats = Stats::of_all(&caller.owner, Grouping::Status);
    let served = api.dispatch.count(stats, &consistency, bounds).await?;
    let data = by_status(&served.value.groups);
    Ok(answer(
        &served,
        &consistency,
        view::Stats { data, meta: None },
    ))
}

pub async fn daily(
    api: Data<Api>,
    request: HttpRequest,
    caller: Caller,
    consistency: Consistency,
    bounds: Bounds,
) -> Result<HttpResponse, Problem> {
    let stats = Stats::daily(request.query_string(), &caller.owner, Utc::now())?;
    let days = stats.days;
    let mut served = api.dispatch.count(stats, &consistency, bounds).await?;
    let groups = std::mem::take(&mut served.value.groups);
    let data = days.map_or(Vec::new(), |(first, last)| by_day(groups, first, last));
    let meta = meta(&served);
    Ok(answer(&served, &consistency, view::Stats { data, meta }))
}

pub async fn assets(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    consistency: Consistency,
    bounds: Bounds,
) -> Result<HttpResponse, Problem> {
    let stats = Stats::of_all(&caller.owner, Grouping::Asset);
    let mut served = api.dispatch.count(stats, &consistency, bounds).await?;
    let data = by_asset(std::mem::take(&mut served.value.groups));
    let meta = meta(&served);
    Ok(answer(&served, &consistency, view::Stats { data, meta }))
}

fn meta(served: &Served<Counted>) -> Option<StatsMeta> {
    Some(StatsMeta {
        truncated: served.value.truncated,
    })
}

fn answer<T: Serialize>(
    served: &Served<Counted>,
    consistency: &Consistency,
    body: view::Stats<T>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    add_read_headers(&mut response, &served.origin, consistency);
    response.json(body)
}
