//! `GET /transactions`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::answer::view::{answer_list, say_what_is_settled};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::search::Search;

pub async fn search(
    api: Data<Api>,
    request: HttpRequest,
    caller: Caller,
    mut consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let search = Search::parse(request.query_string(), &caller.owner)?;
    if search.idempotency_key.is_some() {
        // A key is read on the primary, never on a replica.
        consistency = consistency.strong();
    }
    let served = api.dispatch.list(search.clone(), &consistency).await?;
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
    say_what_is_settled(&mut response, served.settled_until);
    Ok(response)
}
