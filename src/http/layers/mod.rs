//! What is done around every request, outermost first: its id, its trace, headers of the answer, who sent it, the access log, counts,
//! problems, streams (of HTTP/2), and how often it may be sent. `authorize`, which decides whether a request is allowed, is around each route that needs a key: the
//! URL table puts it there.

mod access_log;
mod audit;
mod authorize;
mod count;
mod headers;
mod problems;
mod rate;
mod request_id;
mod streams;
mod trace;
mod who;

pub use access_log::access_log;
pub use audit::Audit;
pub use authorize::{Principal, authorize};
pub use count::count;
pub use headers::headers;
pub use problems::problems;
pub use rate::rate;
pub use request_id::{RequestId, request_id};
pub use streams::{OpenStreams, Traffic, few_streams, streams};
pub use trace::{Trace, trace};
pub use who::{Who, who};

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;

type Answer = Result<ServiceResponse<BoxBody>, Error>;
