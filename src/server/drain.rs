//! How the service stops: it says at once that it is not ready, serves on for the drain time, and then finishes the requests under way.

use crate::http::{Api, Traffic};
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals within this time are one stop: a terminal or a supervisor may send several.
const ONE_STOP: Duration = Duration::from_millis(250);
/// Between two checks whether a request is under way.
const PAUSE: Duration = Duration::from_millis(50);
/// So many checks in a row must find none: the body of an answer may have been handed over for sending, and not be sent yet.
const FLUSHED_AFTER_LOOKS: u32 = 10;

/// Stops the service once `when` is done.
pub async fn stop_after(
    when: impl Future<Output = io::Result<()>>,
    listeners: Vec<ServerHandle>,
    api: Data<Api>,
    drain: Duration,
) -> io::Result<()> {
    when.await?;
    log::info!(drain_ms = drain.as_millis(); "stopping: not ready from now on, and still serving for the drain time");
    api.drain();
    let graceful = async {
        tokio::time::sleep(drain).await;
        api.traffic.close();
        tokio::select! {
            () = stop(&listeners, true) => {}
            () = over(&api.traffic) => {}
        }
    };
    tokio::select! {
        () = graceful => {}
        () = second_signal() => {
            log::warn!("second signal: stopping at once");
            stop(&listeners, false).await;
        }
    }
    Ok(())
}

/// The first SIGTERM or Ctrl-C.
pub async fn first_signal() -> io::Result<()> {
    Signals::new()?.any().await;
    Ok(())
}

/// For after the first signal: waits for another one that does not belong to the same stop.
pub async fn second_signal() {
    tokio::time::sleep(ONE_STOP).await;
    match Signals::new() {
        Ok(signals) => signals.any().await,
        Err(_) => std::future::pending().await,
    }
}

/// Waits until no request is under way any more, and the last answer has been sent.
async fn over(traffic: &Traffic) {
    let mut looks = 0;
    while looks < FLUSHED_AFTER_LOOKS {
        tokio::time::sleep(PAUSE).await;
        looks = if traffic.is_over() { looks + 1 } else { 0 };
    }
}

/// Stops all of them at the same time.
async fn stop(listeners: &[ServerHandle], graceful: bool) {
    let stopping = listeners.iter().map(|listener| listener.stop(graceful));
    futures_util::future::join_all(stopping).await;
}

/// Catches SIGTERM and Ctrl-C as soon as it exists.
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
