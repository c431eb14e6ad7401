//! The id of a request: the client's, if it sent a valid one, otherwise a new one. Every answer carries it.

use super::Answer;
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use uuid::Uuid;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// Empty outside of this layer.
    pub fn of(request: &impl HttpMessage) -> String {
        let extensions = request.extensions();
        let id = extensions.get::<RequestId>();
        id.map_or_else(String::new, |id| id.0.clone())
    }
}

pub async fn request_id(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Answer {
    let id = sent(&request).unwrap_or_else(|| Uuid::now_v7().to_string());
    let header = HeaderValue::from_str(&id);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let Ok(id) = header {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    Ok(response)
}

fn sent(request: &ServiceRequest) -> Option<String> {
    let id = request.headers().get(X_REQUEST_ID)?.to_str().ok()?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_proper = (1..=64).contains(&id.len()) && id.bytes().all(is_plain);
    is_proper.then(|| id.to_owned())
}
