//! The requests of the clients.

use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every key and every anchor id of a run begins like this, followed by a number.
pub const HANDLE: &str = "throughput-";

/// Numbers the creates, so that no two have the same number.
static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// POST with a fresh Idempotency-Key
    Create,
    /// POST with a fresh anchor_transaction_id and no key
    Natural,
    /// GET by id of a row that was created before
    Get,
    /// Four reads to each create
    Mix,
    /// Creates of which one in a hundred repeats the key of the one before, compared with creates that repeat none
    Duplicates,
}

/// One of so many creates repeats another one.
const REPEATED: u64 = 100;

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Work::Create => "create",
            Work::Natural => "natural",
            Work::Get => "get",
            Work::Mix => "mix",
            Work::Duplicates => "duplic.",
        })
    }
}

/// One request, with what is needed to judge its answer. Creates carry their number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Create(u64),
    Natural(u64),
    Get,
}

impl Ask {
    pub fn expects(self) -> StatusCode {
        match self {
            Ask::Create(_) | Ask::Natural(_) => StatusCode::CREATED,
            Ask::Get => StatusCode::OK,
        }
    }
}

/// A body without its closing brace.
pub const FIELDS: &str = r#"{"stellar_account":"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ","amount":"100.50","asset_code":"USDC","callback_type":"deposit","callback_status":"pending_external","memo":"payment ref","memo_type":"text","metadata":{"order":"A-17"}"#;

/// Makes the requests to one service.
#[derive(Clone)]
pub struct Requests {
    host: String,
    keyed_body: Bytes,
    /// The paths of rows that exist.
    known: Vec<String>,
}

impl Requests {
    pub fn to(address: SocketAddr) -> Requests {
        Requests {
            host: address.to_string(),
            keyed_body: format!("{FIELDS}}}").into(),
            known: Vec::new(),
        }
    }

    /// Sets the rows that may be read from now on.
    pub fn know(&mut self, ids: &[String]) {
        self.known = ids.iter().map(|id| format!("/transactions/{id}")).collect();
    }

    /// `turn` is the number of this request among those of its client.
    pub fn next(
        &self,
        work: Work,
        turn: usize,
    ) -> hyper::http::Result<(Ask, Request<Full<Bytes>>)> {
        match work {
            Work::Create => self.create(NEXT.fetch_add(1, Ordering::Relaxed)),
            Work::Duplicates => {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let repeats = number % REPEATED == REPEATED - 1;
                self.create(number - u64::from(repeats))
            }
            Work::Natural => self.natural(),
            Work::Get => self.get(turn),
            Work::Mix if turn.is_multiple_of(5) => {
                self.create(NEXT.fetch_add(1, Ordering::Relaxed))
            }
            Work::Mix => self.get(turn),
        }
    }

    fn create(&self, number: u64) -> hyper::http::Result<(Ask, Request<Full<Bytes>>)> {
        let request = self
            .to_path(Method::POST, "/transactions")
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", format!("{HANDLE}{number}"))
            .body(Full::new(self.keyed_body.clone()))?;
        Ok((Ask::Create(number), request))
    }

    fn natural(&self) -> hyper::http::Result<(Ask, Request<Full<Bytes>>)> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{FIELDS},"anchor_transaction_id":"{HANDLE}{number}"}}"#);
        let request = self
            .to_path(Method::POST, "/transactions")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body.into()))?;
        Ok((Ask::Natural(number), request))
    }

    fn get(&self, turn: usize) -> hyper::http::Result<(Ask, Request<Full<Bytes>>)> {
        let path = &self.known[turn % self.known.len()];
        let request = self.to_path(Method::GET, path).body(Full::default())?;
        Ok((Ask::Get, request))
    }

    fn to_path(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
    }
}
