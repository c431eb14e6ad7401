//! The account that PostgreSQL runs under, since it refuses to run as root.

use crate::Error;
use nix::unistd::{Gid, Uid, User, chown, geteuid};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub name: String,
    pub uid: Uid,
    pub gid: Gid,
}

impl Account {
    /// `None` for a normal user: PostgreSQL then runs under the same account.
    pub fn of_this_process() -> Result<Option<Self>, Error> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| {
                Some(Self {
                    name: user.name,
                    uid: user.uid,
                    gid: user.gid,
                })
            })
            .ok_or(Error::NoAccount)
    }

    fn may_enter(&self, directory: &Path) -> bool {
        let Ok(meta) = fs::metadata(directory) else {
            return false;
        };
        let mode = meta.permissions().mode();
        if meta.uid() == self.uid.as_raw() {
            mode & 0o100 != 0
        } else if meta.gid() == self.gid.as_raw() {
            mode & 0o010 != 0
        } else {
            mode & 0o001 != 0
        }
    }
}

/// An error names the first directory on the way to `path` that the account may not enter.
pub(crate) fn check_traversable(account: Option<&Account>, path: &Path) -> Result<(), Error> {
    let Some(account) = account else {
        return Ok(());
    };
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    match way
        .into_iter()
        .find(|directory| !account.may_enter(directory))
    {
        None => Ok(()),
        Some(directory) => Err(Error::NotTraversable {
            account: account.name.clone(),
            directory: directory.to_owned(),
        }),
    }
}

pub(crate) fn give(account: Option<&Account>, path: &Path) -> Result<(), Error> {
    let Some(account) = account else {
        return Ok(());
    };
    chown(path, Some(account.uid), Some(account.gid))
        .map_err(|errno| Error::io("change the owner of", path)(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger() -> Account {
        Account {
            name: "stranger".into(),
            uid: Uid::from_raw(54_321),
            gid: Gid::from_raw(54_321),
        }
    }

    #[test]
    fn a_directory_that_the_account_may_not_enter_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let closed = dir.path().join("closed");
        let inner = closed.join("inner");
        fs::create_dir_all(&inner).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let error = check_traversable(Some(&stranger()), &inner).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("may not enter {};", closed.display()))
        );
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
        check_traversable(Some(&stranger()), &inner).unwrap();
    }

    #[test]
    fn a_normal_user_needs_no_check() {
        check_traversable(None, Path::new("/root/anything")).unwrap();
    }
}
