//! A primary and its replicas as one thing: started, found again after any end, stopped.

use super::home::{self, Durability, Home, User};
use super::{Binaries, Error, Server, StopMode, lineage, replication};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    pub replicas: u8,
    /// Where the PostgreSQL programs are; looked for where not given.
    pub bin_dir: Option<PathBuf>,
    pub durability: Durability,
    /// A commit waits for a replica while one streams.
    pub synchronous: bool,
}

/// Where a node listens. Its role may change; its name and address do not.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeAddress {
    pub name: String,
    /// With the password of the application's user.
    pub url: String,
}

/// Shows no password.
impl std::fmt::Debug for NodeAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeAddress").field("name", &self.name).finish_non_exhaustive()
    }
}

pub struct Cluster {
    /// The primary of the start first.
    servers: Vec<Arc<Server>>,
}

impl Cluster {
    /// Returns when the primary accepts connections. A replica that cannot be started is only logged.
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
        let mut servers = vec![Arc::new(primary)];
        for name in other_names(options.replicas, servers[0].name()) {
            servers.push(Arc::new(replica_of(&servers[0], &home, &name)?));
        }
        Ok(Self { servers })
    }

    /// In the order of their names; "primary" is where the first primary was made, not what it is now.
    pub fn nodes(&self) -> Vec<NodeAddress> {
        let address = |server: &Arc<Server>| NodeAddress { name: server.name().to_owned(), url: server.url(User::Application) };
        let mut nodes: Vec<NodeAddress> = self.servers.iter().map(address).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes
    }

    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// The replicas first, so that they do not report the loss of their primary. Every server ends, in bounded time.
    pub fn stop(self) -> Result<(), Error> {
        let results: Vec<Result<(), Error>> = self.servers.iter().rev().map(|server| server.stop(StopMode::Fast)).collect();
        results.into_iter().collect()
    }
}

/// All of them are standbys only where a run died in the middle of a failover.
fn lead(primary: &Server) -> Result<(), Error> {
    primary.start()?;
    if primary.is_standby() {
        primary.promote()?;
    }
    Ok(())
}

fn replica_of(primary: &Server, home: &Arc<Home>, name: &str) -> Result<Server, Error> {
    let replica = Server::open(home, name)?;
    if let Err(error) = replication::join(primary, &replica) {
        log::error!(node = name; "cannot start the replica: {error}");
    }
    Ok(replica)
}

fn other_names(replicas: u8, primary: &str) -> Vec<String> {
    let all = std::iter::once(lineage::FIRST.to_owned()).chain((1..=usize::from(replicas)).map(lineage::replica_name));
    all.filter(|name| name != primary).take(usize::from(replicas)).collect()
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
        let node = NodeAddress { name: "primary".into(), url: "postgres://synapse:secret@x/".into() };
        assert!(!format!("{node:?}").contains("secret"));
    }
}
