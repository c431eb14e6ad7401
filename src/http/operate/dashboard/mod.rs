//! `/dashboard`: the service at a glance, as a page.
//!
//! The page is rendered here, whole, and works without scripts. A script makes it live: `events` sends each section again when it has
//! changed, from the same renderer, so that nothing is written twice. All text goes through maud, which escapes it. What clients sent
//! (transactions) is never rendered here: the script asks the public API for it and shows it as text.

mod advice;
mod charts;
mod describe;
mod events;
mod kill;
mod operation;
mod page;
mod picture;
mod regions;
mod samples;
mod sections;
mod snapshot;
mod state;

pub use describe::{EVENTS, KILL_PRIMARY, OPERATION, PAGE, SCRIPT, STYLE};
pub use events::events;
pub use kill::kill_primary;
pub use samples::take_samples;

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use maud::Markup;
use tokio::sync::Semaphore;

use crate::http::request::NoQuery;
use crate::http::{Api, Side};
use samples::Point;
use snapshot::Snapshot;

/// `Content-Security-Policy`: only scripts and styles that this service serves as files may be used, and the page may ask nobody else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Three files in one script: each is a block, so they share no names.
const SCRIPTS: &str = concat!(
    include_str!("live.js"),
    include_str!("transactions.js"),
    include_str!("load.js")
);

/// What the page remembers between requests.
pub struct Dashboard {
    points: Mutex<VecDeque<Point>>,
    /// A permit for each stream of events.
    streams: Arc<Semaphore>,
}

impl Default for Dashboard {
    fn default() -> Dashboard {
        Dashboard {
            points: Mutex::default(),
            streams: Arc::new(Semaphore::new(events::MAX_STREAMS)),
        }
    }
}

impl Dashboard {
    fn push(&self, point: Point) {
        samples::push(&mut self.points.lock(), point);
    }
}

pub async fn page(api: Data<Api>, request: HttpRequest, _: NoQuery) -> HttpResponse {
    let side = request.app_data::<Side>().copied().unwrap_or(Side::All);
    html(page::page(&Snapshot::of(&api), side))
}

/// The manual for operators, as the repository has it: somebody who is called at night has the binary, and perhaps nothing else.
pub async fn operation(_: NoQuery) -> HttpResponse {
    html(operation::page())
}

pub async fn style(_: NoQuery) -> HttpResponse {
    file(CSS, include_str!("style.css"))
}

pub async fn script(_: NoQuery) -> HttpResponse {
    file(JAVASCRIPT, SCRIPTS)
}

fn html(page: Markup) -> HttpResponse {
    file(HTML, page.into_string())
}

fn file(media_type: &str, content: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(content.into())
}
