//! A reign is the time in which one node is the primary. It knows which replica has everything that this primary has acknowledged.
//!
//! One streaming replica is *named*: commits wait for it and for no other. It is *trusted* once it is certain that commits wait for it, and
//! it has caught up: from then on it holds every acknowledged commit, even while it is cut off, until the primary is told not to wait for
//! it any more. Only a trusted replica is ever promoted.

use super::node::Node;
use crate::{Error, User, sql};
use diesel::pg::PgConnection;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the primary is asked which replicas stream.
pub(super) const OBSERVE: Duration = Duration::from_millis(100);
const CONFIRM_LIMIT: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Synchrony {
    Off,
    Named(String),
    Trusted(String),
}

struct Setting {
    synchrony: Synchrony,
    /// Whether the primary was told. If its settings file could not be written (a full disk), it is told again until that succeeds: commits
    /// may be waiting for a replica that is gone.
    told: bool,
}

pub(super) struct Reign {
    pub primary: Arc<Node>,
    followers: Vec<Arc<Node>>,
    synchronous: bool,
    setting: Mutex<Setting>,
    over: AtomicBool,
    /// Whether a replica is trusted, for other threads to read.
    trusts: Arc<AtomicBool>,
}

impl Reign {
    pub fn new(
        primary: &Arc<Node>,
        followers: Vec<Arc<Node>>,
        synchronous: bool,
        trusts: &Arc<AtomicBool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            primary: Arc::clone(primary),
            followers,
            synchronous,
            setting: Mutex::new(Setting {
                synchrony: Synchrony::Off,
                told: true,
            }),
            over: AtomicBool::new(false),
            trusts: Arc::clone(trusts),
        })
    }

    /// Ends the reign, and returns the replica that holds every commit acknowledged in it, if there is one.
    pub fn end(&self) -> Option<Arc<Node>> {
        let mut setting = self.setting.lock();
        self.over.store(true, Ordering::Relaxed);
        self.trusts.store(false, Ordering::Relaxed);
        match std::mem::replace(&mut setting.synchrony, Synchrony::Off) {
            Synchrony::Trusted(name) => self
                .followers
                .iter()
                .find(|node| node.name() == name)
                .cloned(),
            Synchrony::Off | Synchrony::Named(_) => None,
        }
    }

    /// Commits must not wait for a replica that is lost.
    pub fn lost(&self, follower: &Node) {
        let mut setting = self.setting.lock();
        let named = matches!(&setting.synchrony, Synchrony::Named(name) | Synchrony::Trusted(name) if name == follower.name());
        if named {
            self.change(&mut setting, Synchrony::Off);
        }
    }

    /// Watches until the reign ends. It needs a thread of its own, since it hangs on a frozen primary.
    pub fn watch(&self) {
        let mut connection = None;
        while !self.is_over() {
            self.tell_again();
            // Errors happen while the primary dies or starts; its death is reported by the supervisor.
            if let Err(error) = self.observe(&mut connection) {
                connection = None;
                log::debug!(node = self.primary.name(); "cannot observe replication: {error}");
            }
            thread::sleep(OBSERVE);
        }
    }

    fn observe(&self, connection: &mut Option<PgConnection>) -> Result<(), String> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(sql::connect(&self.primary.server.url(User::Superuser))?),
        };
        let question =
            "SELECT application_name AS value FROM pg_stat_replication WHERE state = 'streaming'";
        let streaming = sql::values(connection, question)?;
        // The children of a postmaster that has died end one after the other, and its walsenders often before this session. What the
        // session sees then is no reason to give up trust: the replica holds all that was acknowledged, and must be promoted.
        if !self.primary.server.is_running() {
            return Err("the primary has ended".to_owned());
        }
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

    /// Chooses a replica to name, if there is none. Returns the one that is named and not trusted yet.
    fn name_one(&self, streams: &dyn Fn(&str) -> bool) -> Option<String> {
        let mut setting = self.setting.lock();
        if self.is_over() {
            return None;
        }
        match setting.synchrony.clone() {
            Synchrony::Trusted(name) if streams(&name) => None,
            Synchrony::Named(name) if streams(&name) => Some(name),
            Synchrony::Trusted(_) | Synchrony::Named(_) => {
                self.change(&mut setting, Synchrony::Off);
                None
            }
            Synchrony::Off => {
                let fit = |node: &&Arc<Node>| {
                    node.is_joined() && node.server.is_running() && streams(node.name())
                };
                let name = self.followers.iter().find(fit)?.name().to_owned();
                self.change(&mut setting, Synchrony::Named(name.clone()));
                Some(name)
            }
        }
    }

    /// The state is changed before the primary is told, so that no replica is trusted when commits no longer wait for it.
    fn change(&self, setting: &mut Setting, to: Synchrony) {
        setting.synchrony = to;
        self.trusts.store(false, Ordering::Relaxed);
        if let Err(error) = self.tell(setting) {
            log::error!(node = self.primary.name(); "cannot change synchronous replication, which is tried again: {error}");
        }
    }

    fn tell(&self, setting: &mut Setting) -> Result<(), Error> {
        let names = match &setting.synchrony {
            Synchrony::Off => String::new(),
            Synchrony::Named(name) | Synchrony::Trusted(name) => format!("\"{name}\""),
        };
        setting.told = false;
        let (node, server) = (self.primary.name(), &self.primary.server);
        server.reload(&[("synchronous_standby_names", &names)])?;
        setting.told = true;
        match names.as_str() {
            "" => log::warn!(node; "replication is not synchronous any more"),
            standby => log::debug!(node, standby; "commits wait for a standby"),
        }
        Ok(())
    }

    fn tell_again(&self) {
        let mut setting = self.setting.lock();
        if setting.told || self.is_over() {
            return;
        }
        if let Err(error) = self.tell(&mut setting) {
            log::debug!(node = self.primary.name(); "still cannot change synchronous replication: {error}");
        }
    }

    fn confirm(&self, connection: &mut PgConnection, name: &str) -> Result<(), String> {
        let setting = "SELECT current_setting('synchronous_standby_names') AS value";
        let wanted = format!("\"{name}\"");
        let url = self.primary.server.url(User::Superuser);
        // A new session each time: the postmaster tells its sessions of new settings before it tells the checkpointer, and starts no
        // session in between. A session that exists already may have the settings before the checkpointer.
        let is_told = || Ok(sql::values(&mut sql::connect(&url)?, setting)?.contains(&wanted));
        if !eventually(is_told)? {
            return Ok(());
        }
        // Commits wait because of a flag that the checkpointer sets when it reads the new setting. It does that before it begins a
        // checkpoint that was requested.
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
        let mut setting = self.setting.lock();
        if setting.synchrony == Synchrony::Named(name.to_owned()) {
            setting.synchrony = Synchrony::Trusted(name.to_owned());
            self.trusts.store(true, Ordering::Relaxed);
            log::info!(node = self.primary.name(), standby = name; "replication is synchronous");
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// False: the condition was not met in time. The next observation tries again.
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
