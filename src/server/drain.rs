//! The stop: not ready at once, serving for the drain time, then finishing what is under way.

use crate::http::{Api, Traffic};
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A terminal or a supervisor may send one stop as several signals.
const ONE_STOP: Duration = Duration::from_millis(250);
/// Between two looks whether something is under way.
const PAUSE: Duration = Duration::from_millis(50);
/// The body of an answer may have been taken over for sending, and not be sent yet.
const FLUSHED_AFTER_LOOKS: u32 = 10;

/// `when`: the stop begins when it is done.
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

/// After the first one has come: another that is not the same stop.
pub async fn second_signal() {
    tokio::time::sleep(ONE_STOP).await;
    match Signals::new() {
        Ok(signals) => signals.any().await,
        Err(_) => std::future::pending().await,
    }
}

/// Nothing is under way any more, and what was sent last has left.
async fn over(traffic: &Traffic) {
    let mut looks = 0;
    while looks < FLUSHED_AFTER_LOOKS {
        tokio::time::sleep(PAUSE).await;
        looks = if traffic.is_over() { looks + 1 } else { 0 };
    }
}

/// All at the same time.
async fn stop(listeners: &[ServerHandle], graceful: bool) {
    let stopping = listeners.iter().map(|listener| listener.stop(graceful));
    futures_util::future::join_all(stopping).await;
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
