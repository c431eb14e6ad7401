//! A primary and its replicas as one thing: started, found again after any kind of end, stopped.

mod lineage;
mod node;
mod recovery;
mod reign;
mod replication;
mod supervisor;

use self::node::Node;
use self::supervisor::{Supervisor, View};
use crate::home;
use crate::{Binaries, Durability, Error, Home, Server, StopMode, User};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// For a server that alone can be the primary: all one can do is wait until it has replayed what it has.
const PROMOTE_LIMIT: Duration = Duration::from_secs(600);

#[derive(Debug, Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    pub replicas: u8,
    /// The directory of the PostgreSQL programs. None: it is looked for.
    pub bin_dir: Option<PathBuf>,
    pub durability: Durability,
    /// Whether commits wait for a replica, as long as one streams.
    pub synchronous: bool,
}

/// Where a node listens. Its role may change, but not its name and address.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeAddress {
    pub name: String,
    /// Contains the password of the application's user.
    pub url: String,
}

/// Shows no password.
impl std::fmt::Debug for NodeAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeAddress")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

pub struct Cluster {
    nodes: Vec<Arc<Node>>,
    view: Arc<View>,
    supervisor: Mutex<Option<Running>>,
}

struct Running {
    /// The supervisor stops when this is dropped.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Cluster {
    /// Returns when the primary accepts connections and the replicas stream. A replica that cannot be started is
    /// only logged, and tried again in the background.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let (dir, lock) = home::lock(&options.data_dir)?;
        let databases = lineage::databases_in(&dir)?;
        let major = databases.first().map(|(_, major)| *major);
        let binaries = Binaries::find(options.bin_dir.as_deref(), major, &dir.join("bin"))?;
        let home = Home::locked(dir, lock, binaries, options.durability)?;
        let names: Vec<String> = databases.into_iter().map(|(name, _)| name).collect();
        let primary = match lineage::primary_of(&home, &names)? {
            Some(server) => server,
            None => Server::init(&home, lineage::FIRST)?,
        };
        lead(&primary)?;
        let mut nodes = vec![Arc::new(Node::new(primary))];
        for name in other_names(options.replicas, nodes[0].name()) {
            let replica = replica_of(&nodes[0].server, &home, &name)?;
            nodes.push(Arc::new(replica));
        }
        Self::supervised(nodes, options.synchronous)
    }

    fn supervised(nodes: Vec<Arc<Node>>, synchronous: bool) -> Result<Self, Error> {
        let view = Arc::<View>::default();
        let supervisor = Supervisor::new(nodes.clone(), Arc::clone(&view), synchronous);
        let (stop, stopped) = channel();
        let thread = thread::Builder::new()
            .name("postgres-supervisor".into())
            .spawn(move || supervisor.run(&stopped))
            .map_err(Error::io(
                "start a thread for",
                nodes[0].server.home().dir(),
            ))?;
        Ok(Self {
            nodes,
            view,
            supervisor: Mutex::new(Some(Running { stop, thread })),
        })
    }

    /// In the order of their names. "primary" is the node that was made as the first primary, and may be a replica now.
    pub fn nodes(&self) -> Vec<NodeAddress> {
        let address = |node: &Arc<Node>| NodeAddress {
            name: node.name().to_owned(),
            url: node.server.url(User::Application),
        };
        let mut nodes: Vec<NodeAddress> = self.nodes.iter().map(address).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes
    }

    /// For tests and operators. The supervisor repairs whatever is done to them.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().map(|node| &node.server)
    }

    /// The present primary; during a failover the previous one.
    pub fn primary(&self) -> &Server {
        &self.nodes[self.view.primary.load(Ordering::Relaxed)].server
    }

    /// Whether a replica holds every acknowledged write, and would be promoted if the primary died now.
    pub fn trusts_a_replica(&self) -> bool {
        self.view.trusts.load(Ordering::Relaxed)
    }

    /// Ends the primary and all its children at once, as if its machine were lost: for demonstrations. The supervisor promotes a replica,
    /// and brings the dead server back as a replica.
    pub fn kill_primary(&self) -> Result<(), Error> {
        self.primary().end_now()
    }

    /// Stops the replicas first, so that they do not report the loss of their primary. Every server ends within a bounded time, and cannot
    /// be started again. The directory can be used by another cluster when this value is dropped.
    pub fn stop(&self) -> Result<(), Error> {
        self.shut_down(StopMode::Fast)
    }

    fn shut_down(&self, mode: StopMode) -> Result<(), Error> {
        let running = self.supervisor.lock().take();
        let Some(Running { stop, thread }) = running else {
            return Ok(());
        };
        drop(stop);
        // A failover that is running now cannot start a server any more, and fails.
        self.nodes.iter().for_each(|node| node.server.retire());
        let primary = self.view.primary.load(Ordering::Relaxed);
        let (primary, replicas): (Vec<_>, Vec<_>) = self
            .nodes
            .iter()
            .enumerate()
            .partition(|(index, _)| *index == primary);
        let order = replicas.into_iter().chain(primary);
        let results: Vec<Result<(), Error>> =
            order.map(|(_, node)| node.server.stop(mode)).collect();
        if thread.join().is_err() {
            log::error!("the supervisor panicked");
        }
        results.into_iter().collect()
    }
}

/// Stops all servers, less cleanly than `stop` does.
impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.shut_down(StopMode::Immediate) {
            log::error!("{error}");
        }
    }
}

/// Starts the primary, which is not running. It may still be a standby, if its promotion was not finished because of a failure or the end
/// of an earlier run.
fn lead(primary: &Server) -> Result<(), Error> {
    primary.undo_half_a_promotion()?;
    primary.start()?;
    if primary.is_standby() {
        primary.promote_within(PROMOTE_LIMIT)?;
    }
    Ok(())
}

fn replica_of(primary: &Server, home: &Arc<Home>, name: &str) -> Result<Node, Error> {
    let node = Node::new(Server::open(home, name)?);
    match replication::join(primary, &node.server) {
        Ok(()) => node.set_joined(true),
        Err(error) => log::error!(node = name; "cannot start the replica: {error}"),
    }
    Ok(node)
}

fn other_names(replicas: u8, primary: &str) -> Vec<String> {
    let all = std::iter::once(lineage::FIRST.to_owned())
        .chain((1..=usize::from(replicas)).map(lineage::replica_name));
    all.filter(|name| name != primary)
        .take(usize::from(replicas))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_are_as_many_as_wanted_whoever_leads() {
        assert_eq!(other_names(1, "primary"), ["replica-1"]);
        assert_eq!(other_names(1, "replica-1"), ["primary"]);
        assert_eq!(other_names(0, "replica-1"), [""; 0]);
        assert_eq!(other_names(2, "replica-1"), ["primary", "replica-2"]);
    }

    #[test]
    fn an_address_does_not_show_its_password() {
        let node = NodeAddress {
            name: "primary".into(),
            url: "postgres://synapse:secret@x/".into(),
        };
        assert!(!format!("{node:?}").contains("secret"));
    }
}
