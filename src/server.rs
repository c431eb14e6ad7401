//! The HTTP server: limits, and how it stops.

use crate::api::{self, Api};
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::rt::{System, SystemRunner};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Requests under way have so long to finish after the drain time; longer than any write deadline that a client would wait for.
const FINISH_TIMEOUT_S: u64 = 30;
/// Per worker.
const MAX_CONNECTIONS: usize = 10_000;

pub struct Server {
    pub addr: SocketAddr,
    system: SystemRunner,
    server: actix_web::dev::Server,
    api: Data<Api>,
    drain: Duration,
}

impl Server {
    /// Port 0 takes a free port: `addr` says which.
    pub fn bind(addr: SocketAddr, drain: Duration, api: Api) -> io::Result<Server> {
        let api = Data::new(api);
        let shared = api.clone();
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .wrap(from_fn(api::envelope))
                .configure(api::routes)
        };
        let server = HttpServer::new(app)
            // Longer than clients and load balancers keep a connection that they do not use (60 s as a rule): where the service closes
            // it first, it may do so just when a request is sent, and that request fails for nothing.
            .keep_alive(Duration::from_secs(75))
            .client_request_timeout(Duration::from_secs(10))
            .max_connections(MAX_CONNECTIONS)
            // Who closes a connection has gone, and what it waits for is dropped. Otherwise the creates of clients that have gone would
            // keep their places in a lane while there is no primary, and be stored when one comes.
            .h1_allow_half_closed(false)
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
            let stopper =
                actix_web::rt::spawn(stop_on_signal(self.server.handle(), self.api, self.drain)?);
            let result = self.server.await;
            stopper.abort();
            result
        })
    }
}

/// A terminal or a supervisor may send one stop as several signals.
const ONE_STOP: Duration = Duration::from_millis(250);

fn stop_on_signal(
    handle: ServerHandle,
    api: Data<Api>,
    drain: Duration,
) -> io::Result<impl Future<Output = ()>> {
    let first = Signals::new()?;
    Ok(async move {
        first.any().await;
        log::info!(drain_ms = drain.as_millis(); "stopping: not ready from now on, and still serving for the drain time");
        api.drain();
        let graceful = async {
            tokio::time::sleep(drain).await;
            handle.stop(true).await;
        };
        let second = async {
            tokio::time::sleep(ONE_STOP).await;
            match Signals::new() {
                Ok(signals) => signals.any().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = graceful => {}
            () = second => {
                log::warn!("second signal: stopping at once");
                handle.stop(false).await;
            }
        }
    })
}

/// SIGTERM and Ctrl-C, from now on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(mut self) {
        tokio::select! { _ = self.terminate.recv() => {}, _ = self.interrupt.recv() => {} }
    }
}
