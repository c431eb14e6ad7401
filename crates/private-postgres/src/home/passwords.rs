//! The passwords of the database users: made once, and kept in a file beside the data.

use super::{User, private_file};
use crate::Error;
use rand::distr::{Alphanumeric, SampleString};
use std::fs;
use std::path::Path;

/// Implements neither Debug nor Display, so that no log can show it.
pub(super) struct Passwords {
    superuser: String,
    replicator: String,
    application: String,
}

impl Passwords {
    pub(super) fn load_or_create(dir: &Path) -> Result<Self, Error> {
        let file = dir.join("passwords");
        match fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text).ok_or(Error::PasswordsMalformed { file }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::no_database_yet(dir, &file)?;
                let fresh = Self::generate();
                private_file::write(None, &file, &fresh.to_text())?;
                Ok(fresh)
            }
            Err(error) => Err(Error::io("read", &file)(error)),
        }
    }

    pub(super) fn of(&self, user: User) -> &str {
        match user {
            User::Application => &self.application,
            User::Superuser => &self.superuser,
            User::Replicator => &self.replicator,
        }
    }

    /// If there is a database already, new passwords would not open it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

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
