//! The directory that holds the servers of one cluster: locked, with its passwords, used by one process at a time.

use super::account::{Account, check_traversable};
use super::{Binaries, Error};
use nix::fcntl::{Flock, FlockArg};
use rand::distr::{Alphanumeric, SampleString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
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
    pub(super) dir: PathBuf,
    pub(super) binaries: Binaries,
    pub(super) durability: Durability,
    pub(super) account: Option<Account>,
    passwords: Passwords,
    _lock: Flock<File>,
}

impl Home {
    /// Creates the directory where needed, and locks it until the last server of it is dropped.
    pub fn open(
        dir: &Path,
        binaries: Binaries,
        durability: Durability,
    ) -> Result<Arc<Self>, Error> {
        let (dir, lock) = lock(dir)?;
        Self::locked(dir, lock, binaries, durability)
    }

    pub(super) fn locked(
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

    pub(super) fn data_dir(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn password(&self, user: User) -> &str {
        match user {
            User::Application => &self.passwords.application,
            User::Superuser => &self.passwords.superuser,
            User::Replicator => &self.passwords.replicator,
        }
    }

    /// A command of ours: right account, clean environment, ends with us.
    pub(super) fn command(&self, mut command: Command) -> Command {
        super::process::prepare(&mut command, self.account.as_ref(), &self.dir);
        command
    }

    pub(super) fn no_sync(&self) -> bool {
        self.durability == Durability::Fast
    }
}

/// Creates and locks the directory, and returns its true path.
pub(super) fn lock(dir: &Path) -> Result<(PathBuf, Flock<File>), Error> {
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

/// The account must get through this directory to the data, but need not read it.
fn open_to_the_account(dir: &Path) -> Result<(), Error> {
    let meta = fs::metadata(dir).map_err(Error::io("read", dir))?;
    let mode = meta.permissions().mode();
    if mode & 0o011 == 0o011 {
        return Ok(());
    }
    let wider = Permissions::from_mode(mode | 0o011);
    fs::set_permissions(dir, wider).map_err(Error::io("change the mode of", dir))
}

/// Neither Debug nor Display, so that no log can show it.
struct Passwords {
    superuser: String,
    replicator: String,
    application: String,
}

impl Passwords {
    fn load_or_create(dir: &Path) -> Result<Self, Error> {
        let file = dir.join("passwords");
        match fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text).ok_or(Error::PasswordsMalformed { file }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::no_database_yet(dir, &file)?;
                let fresh = Self::generate();
                write_private(&file, &fresh.to_text())?;
                Ok(fresh)
            }
            Err(error) => Err(Error::io("read", &file)(error)),
        }
    }

    /// New passwords would not open a database that exists.
    fn no_database_yet(dir: &Path, file: &Path) -> Result<(), Error> {
        let entries = fs::read_dir(dir).map_err(Error::io("read", dir))?;
        let data = entries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_none() && path.join("PG_VERSION").exists());
        match data {
            None => Ok(()),
            Some(data) => Err(Error::PasswordsMissing {
                file: file.to_owned(),
                data,
            }),
        }
    }

    fn generate() -> Self {
        let password = || Alphanumeric.sample_string(&mut rand::rng(), 32);
        Self {
            superuser: password(),
            replicator: password(),
            application: password(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let of = |user: User| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(user.name())?.strip_prefix(':'))?;
            let plain = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_alphanumeric());
            plain.then(|| line.to_owned())
        };
        Some(Self {
            superuser: of(User::Superuser)?,
            replicator: of(User::Replicator)?,
            application: of(User::Application)?,
        })
    }

    fn to_text(&self) -> String {
        let line = |user: User, password: &str| format!("{}:{password}\n", user.name());
        line(User::Superuser, &self.superuser)
            + &line(User::Replicator, &self.replicator)
            + &line(User::Application, &self.application)
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub(super) fn write_private(path: &Path, content: &str) -> Result<(), Error> {
    write_private_for(None, path, content)
}

pub(super) fn write_private_for(
    account: Option<&Account>,
    path: &Path,
    content: &str,
) -> Result<(), Error> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // A leftover of a run that died; `create_new` below follows no symlink that someone may have put there.
    let _ = fs::remove_file(&part);
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    write().map_err(Error::io("write", &part))?;
    super::account::give(account, &part)?;
    fs::rename(&part, path).map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_survive_the_way_through_their_file() {
        let passwords = Passwords::generate();
        let again = Passwords::parse(&passwords.to_text()).unwrap();
        assert_eq!(again.application, passwords.application);
        assert_eq!(again.superuser, passwords.superuser);
        assert_ne!(again.superuser, again.replicator);
    }

    #[test]
    fn a_damaged_passwords_file_is_an_error_and_not_new_passwords() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("passwords"), "postgres:\n").unwrap();
        let error = Passwords::load_or_create(dir.path()).err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("is not a passwords file of this program")
        );
    }

    #[test]
    fn a_database_without_its_passwords_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("primary")).unwrap();
        fs::write(dir.path().join("primary/PG_VERSION"), "15\n").unwrap();
        let error = Passwords::load_or_create(dir.path()).err().unwrap();
        assert!(
            error.to_string().contains("passwords is missing although"),
            "{error}"
        );
    }

    #[test]
    fn the_passwords_file_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        Passwords::load_or_create(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join("passwords"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
