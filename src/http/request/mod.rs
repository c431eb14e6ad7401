//! What handlers take out of a request. Each extractor says what is wrong as a [`Problem`](super::answer::Problem).

mod address;
pub mod bodies;
mod body;
mod bounds;
mod caller;
mod consistency;
mod key;
mod path;
mod preconditions;
mod signature;

pub use address::address;
pub use body::{JsonBody, MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES};
pub use key::Key;
pub use path::{Id, NoQuery};
pub use preconditions::{if_match, is_not_modified};
pub use signature::Signed;

use actix_web::http::header::HeaderMap;

/// Err where the header occurs more than once or is not text.
pub fn one_value(headers: &HeaderMap, name: &str) -> Result<Option<String>, ()> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(());
    }
    first
        .map(|value| {
            value
                .to_str()
                .map(|text| text.trim().to_owned())
                .map_err(|_| ())
        })
        .transpose()
}
