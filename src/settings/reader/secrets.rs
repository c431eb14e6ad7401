//! Secrets may stand in a file of their own instead of in the settings: in place of `url` one can set `url_file`.

use super::Reader;
use super::values::parts;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A larger file is not a secret but a mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// The value is wrong, and the problem has been remembered: the caller need not report it.
#[derive(Debug)]
pub struct Told;

impl Reader {
    /// A blank value is a problem: it may come from a variable that was never filled in, and if it counted as absent, something else might
    /// silently be used in its place, such as other databases.
    pub fn secret(&mut self, key: &str) -> Result<Option<String>, Told> {
        let is_set = self.at(key).is_some();
        let text = self.text(key);
        match self.file(key, is_set)? {
            Some(text) => Ok(Some(text)),
            None if is_set && text.is_none() => Err(self.told(key, "is set, but blank")),
            None => Ok(text),
        }
    }

    /// A list of secrets. In a file there is one per line.
    pub fn secrets(&mut self, key: &str) -> Result<Vec<String>, Told> {
        let is_set = self.at(key).is_some();
        let list = self.list(key);
        let text = self.file(key, is_set)?;
        Ok(text.map_or(list, |text| parts(&text, '\n')))
    }

    /// Skips both `key` and its `_file`: the secret comes from another source.
    pub fn ignore_secret(&mut self, key: &str) {
        self.take(key);
        self.take(&file_key(key));
    }

    fn file(&mut self, key: &str, is_set_beside: bool) -> Result<Option<String>, Told> {
        let file_key = file_key(key);
        let Some(name) = self.file_name(&file_key) else {
            return Ok(None);
        };
        if is_set_beside {
            return Err(self.told(&file_key, &format!("is set beside {key}: set one of them")));
        }
        let path = self.place(&name);
        let shown = path.display();
        let (text, mode) = read(&path)
            .map_err(|error| self.told(&file_key, &format!("cannot read {shown}: {error}")))?;
        if mode & EVERYBODY_READS != 0 {
            self.warning(&file_key, &open_to_everybody(&path));
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(self.told(&file_key, &format!("{shown} is blank")));
        }
        Ok(Some(text.to_owned()))
    }

    /// The path of a file that is read elsewhere, such as a certificate.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        let name = self.file_name(key)?;
        Some(self.place(&name))
    }

    /// The same for a file with a secret: there is a warning if everybody on the machine can read it.
    pub fn secret_path(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path(key)?;
        let meta = path.metadata();
        if meta.is_ok_and(|meta| meta.permissions().mode() & EVERYBODY_READS != 0) {
            self.warning(key, &open_to_everybody(&path));
        }
        Some(path)
    }

    /// A blank name is a problem, unlike that of other settings: a variable that was not filled would turn TLS off, or choose another database.
    pub fn file_name(&mut self, key: &str) -> Option<String> {
        let name = self.parsed_from(key, "a string", |value| value.as_str().map(str::to_owned))?;
        if name.trim().is_empty() {
            self.problem(key, "is set, but blank");
            return None;
        }
        Some(name)
    }

    /// The path that a name means. A relative name is that of a credential which systemd passes on (`LoadCredential=`), if there is one,
    /// else of a file beside the settings file.
    fn place(&self, name: &str) -> PathBuf {
        let credential = self
            .short_name("CREDENTIALS_DIRECTORY")
            .map(|dir| Path::new(&dir).join(name))
            .filter(|path| path.exists());
        credential.unwrap_or_else(|| self.dir.join(name)) // joining an absolute name gives that name
    }

    fn told(&mut self, key: &str, what: &str) -> Told {
        self.problem(key, what);
        Told
    }
}

/// Files with this permission are warned of. To refuse them, as ssh does with private keys, would refuse what Kubernetes mounts by default,
/// in a container where nobody else is.
const EVERYBODY_READS: u32 = 0o004;

fn open_to_everybody(path: &Path) -> String {
    let path = path.display();
    format!("{path} can be read by everybody on this machine (chmod o-r {path})")
}

fn file_key(key: &str) -> String {
    format!("{key}_file")
}

/// The text of a file, and its permissions.
fn read(path: &Path) -> io::Result<(String, u32)> {
    // Checked before opening: opening a named pipe would wait for its writer.
    let meta = path.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    let file = File::open(path)?;
    // The permissions of the file that was opened: another one may have this name by now.
    let meta = file.metadata()?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is too large for a secret"));
    }
    Ok((text, meta.permissions().mode()))
}
