//! The HTTP server: where it listens, its limits, and how it stops.

mod drain;
mod limits;
mod tls;

pub use drain::{first_signal, second_signal};
pub use tls::Certificate;

use crate::http::{self, Api, Side};
use crate::settings::ServerSettings;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::ServerHandle;
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::{System, SystemRunner};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use rustls::ServerConfig;
use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Requests under way have so long to finish after the drain time. One that may wait longer, by its own `X-Deadline-Ms`, is cut off; the
/// client can repeat it.
const FINISH_TIMEOUT_S: u64 = 30;
/// The head of a request must have arrived by then. For its body [`http`] has a limit of its own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that takes nothing of its answer for so long loses its connection.
const READER_TIMEOUT_MS: u32 = 30_000;

pub struct Server {
    pub addr: SocketAddr,
    pub admin_addr: Option<SocketAddr>,
    system: SystemRunner,
    listeners: Vec<actix_web::dev::Server>,
    api: Data<Api>,
    drain: Duration,
    _reloading: Option<tls::Reloading>,
}

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings name an address that cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Address {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("cannot start the server: {0}")]
    System(#[from] io::Error),
}

impl Server {
    /// Port 0 takes a free port, which `addr` tells. Without a certificate HTTP is in clear text.
    pub fn bind(
        settings: &ServerSettings,
        certificate: Option<Arc<Certificate>>,
        database_connections: usize,
        api: Api,
    ) -> Result<Server, StartError> {
        let (bind, admin_bind) = (settings.bind, settings.admin_bind);
        let demand = limits::Demand {
            clients: settings.max_connections,
            operators: admin_bind.map_or(0, |_| limits::OPERATORS),
            databases: database_connections,
        };
        let connections = limits::connections(demand)?;
        let workers = std::thread::available_parallelism()?;
        let workers = workers.get().min(connections);
        let system = System::new();
        let api = Data::new(api);
        let tls = certificate.as_ref().map(|it| it.config()).transpose();
        let tls = tls.map_err(io::Error::other)?;
        let reloading = certificate.map(|it| it.keep_up_to_date()).transpose()?;
        let listen = |address, side, workers, connections| {
            let listener = listen(address, side, workers, connections, tls.clone(), &api);
            listener.map_err(|error| StartError::Address { address, error })
        };
        let mut listeners = Vec::new();
        let side = admin_bind.map_or(Side::All, |_| Side::Clients);
        let (addr, server) = system.block_on(async { listen(bind, side, workers, connections) })?;
        listeners.push(server);
        let mut admin_addr = None;
        if let Some(bind) = admin_bind {
            let listening = async { listen(bind, Side::Operators, 1, limits::OPERATORS) };
            let (addr, server) = system.block_on(listening)?;
            admin_addr = Some(addr);
            listeners.push(server);
        }
        Ok(Server {
            addr,
            admin_addr,
            system,
            listeners,
            api,
            drain: settings.drain,
            _reloading: reloading,
        })
    }

    /// Serves until SIGTERM or Ctrl-C, and then stops in order: it says that it is not ready, serves on for the drain time, and finishes
    /// what is under way. A second signal ends that at once.
    pub fn run(self) -> io::Result<()> {
        self.run_until(first_signal())
    }

    /// The same, but stops when `when` is done, which runs beside the server.
    pub fn run_until(self, when: impl Future<Output = io::Result<()>>) -> io::Result<()> {
        self.system.block_on(async {
            actix_web::rt::spawn(http::take_samples(self.api.clone()));
            let handles: Vec<ServerHandle> = self.listeners.iter().map(|it| it.handle()).collect();
            let stop = drain::stop_after(when, handles, self.api, self.drain);
            let served = futures_util::future::try_join_all(self.listeners);
            tokio::select! {
                ended = served => ended.map(drop),
                stopped = stop => stopped,
            }
        })
    }
}

/// Must be called inside the runtime.
fn listen(
    address: SocketAddr,
    side: Side,
    workers: usize,
    connections: usize,
    tls: Option<ServerConfig>,
    api: &Data<Api>,
) -> io::Result<(SocketAddr, actix_web::dev::Server)> {
    let (api, traffic) = (api.clone(), api.traffic.clone());
    // Operators have no limit on their own listener: whoever shares their address could use it up and lock them out.
    let is_limited = side != Side::Operators;
    // The layer that is wrapped last is the outermost one.
    let app = move || {
        App::new()
            .app_data(api.clone())
            .wrap(Condition::new(is_limited, from_fn(http::rate)))
            .wrap(from_fn(http::streams))
            .wrap(from_fn(http::problems))
            .wrap(from_fn(http::record))
            .wrap(from_fn(http::who))
            .wrap(from_fn(http::headers))
            .wrap(from_fn(http::trace))
            .wrap(from_fn(http::request_id))
            .wrap(from_fn(http::few_streams))
            .configure(http::routes(side, &api))
    };
    let server = HttpServer::new(app)
        .workers(workers)
        .max_connections(connections / workers)
        // Nothing blocks here: leaders have threads of their own (`dispatch`).
        .worker_max_blocking_threads(1)
        // Longer than clients and load balancers keep idle connections (60 s as a rule). If the service closed one first, that could happen
        // just when a request is sent on it, and the request would fail for no reason.
        .keep_alive(Duration::from_secs(75))
        .client_request_timeout(REQUEST_TIMEOUT)
        // A client that closes its connection has gone, and its request is dropped. Otherwise the creates of clients that have gone would
        // keep their places in a lane while there is no primary, and be stored when one comes.
        .h1_allow_half_closed(false)
        .on_connect(move |socket, connection| {
            limit_slow_readers(socket);
            if speaks_http2(socket) {
                connection.insert(http::OpenStreams::default());
            } else {
                connection.insert(traffic.connection());
            }
        })
        .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
        .shutdown_timeout(FINISH_TIMEOUT_S)
        .disable_signals();
    let server = match tls {
        Some(tls) => server.bind_rustls_0_23(address, tls)?,
        None => server.bind(address)?,
    };
    let address = server.addrs().first().copied().unwrap_or(address);
    Ok((address, server.run()))
}

/// ALPN has agreed on HTTP/2. Without TLS there is no ALPN, and HTTP/1.1 is spoken.
fn speaks_http2(socket: &dyn Any) -> bool {
    let stream = socket.downcast_ref::<TlsStream<TcpStream>>();
    stream.is_some_and(|stream| stream.get_ref().1.alpn_protocol() == Some(b"h2"))
}

/// Otherwise a client that stops reading would hold its connection, and the answer in it, for ever (RFC 5482; tcp(7), TCP_USER_TIMEOUT).
#[cfg(target_os = "linux")]
fn limit_slow_readers(socket: &dyn Any) {
    use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
    let encrypted = socket.downcast_ref::<TlsStream<TcpStream>>();
    let encrypted = encrypted.map(|stream| stream.get_ref().0);
    if let Some(socket) = encrypted.or_else(|| socket.downcast_ref::<TcpStream>())
        && let Err(error) = setsockopt(socket, TcpUserTimeout, &READER_TIMEOUT_MS)
    {
        log::debug!(error:%; "a connection has no limit for slow readers");
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_slow_readers(_: &dyn Any) {}
