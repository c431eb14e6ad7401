//! `/dashboard/events`: the sections of the page, again and again, as server-sent events.
//!
//! An event is named after its section and carries its HTML. It is sent when the section has changed, so an idle service sends little
//! more than the time of day, which shows that the page is alive.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::Stream;
use futures_util::stream::{empty, unfold};
use tokio::sync::OwnedSemaphorePermit;

use super::POLICY;
use super::sections::{SECTIONS, Section};
use super::snapshot::Snapshot;
use crate::http::Api;
use crate::http::answer::{Problem, codes};
use crate::http::request::NoQuery;

pub const EVENT_STREAM: &str = "text/event-stream";
/// How many streams there may be at a time. Each renders the page for itself.
pub const MAX_STREAMS: usize = 16;
/// How often the page is rendered: a failover may be over in less than a second, and should be seen.
const PAUSE: Duration = Duration::from_millis(500);
/// How soon a browser whose stream was cut asks again.
const AGAIN: &str = "retry: 1000\n\n";

pub async fn events(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    if api.is_draining() {
        let detail = "this instance is stopping";
        return Err(Problem::new(&codes::DRAINING, detail));
    }
    let place = api.dashboard.streams.clone().try_acquire_owned();
    let place = place.map_err(|_| {
        let detail = "as many pages are watching as there may be at a time";
        Problem::new(&codes::OVERLOADED, detail)
    })?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, EVENT_STREAM));
    response.insert_header((CONTENT_SECURITY_POLICY, POLICY));
    Ok(if request.method() == Method::HEAD {
        response.streaming(empty::<Result<Bytes, Infallible>>())
    } else {
        response.streaming(stream(Watching::new(api, place)))
    })
}

/// The stream of one open page. It ends when the service begins to stop, since the stop waits for requests that are under way.
struct Watching {
    api: Data<Api>,
    /// In the order of [`SECTIONS`].
    sent: Vec<String>,
    _place: OwnedSemaphorePermit,
}

fn stream(watching: Watching) -> impl Stream<Item = Result<Bytes, Infallible>> {
    unfold(watching, |mut watching| async {
        let is_first = watching.sent.is_empty();
        if !is_first {
            tokio::time::sleep(PAUSE).await;
        }
        if watching.api.is_draining() {
            return None;
        }
        let changed = watching.changed();
        let bytes = if is_first {
            format!("{AGAIN}{changed}")
        } else {
            changed
        };
        Some((Ok(bytes.into()), watching))
    })
}

impl Watching {
    fn new(api: Data<Api>, place: OwnedSemaphorePermit) -> Watching {
        Watching {
            api,
            sent: Vec::new(),
            _place: place,
        }
    }

    /// The events of the sections that have changed. If none has, a comment, since only writing shows whether somebody still reads.
    fn changed(&mut self) -> String {
        let snapshot = Snapshot::of(&self.api);
        self.sent.resize_with(SECTIONS.len(), String::new);
        let mut events = String::new();
        for (section, sent) in SECTIONS.iter().zip(&mut self.sent) {
            let html = (section.render)(&snapshot).into_string();
            if html != *sent {
                events.push_str(&event(section, &html));
                *sent = html;
            }
        }
        if events.is_empty() {
            events.push_str(":\n\n");
        }
        events
    }
}

/// A line of an event ends with any of `\n`, `\r`, `\r\n`; in HTML these are white space all the same.
fn event(section: &Section, html: &str) -> String {
    let html = html.replace(['\r', '\n'], " ");
    format!("event: {}\ndata: {html}\n\n", section.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_an_event_or_begin_another() {
        let html = "a\nevent: b\r\rdata: c";
        let event = event(&SECTIONS[0], html);
        assert_eq!(event.lines().count(), 3, "{event:?}");
        assert!(!event.contains('\r'));
        assert!(event.starts_with(&format!("event: {}\ndata: a event: b", SECTIONS[0].id)));
    }
}
