//! `/stats/status`, `/stats/daily`, `/stats/assets`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use serde::Serialize;

use super::Api;
use super::answer::Problem;
use super::answer::view::say_where_from;
use super::request::NoQuery;
use crate::dispatch::Served;
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::stats::{Grouping, Stats};
use crate::ledger::model::stats::{by_asset, by_day, by_status};
use crate::ledger::store::stats::Counted;

#[derive(Serialize)]
struct StatsAnswer<T> {
    data: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
}

#[derive(Serialize)]
struct Meta {
    /// There are more assets than were told.
    truncated: bool,
}

pub async fn status(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let stats = Stats::of_all(&caller.owner, Grouping::Status);
    let served = api.dispatch.count(stats, &consistency).await?;
    let data = by_status(&served.value.groups);
    Ok(answer(
        &served,
        &consistency,
        StatsAnswer { data, meta: None },
    ))
}

pub async fn daily(
    api: Data<Api>,
    request: HttpRequest,
    caller: Caller,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let stats = Stats::daily(request.query_string(), &caller.owner, Utc::now())?;
    let days = stats.days;
    let mut served = api.dispatch.count(stats, &consistency).await?;
    let groups = std::mem::take(&mut served.value.groups);
    let data = days.map_or(Vec::new(), |(first, last)| by_day(groups, first, last));
    let meta = meta(&served);
    Ok(answer(&served, &consistency, StatsAnswer { data, meta }))
}

pub async fn assets(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let stats = Stats::of_all(&caller.owner, Grouping::Asset);
    let mut served = api.dispatch.count(stats, &consistency).await?;
    let data = by_asset(std::mem::take(&mut served.value.groups));
    let meta = meta(&served);
    Ok(answer(&served, &consistency, StatsAnswer { data, meta }))
}

fn meta(served: &Served<Counted>) -> Option<Meta> {
    Some(Meta {
        truncated: served.value.truncated,
    })
}

fn answer<T: Serialize>(
    served: &Served<Counted>,
    consistency: &Consistency,
    body: StatsAnswer<T>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    say_where_from(&mut response, served, consistency);
    response.json(body)
}
