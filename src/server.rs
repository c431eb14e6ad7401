//! The HTTP server: limits, and how it stops.

use crate::api::{self, Api};
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Requests under way have so long to finish after the drain time; longer than any write deadline that a client would wait for.
const FINISH_TIMEOUT_S: u64 = 30;

pub struct Server {
    pub addr: SocketAddr,
    server: actix_web::dev::Server,
    api: Data<Api>,
    drain: Duration,
}

impl Server {
    /// Port 0 takes a free port: `addr` says which. Must be called in an actix runtime.
    pub fn bind(addr: SocketAddr, drain: Duration, api: Api) -> io::Result<Server> {
        let api = Data::new(api);
        let shared = api.clone();
        let app = move || App::new().app_data(shared.clone()).wrap(from_fn(api::envelope)).configure(api::routes);
        let server = HttpServer::new(app)
            .client_request_timeout(Duration::from_secs(10))
            .max_connections(10_000)
            .shutdown_timeout(FINISH_TIMEOUT_S)
            .disable_signals()
            .bind(addr)?;
        let addr = server.addrs().first().copied().unwrap_or(addr);
        Ok(Server { addr, server: server.run(), api, drain })
    }

    /// Serves until SIGTERM or Ctrl-C, then drains: not ready at once, serving for the drain time, then only what is under way. A
    /// second signal ends at once.
    pub async fn run(self) -> io::Result<()> {
        let stop = stop_on_signal(self.server.handle(), self.api, self.drain)?;
        let stopper = actix_web::rt::spawn(stop);
        let result = self.server.await;
        stopper.abort();
        result
    }
}

fn stop_on_signal(handle: ServerHandle, api: Data<Api>, drain: Duration) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        log::info!(drain_ms = drain.as_millis(); "stopping: not ready from now on, and still serving for the drain time");
        api.drain();
        let graceful = async {
            tokio::time::sleep(drain).await;
            handle.stop(true).await;
        };
        tokio::select! {
            () = graceful => {}
            () = async { tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} } } => {
                log::warn!("second signal: stopping at once");
                handle.stop(false).await;
            }
        }
    })
}
