//! The time in which one node is the primary, and the question which replica has everything it acknowledged.
//!
//! One streaming replica is *named*: commits wait for it and for no other. It is *trusted* once commits are known
//! to wait and it has caught up: from then on it holds every acknowledged commit, even while it is cut off, until
//! the primary is told to wait for it no longer. Only a trusted replica is ever promoted.

use super::node::Node;
use crate::{User, sql};
use diesel::pg::PgConnection;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often the primary is asked who streams.
pub(super) const OBSERVE: Duration = Duration::from_millis(100);
const CONFIRM_LIMIT: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Synchrony {
    Off,
    Named(String),
    Trusted(String),
}

pub(super) struct Term {
    pub leader: Arc<Node>,
    followers: Vec<Arc<Node>>,
    synchronous: bool,
    synchrony: Mutex<Synchrony>,
    over: AtomicBool,
    /// What `synchrony` says, for others to read.
    trusts: Arc<AtomicBool>,
}

impl Term {
    pub fn new(
        leader: &Arc<Node>,
        followers: Vec<Arc<Node>>,
        synchronous: bool,
        trusts: &Arc<AtomicBool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            leader: Arc::clone(leader),
            followers,
            synchronous,
            synchrony: Mutex::new(Synchrony::Off),
            over: AtomicBool::new(false),
            trusts: Arc::clone(trusts),
        })
    }

    /// Returns the replica that holds every commit acknowledged in this term.
    pub fn end(&self) -> Option<Arc<Node>> {
        let mut synchrony = self.synchrony();
        self.over.store(true, Ordering::Relaxed);
        self.trusts.store(false, Ordering::Relaxed);
        match std::mem::replace(&mut *synchrony, Synchrony::Off) {
            Synchrony::Trusted(name) => self
                .followers
                .iter()
                .find(|node| node.name() == name)
                .cloned(),
            Synchrony::Off | Synchrony::Named(_) => None,
        }
    }

    /// Commits must not wait for a replica that is gone.
    pub fn lost(&self, follower: &Node) {
        let mut synchrony = self.synchrony();
        let named = matches!(&*synchrony, Synchrony::Named(name) | Synchrony::Trusted(name) if name == follower.name());
        if named {
            self.change(&mut synchrony, Synchrony::Off);
        }
    }

    /// Until the term ends; on a thread of its own, since a frozen primary may hold it for as long as it is frozen.
    pub fn watch(&self) {
        while !self.is_over() {
            // Errors here are the primary dying or starting; its death is the supervisor's to report.
            if let Err(error) = self.observe_until_error() {
                log::debug!(node = self.leader.name(); "cannot observe replication: {error}");
            }
            thread::sleep(OBSERVE);
        }
    }

    fn observe_until_error(&self) -> Result<(), String> {
        let mut connection = sql::connect(&self.leader.server.url(User::Superuser))?;
        while !self.is_over() {
            self.observe(&mut connection)?;
            thread::sleep(OBSERVE);
        }
        Ok(())
    }

    fn observe(&self, connection: &mut PgConnection) -> Result<(), String> {
        let question =
            "SELECT application_name AS value FROM pg_stat_replication WHERE state = 'streaming'";
        let streaming = sql::values(connection, question)?;
        let streams = |name: &str| streaming.iter().any(|other| other == name);
        self.followers
            .iter()
            .for_each(|node| node.seen(streams(node.name())));
        if !self.synchronous {
            return Ok(());
        }
        match self.name_one(&streams) {
            Some(named) => self.confirm(connection, &named),
            None => Ok(()),
        }
    }

    /// Returns the replica whose trust is still to be confirmed.
    fn name_one(&self, streams: &dyn Fn(&str) -> bool) -> Option<String> {
        let mut synchrony = self.synchrony();
        if self.is_over() {
            return None;
        }
        match synchrony.clone() {
            Synchrony::Trusted(name) if streams(&name) => None,
            Synchrony::Named(name) if streams(&name) => Some(name),
            Synchrony::Trusted(_) | Synchrony::Named(_) => {
                self.change(&mut synchrony, Synchrony::Off);
                None
            }
            Synchrony::Off => {
                let fit = |node: &&Arc<Node>| {
                    node.is_joined() && node.server.is_running() && streams(node.name())
                };
                let name = self.followers.iter().find(fit)?.name().to_owned();
                self.change(&mut synchrony, Synchrony::Named(name.clone()));
                Some(name)
            }
        }
    }

    /// The state is changed before the setting: nobody is trusted a moment longer than commits wait for him.
    fn change(&self, synchrony: &mut Synchrony, to: Synchrony) {
        let names = match &to {
            Synchrony::Off => String::new(),
            Synchrony::Named(name) | Synchrony::Trusted(name) => format!("\"{name}\""),
        };
        *synchrony = to;
        self.trusts.store(false, Ordering::Relaxed);
        let node = self.leader.name();
        match self
            .leader
            .server
            .reload(&[("synchronous_standby_names", &names)])
        {
            Ok(()) if names.is_empty() => {
                log::warn!(node; "replication is not synchronous any more")
            }
            Ok(()) => log::debug!(node, standby = names.as_str(); "commits wait for a standby"),
            Err(error) => log::error!(node; "cannot change synchronous replication: {error}"),
        }
    }

    fn confirm(&self, connection: &mut PgConnection, name: &str) -> Result<(), String> {
        let setting = "SELECT current_setting('synchronous_standby_names') AS value";
        let wanted = format!("\"{name}\"");
        let url = self.leader.server.url(User::Superuser);
        // A new session each time: the postmaster tells its sessions of new settings before it tells the checkpointer, and starts none
        // in between. One that exists already may know them earlier.
        let is_told = || Ok(sql::values(&mut sql::connect(&url)?, setting)?.contains(&wanted));
        if !eventually(is_told)? {
            return Ok(());
        }
        // Whether commits wait is a flag that the checkpointer sets when it reads the new setting, which it does
        // before it begins a checkpoint that is asked for.
        sql::execute(connection, "CHECKPOINT")?;
        let position = sql::values(
            connection,
            "SELECT pg_current_wal_insert_lsn()::text AS value",
        )?
        .concat();
        let caught_up = format!(
            "SELECT application_name AS value FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= '{position}'"
        );
        if eventually(|| {
            Ok(sql::values(connection, &caught_up)?
                .iter()
                .any(|other| other == name))
        })? {
            self.trust(name);
        }
        Ok(())
    }

    fn trust(&self, name: &str) {
        let mut synchrony = self.synchrony();
        if *synchrony == Synchrony::Named(name.to_owned()) {
            *synchrony = Synchrony::Trusted(name.to_owned());
            self.trusts.store(true, Ordering::Relaxed);
            log::info!(node = self.leader.name(), standby = name; "replication is synchronous");
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn synchrony(&self) -> MutexGuard<'_, Synchrony> {
        self.synchrony
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// False where it did not come true in time: the next observation tries again.
fn eventually(mut condition: impl FnMut() -> Result<bool, String>) -> Result<bool, String> {
    let end = Instant::now() + CONFIRM_LIMIT;
    while Instant::now() < end {
        if condition()? {
            return Ok(true);
        }
        thread::sleep(POLL);
    }
    Ok(false)
}
