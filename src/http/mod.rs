//! HTTP: the only folder, with `server/`, that knows actix-web. Here is the URL table.

mod answer;
mod callback;
mod endpoint;
mod export;
mod layers;
mod operate;
mod reference;
mod request;
mod stats;
mod transactions;

pub use answer::view;
pub use endpoint::{Endpoint, Need, Side};
pub use layers::{
    OpenStreams, Traffic, few_streams, headers, problems, rate, record, request_id, streams, trace,
    who,
};
pub use operate::VERSION;
pub use operate::dashboard::take_samples;
pub use reference::openapi::document;

use crate::clients::Scope::{Admin, Read, Write};
use crate::clients::{Client, Clients, Limiter, Limits, Source, Sources};
use crate::db::Databases;
use crate::dispatch::{Dispatch, Policy};
use crate::ledger::ask::draft::Rules;
use actix_web::web::ServiceConfig;
use ipnet::IpNet;
use operate::RequestCounts;
use operate::dashboard::Dashboard;
use request::MAX_BATCH_BODY_BYTES;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// Methods that are told apart in logs and metrics; a client may send any other word.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"];

/// The URL table: each method on each path, what a request needs for it, and its handler. No route is served without a row here, and no row
/// can be written without a need. Where operators have a listener of their own, what needs [`Admin`] is served there alone.
pub const TABLE: &[Endpoint] = &[
    Endpoint::get("/transactions", Need::Key(Read), |r| {
        r.to(transactions::search)
    })
    .also_for_operators(),
    Endpoint::post("/transactions", Need::Key(Write), |r| {
        r.to(transactions::create)
    }),
    Endpoint::get("/transactions/search", Need::Key(Read), |r| {
        r.to(transactions::search)
    }),
    Endpoint::post("/transactions/batch", Need::Key(Write), |r| {
        r.to(transactions::create_all)
    })
    .with_max_body_bytes(MAX_BATCH_BODY_BYTES),
    Endpoint::get("/transactions/{id}", Need::Key(Read), |r| {
        r.to(transactions::read_one)
    }),
    Endpoint::patch("/transactions/{id}", Need::Key(Write), |r| {
        r.to(transactions::change)
    }),
    Endpoint::get("/transactions/{id}/events", Need::Key(Read), |r| {
        r.to(transactions::events)
    }),
    Endpoint::post("/callback", Need::Signature, |r| r.to(callback::callback)),
    Endpoint::post("/callback/transaction", Need::Signature, |r| {
        r.to(callback::callback)
    }),
    Endpoint::get("/export", Need::Key(Read), |r| r.to(export::export)),
    Endpoint::get("/stats/status", Need::Key(Read), |r| r.to(stats::status)),
    Endpoint::get("/stats/daily", Need::Key(Read), |r| r.to(stats::daily)),
    Endpoint::get("/stats/assets", Need::Key(Read), |r| r.to(stats::assets)),
    Endpoint::get("/health", Need::Probe, |r| r.to(operate::health)),
    Endpoint::get("/live", Need::Probe, |r| r.to(operate::live)),
    Endpoint::get("/ready", Need::Probe, |r| r.to(operate::ready)),
    Endpoint::get("/status", Need::Key(Admin), |r| r.to(operate::status)),
    Endpoint::get("/metrics", Need::Key(Admin), |r| r.to(operate::metrics)),
    Endpoint::get("/dashboard", Need::Key(Admin), |r| {
        r.to(operate::dashboard::page)
    }),
    Endpoint::get("/dashboard/style.css", Need::Key(Admin), |r| {
        r.to(operate::dashboard::style)
    }),
    Endpoint::get("/dashboard/script.js", Need::Key(Admin), |r| {
        r.to(operate::dashboard::script)
    }),
    Endpoint::get("/dashboard/events", Need::Key(Admin), |r| {
        r.to(operate::dashboard::events)
    }),
    Endpoint::get("/dashboard/operation", Need::Key(Admin), |r| {
        r.to(operate::dashboard::operation)
    }),
    Endpoint::post("/dashboard/kill-primary", Need::Key(Admin), |r| {
        r.to(operate::dashboard::kill_primary)
    })
    .embedded_only(),
    Endpoint::get("/errors", Need::Nothing, |r| r.to(reference::errors)),
    Endpoint::get("/openapi.json", Need::Nothing, |r| r.to(reference::openapi)),
    Endpoint::get("/docs", Need::Nothing, |r| r.to(reference::docs)),
];

pub fn routes(side: Side, api: &Api) -> impl FnOnce(&mut ServiceConfig) {
    let embedded = api.embedded.is_some();
    move |config| endpoint::serve(TABLE, side, embedded, config)
}

/// The settings of this folder.
pub struct ApiOptions {
    pub rules: Rules,
    pub policy: Policy,
    pub region: Option<String>,
    /// None: the databases are not the private ones, which the service starts itself.
    pub embedded: Option<Embedded>,
    pub clients: Vec<Client>,
    pub limits: Limits,
    pub sources: Vec<Source>,
    pub trusted_proxies: Vec<IpNet>,
}

/// What can be done to the private databases.
pub struct Embedded {
    /// The thread that receives from it kills the primary. That takes a moment, and no async worker may wait for it.
    pub kill_primary: SyncSender<()>,
}

/// What layers and handlers share.
pub struct Api {
    databases: Arc<Databases>,
    dispatch: Dispatch,
    rules: Rules,
    /// How long replication may be missing after a failover, where it is required, before writes are refused.
    write_deadline: Duration,
    region: Option<String>,
    embedded: Option<Embedded>,
    exports: export::Places,
    clients: Clients,
    limiter: Limiter,
    sources: Sources,
    trusted_proxies: Vec<IpNet>,
    audit: layers::Audit,
    draining: AtomicBool,
    requests: RequestCounts,
    dashboard: Dashboard,
    pub traffic: Arc<Traffic>,
}

impl Api {
    pub fn start(databases: Arc<Databases>, options: ApiOptions) -> std::io::Result<Api> {
        let policy = options.policy;
        Ok(Api {
            dispatch: Dispatch::start(databases.clone(), policy)?,
            databases,
            rules: options.rules,
            write_deadline: policy.write_deadline,
            exports: export::Places::default(),
            region: options.region,
            embedded: options.embedded,
            clients: Clients::new(options.clients),
            limiter: Limiter::new(options.limits),
            sources: Sources::new(options.sources),
            trusted_proxies: options.trusted_proxies,
            audit: layers::Audit::default(),
            draining: AtomicBool::new(false),
            requests: RequestCounts::of(TABLE.iter().map(|row| row.path)),
            dashboard: Dashboard::default(),
            traffic: Arc::default(),
        })
    }

    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
