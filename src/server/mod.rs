//! The HTTP server: what it binds to, what it takes, and how it stops.

mod drain;
mod limits;

pub use limits::Demand;

use crate::http::{self, Api};
use actix_web::middleware::from_fn;
use actix_web::rt::{System, SystemRunner};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Requests under way have so long to finish after the drain time; longer than any write deadline that a client would wait for.
const FINISH_TIMEOUT_S: u64 = 30;
/// A request must have come whole by then: its head here, its body in [`http`].
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that takes nothing of its answer for so long loses its connection.
const READER_TIMEOUT_MS: u32 = 30_000;

pub struct Server {
    pub addr: SocketAddr,
    system: SystemRunner,
    server: actix_web::dev::Server,
    api: Data<Api>,
    drain: Duration,
}

impl Server {
    /// Port 0 takes a free port: `addr` says which.
    pub fn bind(addr: SocketAddr, drain: Duration, demand: Demand, api: Api) -> io::Result<Server> {
        let connections = limits::connections(demand)?;
        let workers = std::thread::available_parallelism()?.get().min(connections);
        let api = Data::new(api);
        let shared = api.clone();
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .wrap(from_fn(http::envelope))
                .configure(http::routes)
        };
        let server = HttpServer::new(app)
            .workers(workers)
            .max_connections(connections / workers)
            // Nothing blocks here: leaders have threads of their own (`dispatch`).
            .worker_max_blocking_threads(1)
            // Longer than clients and load balancers keep a connection that they do not use (60 s as a rule): where the service closes
            // it first, it may do so just when a request is sent, and that request fails for nothing.
            .keep_alive(Duration::from_secs(75))
            .client_request_timeout(REQUEST_TIMEOUT)
            // Who closes a connection has gone, and what it waits for is dropped. Otherwise the creates of clients that have gone would
            // keep their places in a lane while there is no primary, and be stored when one comes.
            .h1_allow_half_closed(false)
            .on_connect(|socket, _| limit_slow_readers(socket))
            .shutdown_timeout(FINISH_TIMEOUT_S)
            .disable_signals()
            .bind(addr)?;
        let addr = server.addrs().first().copied().unwrap_or(addr);
        let system = System::new();
        #[expect(
            clippy::async_yields_async,
            reason = "it is made inside the runtime, and awaited by `run`"
        )]
        let server = system.block_on(async { server.run() });
        Ok(Server {
            addr,
            system,
            server,
            api,
            drain,
        })
    }

    /// Serves until SIGTERM or Ctrl-C, then drains: not ready at once, serving for the drain time, then only what is under way. A
    /// second signal ends at once.
    pub fn run(self) -> io::Result<()> {
        self.system.block_on(async {
            let stopper = actix_web::rt::spawn(drain::stop_on_signal(
                self.server.handle(),
                self.api,
                self.drain,
            )?);
            let result = self.server.await;
            stopper.abort();
            result
        })
    }
}

/// Without it, one that stops reading holds its connection, and the answer in it, for ever (RFC 5482; tcp(7), TCP_USER_TIMEOUT).
#[cfg(target_os = "linux")]
fn limit_slow_readers(socket: &dyn Any) {
    use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
    if let Some(socket) = socket.downcast_ref::<TcpStream>()
        && let Err(error) = setsockopt(socket, TcpUserTimeout, &READER_TIMEOUT_MS)
    {
        log::debug!(error:%; "a connection has no limit for slow readers");
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_slow_readers(_: &dyn Any) {}
