//! What is done around every request, outermost first: how many there may be on a connection of HTTP/2, the request's id, its trace, headers
//! of the answer, who sent it, its record (log and counts), problems, streams of HTTP/2, and how often it may be sent. `authorize`, which
//! decides whether a request is allowed, is around each route that needs a key: the URL table puts it there.

mod audit;
mod authorize;
mod headers;
mod problems;
mod rate;
mod record;
mod request_id;
mod streams;
mod trace;
mod who;

pub use audit::Audit;
pub use authorize::{Principal, authorize};
pub use headers::headers;
pub use problems::problems;
pub use rate::rate;
pub use record::{UNANSWERED, record};
pub use request_id::{RequestId, request_id};
pub use streams::{OpenStreams, Traffic, few_streams, streams};
pub use trace::{Trace, trace};
pub use who::{Who, who};

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;

type Answer = Result<ServiceResponse<BoxBody>, Error>;
