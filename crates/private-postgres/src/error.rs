//! Everything that can go wrong, described for the operator in one line (some with the end of a log).

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "PostgreSQL does not run as root, and there is no user \"postgres\" or \"nobody\" to run it as"
    )]
    NoAccount,
    #[error(
        "PostgreSQL runs as user \"{account}\", who may not enter {}; choose a data_dir (and bin_dir) outside of it",
        directory.display()
    )]
    NotTraversable { account: String, directory: PathBuf },
    #[error("another process is using {}", directory.display())]
    Locked { directory: PathBuf },
    #[error("{} is missing although {} holds a database; restore it, or remove the data directory", file.display(), data.display())]
    PasswordsMissing { file: PathBuf, data: PathBuf },
    #[error("{} is not a passwords file of this program", file.display())]
    PasswordsMalformed { file: PathBuf },
    #[error("{} exists but is not a database; remove it or use another data_dir", directory.display())]
    NotADatabase { directory: PathBuf },
    #[error("bin_dir {} does not hold a usable PostgreSQL: {reason}", directory.display())]
    BinDir { directory: PathBuf, reason: String },
    #[error(
        "the data in {} are of PostgreSQL {data}, but only {installed} is installed; install PostgreSQL {data} or use another data_dir",
        directory.display()
    )]
    Version {
        directory: PathBuf,
        data: u32,
        installed: String,
    },
    #[error("no PostgreSQL found, and its download failed: {reason}; install it with `{hint}`")]
    Download { reason: String, hint: &'static str },
    #[error("{program} failed ({status}): {output}")]
    Tool {
        program: String,
        status: ExitStatus,
        output: String,
    },
    #[error("{program} did not end within {seconds} s")]
    ToolTimeout { program: String, seconds: u64 },
    #[error("PostgreSQL \"{name}\" ended while starting ({status}). The end of {}:\n{tail}", log.display())]
    Exited {
        name: String,
        status: ExitStatus,
        log: PathBuf,
        tail: String,
    },
    #[error("PostgreSQL \"{name}\" {what} within {seconds} s. The end of {}:\n{tail}", log.display())]
    Timeout {
        name: String,
        what: &'static str,
        seconds: u64,
        log: PathBuf,
        tail: String,
    },
    #[error("PostgreSQL \"{name}\" is not running")]
    NotRunning { name: String },
    #[error("PostgreSQL \"{name}\" is not started: the cluster is stopping")]
    Retired { name: String },
    #[error("no free port on 127.0.0.1")]
    NoPort,
    #[error("PostgreSQL \"{name}\" did not answer {what}: {reason}")]
    Sql {
        name: String,
        what: &'static str,
        reason: String,
    },
}

impl Error {
    /// For `map_err` after a file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
