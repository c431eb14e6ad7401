//! Files that hold a password.

use crate::Error;
use crate::account::Account;
use nix::errno::Errno;
use nix::unistd::fchown;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a file completely or not at all. Only its owner can read it: the account, if one is given.
pub(crate) fn write(account: Option<&Account>, path: &Path, content: &str) -> Result<(), Error> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // It may be left over from a run that died. `create_new` below follows no symlink that somebody may have put there.
    let _ = fs::remove_file(&part);
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(content.as_bytes())?;
        // The owner of the open file is changed, not that of its name: the account may own the directory, and could put a link there.
        if let Some(account) = account {
            fchown(&file, Some(account.uid), Some(account.gid))?;
        }
        file.sync_all()
    };
    let result = write()
        .map_err(Error::io("write", &part))
        .and_then(|()| fs::rename(&part, path).map_err(Error::io("write", path)));
    if result.is_err() {
        let _ = fs::remove_file(&part); // if the disk is full, this makes room
    }
    result?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// A new name survives a loss of power only if its directory was written too.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    // PostgreSQL too goes on where a file system cannot do this for directories.
    let is_impossible = |error: &io::Error| {
        let errno = error.raw_os_error().map(Errno::from_raw);
        matches!(errno, Some(Errno::EINVAL | Errno::EBADF))
    };
    let sync = || match fs::File::open(dir)?.sync_all() {
        Err(error) if is_impossible(&error) => Ok(()),
        synced => synced,
    };
    sync().map_err(Error::io("write", dir))
}
