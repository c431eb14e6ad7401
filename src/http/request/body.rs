//! Bodies.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use crate::http::answer::{Problem, codes};

pub const MAX_BODY_BYTES: usize = 64 * 1024;
pub const MAX_BATCH_BODY_BYTES: usize = 2 * 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The raw bytes of a JSON body. The ledger reads them.
pub struct JsonBody(pub web::Bytes);

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<JsonBody, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_media_type(request);
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            checked?;
            // Not answered 400, as a body that is not JSON would be, since it is not the client's mistake: it may arrive in time on another
            // network.
            let late = |_| {
                let detail = "the body did not arrive within 10 s; nothing was applied";
                Problem::new(&codes::OVERLOADED, detail)
            };
            let bytes = tokio::time::timeout(BODY_TIMEOUT, bytes)
                .await
                .map_err(late)?;
            bytes.map(JsonBody).map_err(|error| {
                match error.as_response_error().status_code().as_u16() {
                    413 => Problem::new(
                        &codes::PAYLOAD_TOO_LARGE,
                        format!("a body may have {MAX_BODY_BYTES} bytes, that of a batch {MAX_BATCH_BODY_BYTES}"),
                    ),
                    _ => Problem::new(&codes::MALFORMED_JSON, "the body could not be read"),
                }
            })
        })
    }
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let encoded = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    if content_type.is_some_and(is_json_in_utf8) && !encoded {
        return Ok(());
    }
    Err(Problem::new(
        &codes::UNSUPPORTED_MEDIA_TYPE,
        "send application/json in UTF-8, not compressed",
    ))
}

/// By RFC 9110, section 8.3.1. Not what actix makes of it, which takes no white space before a semicolon.
fn is_json_in_utf8(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = (parts.next()).is_some_and(|it| it.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
                charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}
