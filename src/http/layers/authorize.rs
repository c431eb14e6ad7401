//! Whether a request may do what its route does, and which owner's transactions it is about.

use super::{Answer, RequestId, Who};
use crate::clients::{Client, Scope, is_name};
use crate::http::answer::{Problem, codes};
use crate::http::request::one_value;
use crate::http::{Api, Side};
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;

/// The client in whose name a request acts, and the owner whose transactions it is about.
pub struct Principal {
    pub client: String,
    pub owner: String,
}

pub async fn authorize(
    scope: Scope,
    side: Side,
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    match admit(scope, side, &api, &request) {
        Ok(acting) => {
            request.extensions_mut().insert(acting);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(problem) => Ok(request.error_response(problem)),
    }
}

fn admit(
    scope: Scope,
    side: Side,
    api: &Api,
    request: &ServiceRequest,
) -> Result<Principal, Problem> {
    let extensions = request.extensions();
    let Some(who) = extensions.get::<Who>() else {
        return Err(Problem::internal("a request from nowhere"));
    };
    let refused = |client: &str, why: &str| {
        let id = RequestId::of(request);
        api.audit.refused(client, who.address, why, &id);
    };
    if side == Side::Operators && api.clients.everybody().is_some() {
        // Without clients the service is open, but on loopback addresses alone. The operators' listener may have another address, so it
        // serves nobody's transactions then.
        return Err(unauthorized());
    }
    let Some(client) = &who.client else {
        if who.sent_authorization {
            refused("-", "unknown_key");
        }
        return Err(unauthorized());
    };
    if !client.may(scope) {
        refused(&client.name, "scope");
        return Err(Problem::new(
            &codes::FORBIDDEN,
            "the key has not the scope that this needs",
        ));
    }
    let owner = owner(client, request.headers()).inspect_err(|problem| {
        if *problem.kind == codes::FORBIDDEN {
            refused(&client.name, "owner");
        }
    })?;
    Ok(Principal {
        client: client.name.clone(),
        owner,
    })
}

/// The answer is the same for a key that is missing, malformed, unknown or withdrawn.
fn unauthorized() -> Problem {
    let detail = "send a valid key: Authorization: Bearer syn_…";
    Problem::new(&codes::UNAUTHORIZED, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn owner(client: &Client, headers: &HeaderMap) -> Result<String, Problem> {
    let invalid = || {
        let detail = "X-Owner is one name of letters, digits, '.', '_' and '-', 64 at most";
        Problem::new(&codes::INVALID_PARAMETER, detail)
    };
    match one_value(headers, "x-owner").map_err(|()| invalid())? {
        None => Ok(client.owner.clone()),
        Some(_) if !client.may(Scope::Admin) => {
            let detail = "X-Owner needs the scope admin";
            Err(Problem::new(&codes::FORBIDDEN, detail))
        }
        Some(owner) if is_name(&owner) => Ok(owner),
        Some(_) => Err(invalid()),
    }
}
