//! `demo`: the same server as `serve` on a private PostgreSQL of its own, with a load, while the primary is killed again and again.
//!
//! The server runs on this thread, as it does in `serve`. `conduct` runs beside it: first the load, then the checker. Ctrl-C ends the load;
//! the server is stopped when there is a verdict, and PostgreSQL last.

mod audit;
mod checker;
mod disaster;
mod load;
mod request;
mod show;
mod stage;
mod stop;
mod verdict;

use super::Failure;
use super::serve::{Private, addresses_of, default_data_dir, serve_on, start_embedded};
use crate::http::VERSION;
use crate::logging;
use crate::server::{first_signal, second_signal};
use crate::settings::Settings;
use clap::Args;
use private_postgres::Cluster;
use stage::Stage;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};
use stop::Stop;
use tokio::sync::oneshot;
use verdict::Verdict;

#[derive(Args)]
pub struct DemoArgs {
    /// End after so many seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    /// Seconds from one kill of the primary to the next
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    kill_every: u32,
    /// Clients that write; half as many read
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=64))]
    clients: u16,
}

/// At most so many events wait to be shown.
const MOST_EVENTS: usize = 64;

pub fn demo(mut settings: Settings, arguments: &DemoArgs) -> Result<(), Failure> {
    logging::start(&settings.log);
    let data_dir = data_dir(settings.embedded.data_dir)?;
    settings.embedded.data_dir = Some(data_dir);
    let private = start_embedded(&settings.embedded)?;
    let verdict = demo_on(&private, settings, arguments);
    let Private { cluster, data_dir } = &private;
    cluster.stop().map_err(|error| error.to_string())?;
    let verdict = verdict?;
    if !verdict.is_clean {
        return Err(Failure::Running(format!(
            "the verdict is not clean; the databases are kept in {}",
            data_dir.display()
        )));
    }
    remove_databases(cluster, data_dir);
    Ok(())
}

/// The directory `demo` inside that of the embedded databases, which are left alone.
fn data_dir(embedded: Option<PathBuf>) -> Result<PathBuf, String> {
    let embedded = embedded.map_or_else(default_data_dir, Ok)?;
    Ok(embedded.join("demo"))
}

/// Called after a clean verdict, when nobody needs the databases any more. PostgreSQL itself is kept, if it was downloaded there.
fn remove_databases(cluster: &Cluster, data_dir: &Path) {
    for node in cluster.nodes() {
        let dir = data_dir.join(node.name);
        if let Err(error) = fs::remove_dir_all(&dir) {
            log::error!("cannot remove {}: {error}", dir.display());
        }
    }
}

fn demo_on(
    private: &Private,
    settings: Settings,
    arguments: &DemoArgs,
) -> Result<Verdict, Failure> {
    let Private { cluster, data_dir } = private;
    let stop = &Stop::default();
    let (over, is_over) = oneshot::channel();
    thread::scope(|scope| {
        let mut conductor = None;
        let nodes = addresses_of(cluster)?;
        let served = serve_on(nodes, settings, None, Some(private), |server, _| {
            let address = server.addr;
            conductor = Some(scope.spawn(move || {
                let verdict = conduct(stop, cluster, address, data_dir, arguments);
                drop(over); // tells `until_over`, if that still waits
                verdict
            }));
            server.run_until(until_over(stop, is_over))
        });
        // If the server has failed, the conductor has nobody to ask, and must end.
        stop.break_off();
        let verdict = conductor.map(|it| it.join());
        served?;
        match verdict {
            Some(Ok(verdict)) => Ok(verdict?),
            _ => Err(Failure::Running("a thread of the demo panicked".into())),
        }
    })
}

/// Ends the load at the first signal, and everything at the second one. Returns when the conductor is done, or at the second signal.
async fn until_over(stop: &Stop, mut is_over: oneshot::Receiver<()>) -> io::Result<()> {
    tokio::select! {
        signal = first_signal() => signal?,
        _ = &mut is_over => return Ok(()),
    }
    stop.end();
    tokio::select! {
        () = second_signal() => stop.break_off(),
        _ = &mut is_over => {}
    }
    Ok(())
}

fn conduct(
    stop: &Stop,
    cluster: &Cluster,
    address: SocketAddr,
    data_dir: &Path,
    arguments: &DemoArgs,
) -> Result<Verdict, String> {
    let mut stage = Stage::new(stop, address);
    disaster::until_well(&stage, cluster)?;
    stage.began = Instant::now();
    let (writers, readers) = (arguments.clients, arguments.clients / 2);
    super::write(&format!(
        "
synapse-core {VERSION} demo on http://{address}, with databases of its own in {data}
  whatever databases are configured are left alone
  {writers} clients write and {readers} read, the primary is killed every {every} s
  look at it: http://{address}/dashboard
  end it: Ctrl-C, then the checker reads everything back

",
        data = data_dir.display(),
        every = arguments.kill_every,
    ))?;
    let every = Duration::from_secs(arguments.kill_every.into());
    let limit = arguments.seconds.map(|s| Duration::from_secs(s.into()));
    let (tell, events) = sync_channel(MOST_EVENTS);
    thread::scope(|scope| {
        let (stage, tell) = (&stage, &tell);
        (0..writers).for_each(|_| drop(scope.spawn(move || load::write(stage))));
        (0..readers).for_each(|_| drop(scope.spawn(move || load::read(stage))));
        scope.spawn(|| audit::audit(stage));
        scope.spawn(|| disaster::watch(stage, tell));
        scope.spawn(|| disaster::kill(stage, cluster, every, tell));
        show::show(stage, &events, limit);
    });
    let verdict = Verdict::of(&stage)?;
    super::write(&verdict.text)?;
    Ok(verdict)
}
