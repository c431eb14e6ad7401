//! Headers for caches, and for the connection that the answer goes back on.

use super::Answer;
use crate::http::Api;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::ConnectionType;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

pub async fn headers(
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let mut response = next.call(request).await?.map_into_boxed_body();
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    if api.is_draining() {
        // The client opens its next connection elsewhere, instead of losing a request on this one.
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
