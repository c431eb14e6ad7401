//! The rows of the URL table, and how actix's routes are made of them.

use super::answer::{Problem, codes};
use super::{layers, request};
use crate::clients::Scope;
use actix_web::guard::{Any, Get, Head};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route};

/// What a request needs in order to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A probe: it needs no key and is never limited, because a 429 would take the instance out of service.
    Probe,
    Nothing,
    /// The signature of a source of callbacks. It covers the body, so the handler checks it.
    Signature,
    /// A client's key with this scope.
    Key(Scope),
}

impl Need {
    fn scope(self) -> Option<Scope> {
        match self {
            Need::Key(scope) => Some(scope),
            Need::Probe | Need::Nothing | Need::Signature => None,
        }
    }
}

/// One row: what a request needs for a method on a path, and its handler.
pub struct Endpoint {
    pub path: &'static str,
    pub method: Method,
    pub need: Need,
    /// Served only if the databases are the private ones, which the service starts itself.
    pub embedded_only: bool,
    /// Served on the operators' listener too, with the same need as everywhere.
    also_for_operators: bool,
    handler: fn(Route) -> Route,
    max_body_bytes: usize,
}

impl Endpoint {
    const fn new(
        method: Method,
        path: &'static str,
        need: Need,
        handler: fn(Route) -> Route,
    ) -> Endpoint {
        Endpoint {
            path,
            method,
            need,
            embedded_only: false,
            also_for_operators: false,
            handler,
            max_body_bytes: request::MAX_BODY_BYTES,
        }
    }

    /// Serves `HEAD` too; actix leaves the body out.
    pub const fn get(path: &'static str, need: Need, handler: fn(Route) -> Route) -> Endpoint {
        Endpoint::new(Method::GET, path, need, handler)
    }

    pub const fn post(path: &'static str, need: Need, handler: fn(Route) -> Route) -> Endpoint {
        Endpoint::new(Method::POST, path, need, handler)
    }

    pub const fn patch(path: &'static str, need: Need, handler: fn(Route) -> Route) -> Endpoint {
        Endpoint::new(Method::PATCH, path, need, handler)
    }

    pub const fn with_max_body_bytes(mut self, bytes: usize) -> Endpoint {
        self.max_body_bytes = bytes;
        self
    }

    pub const fn embedded_only(mut self) -> Endpoint {
        self.embedded_only = true;
        self
    }

    pub const fn also_for_operators(mut self) -> Endpoint {
        self.also_for_operators = true;
        self
    }

    pub fn methods(&self) -> Vec<&str> {
        match self.method {
            Method::GET => vec!["GET", "HEAD"],
            _ => vec![self.method.as_str()],
        }
    }

    fn route(&self, side: Side) -> Route {
        let route = match self.method {
            Method::GET => web::route().guard(Any(Get()).or(Head())),
            _ => web::method(self.method.clone()),
        };
        let route = (self.handler)(route);
        let open = |scope: &Scope| side == Side::Operators && *scope == Scope::Admin;
        match self.need.scope().filter(|scope| !open(scope)) {
            Some(scope) => route.wrap(from_fn(move |api, request, next| {
                layers::authorize(scope, side, api, request, next)
            })),
            None => route,
        }
    }
}

/// Whom a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Everybody: the only listener, with all routes, each with its need.
    All,
    /// Clients, where operators have a listener of their own: without the routes that are there alone.
    Clients,
    /// Operators (`server.admin_bind`): whoever can reach it may see the state of the service without a key.
    Operators,
}

impl Side {
    fn shows(self, endpoint: &Endpoint, embedded: bool) -> bool {
        if endpoint.embedded_only && !embedded {
            return false;
        }
        let for_operators = endpoint.need == Need::Key(Scope::Admin);
        match self {
            Side::All => true,
            Side::Clients => !for_operators,
            Side::Operators => {
                for_operators || endpoint.also_for_operators || endpoint.need == Need::Probe
            }
        }
    }
}

/// Gives actix the routes of one listener. Rows of one path must stand together in the table.
pub fn serve(table: &'static [Endpoint], side: Side, embedded: bool, config: &mut ServiceConfig) {
    config.app_data(side);
    let shown = table.iter().filter(|row| side.shows(row, embedded));
    let shown: Vec<_> = shown.collect();
    for rows in shown.chunk_by(|row, next| row.path == next.path) {
        if let [first, ..] = rows {
            config.service(resource(first.path, rows, side));
        }
    }
    config.default_service(web::to(|| async {
        Err::<HttpResponse, _>(Problem::new(&codes::NOT_FOUND, "nothing is served here"))
    }));
}

fn resource(path: &str, rows: &[&Endpoint], side: Side) -> Resource {
    let max_body_bytes = rows.iter().map(|row| row.max_body_bytes).max();
    let mut resource = web::resource(path)
        .app_data(web::PayloadConfig::new(max_body_bytes.unwrap_or(0)))
        .default_service(not_allowed(rows));
    for row in rows {
        resource = resource.route(row.route(side));
    }
    resource
}

fn not_allowed(rows: &[&Endpoint]) -> Route {
    let allowed: Vec<&str> = rows.iter().flat_map(|row| row.methods()).collect();
    let allowed = allowed.join(", ");
    web::to(move || {
        let problem = Problem::new(&codes::METHOD_NOT_ALLOWED, format!("allowed: {allowed}"));
        let header = HeaderValue::from_str(&allowed);
        let header = header.unwrap_or(HeaderValue::from_static(""));
        async move { Err::<HttpResponse, _>(problem.with_header(ALLOW, header)) }
    })
}
