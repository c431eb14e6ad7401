//! Who sent a request: the address, and the client whose key it carries. Whether that is enough is decided later by `authorize`, which knows what
//! the route needs; so a request with a wrong key counts for the limit of its address like any other (`rate`).

use super::Answer;
use crate::clients::{Client, Clients, KeyDigest};
use crate::http::Api;
use crate::http::request::address;
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::net::IpAddr;
use std::sync::Arc;

/// No key is longer, so a longer text need not be looked up.
const MAX_KEY_BYTES: usize = 256;

pub struct Who {
    pub address: IpAddr,
    /// None: it carries no known key.
    pub client: Option<Arc<Client>>,
    /// Which of the client's keys it was.
    pub key: Option<KeyDigest>,
    /// It has an `Authorization` header.
    pub sent_authorization: bool,
}

pub async fn who(
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let address = address(&request, &api.trusted_proxies);
    let who = recognize(&api.clients, address, request.headers());
    request.extensions_mut().insert(who);
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn recognize(clients: &Clients, address: IpAddr, headers: &HeaderMap) -> Who {
    let sent_authorization = headers.contains_key(AUTHORIZATION);
    let (client, key) = match clients.everybody() {
        Some(everybody) => (Some(everybody.clone()), None),
        // A text that is no key at all is looked up too, so that it takes the same time.
        None => match clients.find(bearer(headers).unwrap_or_default()) {
            Some((key, client)) => (Some(client.clone()), Some(*key)),
            None => (None, None),
        },
    };
    Who {
        address,
        client,
        key,
        sent_authorization,
    }
}

/// The key of `Authorization: Bearer …`, if there is exactly one such header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION);
    let (value, another) = (values.next()?, values.next());
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    let is_one = another.is_none() && scheme.eq_ignore_ascii_case("Bearer");
    (is_one && key.len() <= MAX_KEY_BYTES).then_some(key)
}
