//! The directory that holds the servers of one cluster and their passwords. It is locked, so only one process uses it at a time.

mod passwords;
pub(crate) mod private_file;

use self::passwords::Passwords;
use crate::account::{Account, check_traversable};
use crate::{Binaries, Error, process};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives a loss of power.
    Durable,
    /// `fsync = off`: survives the death of its processes, not of the machine. For tests.
    Fast,
}

/// The database users of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Owns the database `synapse`, and may read the replication views.
    Application,
    Superuser,
    Replicator,
}

impl User {
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "synapse",
            Self::Superuser => "postgres",
            Self::Replicator => "replicator",
        }
    }
}

pub struct Home {
    pub(crate) dir: PathBuf,
    pub(crate) binaries: Binaries,
    pub(crate) durability: Durability,
    pub(crate) account: Option<Account>,
    passwords: Passwords,
    _lock: Flock<File>,
}

impl Home {
    /// Creates the directory if needed, and locks it until the last server in it is dropped.
    pub fn open(
        dir: &Path,
        binaries: Binaries,
        durability: Durability,
    ) -> Result<Arc<Self>, Error> {
        let (dir, lock) = lock(dir)?;
        Self::locked(dir, lock, binaries, durability)
    }

    pub(crate) fn locked(
        dir: PathBuf,
        lock: Flock<File>,
        binaries: Binaries,
        durability: Durability,
    ) -> Result<Arc<Self>, Error> {
        let account = Account::of_this_process()?;
        check_traversable(account.as_ref(), &dir)?;
        check_traversable(account.as_ref(), &binaries.dir)?;
        let passwords = Passwords::load_or_create(&dir)?;
        Ok(Arc::new(Self {
            dir,
            binaries,
            durability,
            account,
            passwords,
            _lock: lock,
        }))
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn data_dir(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn password(&self, user: User) -> &str {
        self.passwords.of(user)
    }

    /// Prepares a command: the right account, a clean environment, and that it ends with this process.
    pub(crate) fn command(&self, mut command: Command) -> Command {
        process::prepare(&mut command, self.account.as_ref(), &self.dir);
        command
    }

    pub(crate) fn no_sync(&self) -> bool {
        self.durability == Durability::Fast
    }
}

/// Creates and locks the directory, and returns its canonical path.
pub(crate) fn lock(dir: &Path) -> Result<(PathBuf, Flock<File>), Error> {
    fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    let dir = fs::canonicalize(dir).map_err(Error::io("find", dir))?;
    if nix::unistd::geteuid().is_root() {
        open_to_the_account(&dir)?;
    }
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path);
    let file = file.map_err(Error::io("open", &path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok((dir, lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(Error::Locked { directory: dir }),
        Err((_, errno)) => Err(Error::io("lock", &path)(errno.into())),
    }
}

/// The account must be able to pass through this directory to the data, but need not read it.
fn open_to_the_account(dir: &Path) -> Result<(), Error> {
    let meta = fs::metadata(dir).map_err(Error::io("read", dir))?;
    let mode = meta.permissions().mode();
    if mode & 0o011 == 0o011 {
        return Ok(());
    }
    let wider = Permissions::from_mode(mode | 0o011);
    fs::set_permissions(dir, wider).map_err(Error::io("change the mode of", dir))
}
