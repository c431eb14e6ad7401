//! HTTP: the only folder, with `server/`, that knows actix-web. Here is the URL table.

mod answer;
mod export;
mod layers;
mod operate;
mod reference;
mod request;
mod stats;
mod transactions;

pub use layers::envelope;
pub use operate::VERSION;

use crate::db::Databases;
use crate::dispatch::{Dispatch, Policy};
use crate::ledger::ask::draft::Rules;
use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route};
use answer::{Problem, codes};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What the handlers share.
pub struct Api {
    databases: Arc<Databases>,
    dispatch: Dispatch,
    rules: Rules,
    /// And for how long it may be awaited.
    replication_required: Option<Duration>,
    region: Option<String>,
    /// The databases are the private ones, which the service starts itself.
    embedded: bool,
    /// A place for each export that may be under way.
    exports: Arc<Semaphore>,
    draining: AtomicBool,
}

impl Api {
    pub fn start(
        databases: Arc<Databases>,
        rules: Rules,
        policy: Policy,
        region: Option<String>,
        embedded: bool,
    ) -> std::io::Result<Api> {
        Ok(Api {
            dispatch: Dispatch::start(databases.clone(), policy)?,
            databases,
            rules,
            replication_required: policy.require_replication.then_some(policy.write_deadline),
            region,
            embedded,
            exports: Arc::new(Semaphore::new(export::MAX_EXPORTS)),
            draining: AtomicBool::new(false),
        })
    }

    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The URL table.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(request::MAX_BODY_BYTES))
        .service(
            resource("/transactions", "GET, HEAD, POST")
                .route(get().to(transactions::search))
                .route(web::post().to(transactions::create)),
        )
        .service(
            resource("/transactions/search", "GET, HEAD").route(get().to(transactions::search)),
        )
        .service(
            resource("/transactions/batch", "POST")
                .app_data(web::PayloadConfig::new(request::MAX_BATCH_BODY_BYTES))
                .route(web::post().to(transactions::create_all)),
        )
        .service(
            resource("/transactions/{id}", "GET, HEAD, PATCH")
                .route(get().to(transactions::read_one))
                .route(web::patch().to(transactions::change)),
        )
        .service(
            resource("/transactions/{id}/events", "GET, HEAD")
                .route(get().to(transactions::events)),
        )
        .service(resource("/export", "GET, HEAD").route(get().to(export::export)))
        .service(resource("/stats/status", "GET, HEAD").route(get().to(stats::status)))
        .service(resource("/stats/daily", "GET, HEAD").route(get().to(stats::daily)))
        .service(resource("/stats/assets", "GET, HEAD").route(get().to(stats::assets)))
        .service(resource("/health", "GET, HEAD").route(get().to(operate::health)))
        .service(resource("/live", "GET, HEAD").route(get().to(operate::live)))
        .service(resource("/ready", "GET, HEAD").route(get().to(operate::ready)))
        .service(resource("/status", "GET, HEAD").route(get().to(operate::status)))
        .service(resource("/errors", "GET, HEAD").route(get().to(reference::errors)))
        .default_service(web::to(|| async {
            Err::<HttpResponse, _>(Problem::new(&codes::NOT_FOUND, "nothing is served here"))
        }));
}

/// `HEAD` works where `GET` does; actix leaves the body out.
fn get() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

fn resource(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move {
        let problem = Problem::new(&codes::METHOD_NOT_ALLOWED, format!("allowed: {allow}"));
        Err::<HttpResponse, _>(problem.with_header(ALLOW, HeaderValue::from_static(allow)))
    }))
}
