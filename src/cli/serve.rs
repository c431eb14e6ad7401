//! `serve`: the databases, the server, and the order in which they start and stop.

use super::{Failure, schema};
use crate::db::url::DatabaseUrl;
use crate::db::{Databases, NodeOptions};
use crate::http::{Api, ApiOptions, Embedded, VERSION};
use crate::logging;
use crate::server::{Certificate, Server, StartError};
use crate::settings::{EmbeddedSettings, Settings};
use private_postgres::{Cluster, Durability, Options};
use sha2::{Digest, Sha256};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// A private PostgreSQL starts before the server and stops after it.
pub fn serve(settings: Settings, certificate: Option<Arc<Certificate>>) -> Result<(), Failure> {
    logging::start(&settings.log);
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
    let mut nodes = settings.database.nodes.clone();
    let embedded = if nodes.is_empty() {
        Some(start_embedded(&settings.embedded)?)
    } else {
        None
    };
    if let Some(Private { cluster, .. }) = &embedded {
        nodes = addresses_of(cluster)?;
    }
    let result = serve_on(
        nodes,
        settings,
        certificate,
        embedded.as_ref(),
        until_a_signal,
    );
    if let Some(Private { cluster, .. }) = &embedded {
        cluster.stop().map_err(|error| error.to_string())?;
    }
    result
}

/// The databases that the service starts itself.
pub(super) struct Private {
    pub cluster: Arc<Cluster>,
    pub data_dir: PathBuf,
}

/// `run` is given the server and runs it; the service ends when it returns.
pub(super) fn serve_on(
    nodes: Vec<NodeOptions>,
    settings: Settings,
    certificate: Option<Arc<Certificate>>,
    private: Option<&Private>,
    run: impl FnOnce(Server, Option<&Path>) -> io::Result<()>,
) -> Result<(), Failure> {
    let database = settings.database;
    let databases = Databases::start(
        nodes,
        database.availability,
        schema(database.migrate_on_start),
    )
    .map_err(|error| format!("cannot start the database threads: {error}"))?;
    let databases = Arc::new(databases);
    if settings.clients.is_empty() && private.is_none() {
        log::warn!(
            "no clients are configured: whoever reaches this address, through a proxy too, may do everything"
        );
    }
    let kill_primary = private.map(|private| killing(&private.cluster));
    let kill_primary = kill_primary.transpose()?;
    let options = ApiOptions {
        rules: settings.api,
        policy: database.policy,
        region: settings.server.region.clone(),
        embedded: kill_primary.map(|kill_primary| Embedded { kill_primary }),
        clients: settings.clients,
        limits: settings.limits,
        sources: settings.sources,
        trusted_proxies: settings.server.trusted_proxies.clone(),
    };
    let api = Api::start(databases.clone(), options);
    let api = api.map_err(|error| format!("cannot start the dispatch threads: {error}"))?;
    let server = Server::bind(
        &settings.server,
        certificate,
        databases.max_connections(),
        api,
    );
    let server = server.map_err(|error| match error {
        StartError::Address { .. } => Failure::Settings(error.to_string()),
        StartError::System(_) => Failure::Running(error.to_string()),
    });
    let served = server.and_then(|server| {
        let data_dir = private.map(|private| private.data_dir.as_path());
        run(server, data_dir)
            .map_err(|error| Failure::Running(format!("the server failed: {error}")))
    });
    databases.stop();
    served
}

fn until_a_signal(server: Server, data_dir: Option<&Path>) -> io::Result<()> {
    announce(&server, data_dir);
    if let Some(address) = server.admin_addr {
        log::info!(address:%; "serving operators");
    }
    server.run()
}

fn announce(server: &Server, data_dir: Option<&Path>) {
    let addr = server.addr;
    log::info!(address:% = addr, version = VERSION; "serving");
    let Some(data_dir) = data_dir else { return };
    log::warn!(data_dir:% = data_dir.display(); "the databases are private ones that the service starts itself: for evaluation and development, not \
        for production");
    say!(
        r#"
synapse-core {VERSION} serves on http://{addr}
  on a private PostgreSQL primary and replica; data in {data}

  Try:
    curl -s http://{addr}/health
    curl -s http://{addr}/transactions -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first-key' \
      -d '{{"stellar_account":"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ","amount":"100.50","asset_code":"USDC"}}'
    curl -s http://{addr}/transactions

  Watch:
    http://{operators}/dashboard    what the databases and the service are doing
    cargo run -- demo    a load, and a primary that is killed every ten seconds, on databases of its own

  Stop: Ctrl-C (PostgreSQL stops last)
"#,
        data = data_dir.display(),
        operators = server.admin_addr.unwrap_or(addr),
    );
}

pub(super) fn start_embedded(settings: &EmbeddedSettings) -> Result<Private, String> {
    let data_dir = match &settings.data_dir {
        Some(dir) => {
            std::path::absolute(dir).map_err(|error| format!("embedded.data_dir: {error}"))?
        }
        None => default_data_dir()?,
    };
    let options = Options {
        data_dir: data_dir.clone(),
        replicas: settings.replicas,
        bin_dir: settings.bin_dir.clone(),
        durability: Durability::Durable,
        synchronous: true,
    };
    Cluster::start(&options)
        .map(|cluster| Private {
            cluster: Arc::new(cluster),
            data_dir,
        })
        .map_err(|error| error.to_string())
}

/// Starts a thread that kills the primary whenever it gets an order; one further order may wait meanwhile. The thread ends when the last
/// sender is dropped.
fn killing(cluster: &Arc<Cluster>) -> Result<SyncSender<()>, String> {
    let (orders, inbox) = sync_channel(1);
    let cluster = cluster.clone();
    let run = move || {
        for () in inbox {
            log::warn!("the primary is killed, as the dashboard was asked to");
            if let Err(error) = cluster.kill_primary() {
                log::error!(error:%; "the primary could not be killed");
            }
        }
    };
    thread::Builder::new()
        .name("kill-primary".into())
        .spawn(run)
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    Ok(orders)
}

/// `data` in the working directory. If root starts the service, PostgreSQL runs as another user, who may not be allowed into the working
/// directory, for example a checkout under /root: then it is a directory below `/var/lib/synapse-core`.
pub(super) fn default_data_dir() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| format!("no working directory: {error}"))?;
    let closed = |dir: &Path| {
        dir.metadata()
            .is_ok_and(|meta| meta.permissions().mode() & 0o001 == 0)
    };
    if !nix::unistd::geteuid().is_root() || !here.ancestors().any(closed) {
        return Ok(here.join("data"));
    }
    let digest = Sha256::digest(here.as_os_str().as_encoded_bytes());
    let name = data_encoding::HEXLOWER.encode(&digest[..6]);
    Ok(Path::new("/var/lib/synapse-core").join(name))
}

pub(super) fn addresses_of(cluster: &Cluster) -> Result<Vec<NodeOptions>, String> {
    let parsed = cluster.nodes().into_iter().enumerate().map(|(i, node)| {
        let url = DatabaseUrl::parse(&node.url)
            .map_err(|error| format!("the private PostgreSQL's address {error}"))?;
        Ok(NodeOptions {
            name: format!("node-{}", i + 1),
            region: None,
            url,
        })
    });
    parsed.collect()
}
