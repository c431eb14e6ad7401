//! If no PostgreSQL is installed, a pinned release is downloaded, and its checksum verified before anything of it is used.

use super::Binaries;
use crate::{Error, progress};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const MAX_BYTES: u64 = 200 * 1024 * 1024;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const RESPONSE_LIMIT: Duration = Duration::from_secs(30);
const TOTAL_LIMIT: Duration = Duration::from_secs(900);

/// The build of a release for one platform.
#[derive(Debug, Clone)]
pub struct Pin {
    pub target: &'static str,
    pub sha256: String,
}

#[derive(Debug, Clone)]
pub struct Release {
    pub base_url: String,
    pub version: &'static str,
    pub pins: Vec<Pin>,
}

/// From the `.sha256` files of the release.
#[rustfmt::skip]
const PINS: [(&str, &str); 6] = [
    ("x86_64-unknown-linux-gnu", "1059350056c24e6dd3974af7582199c2a4d06078ecb2beb9f4b26b6debea6d37"),
    ("x86_64-unknown-linux-musl", "7cc4ba47dd1ceb61876b59094ed7e09bf118e903ef23dbc8ff453f4a3d782f17"),
    ("aarch64-unknown-linux-gnu", "62736e25b44c92ca8621987df9a8940ccbad158ad30dcbda105b4587fa5db2b3"),
    ("aarch64-unknown-linux-musl", "9013ef13b7677693ecf69cf09d6e4e64789809b910c02517deb118e995cac2e1"),
    ("aarch64-apple-darwin", "0ec91e77eff381e43e3963f012aff3acb9de12ad3739a625e57cce9671b28b0f"),
    ("x86_64-apple-darwin", "3193b9747c610139990c9913ff5fd5ad73cd38cefcd5ffcdc46079fd1479406e"),
];

impl Release {
    pub fn pinned() -> Self {
        let pins = PINS.map(|(target, sha256)| Pin {
            target,
            sha256: sha256.to_owned(),
        });
        Self {
            base_url: "https://github.com/theseus-rs/postgresql-binaries/releases/download/16.4.0"
                .into(),
            version: "16.4.0",
            pins: pins.to_vec(),
        }
    }

    pub(super) fn major(&self) -> u32 {
        self.version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(0)
    }
}

/// Downloads the release into `cache`, unless an earlier call has done so.
pub(super) fn fetch(release: &Release, cache: &Path) -> Result<Binaries, Error> {
    let place = cache.join(format!("postgresql-{}", release.version));
    if let Ok(found) = Binaries::of(&place.join("bin")) {
        return Ok(found);
    }
    download(release, cache, &place)
        .and_then(|()| Binaries::of(&place.join("bin")))
        .map_err(|reason| Error::Download {
            reason,
            hint: install_hint(),
        })
}

fn download(release: &Release, cache: &Path, place: &Path) -> Result<(), String> {
    let pin = host_target().and_then(|target| release.pins.iter().find(|pin| pin.target == target));
    let pin = pin.ok_or("there is no release for this platform")?;
    let url = format!(
        "{}/postgresql-{}-{}.tar.gz",
        release.base_url, release.version, pin.target
    );
    // Two processes may download at the same time: the pid gives each a file of its own.
    let part = place.with_extension(format!("{}.part", std::process::id()));
    let unpacked = place.with_extension(format!("{}.new", std::process::id()));
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let result = save(&url, &part)
        .and_then(|sha256| check(&url, &sha256, &pin.sha256))
        .and_then(|()| unpack(&part, &unpacked))
        .and_then(|top| put_in_place(&top, place));
    // Best effort: what cannot be removed only takes disk space.
    let _ = fs::remove_file(&part);
    let _ = fs::remove_dir_all(&unpacked);
    result
}

/// Streams the download to a file, and returns the checksum of what was received.
fn save(url: &str, part: &Path) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_recv_response(Some(RESPONSE_LIMIT))
        .timeout_global(Some(TOTAL_LIMIT));
    let agent = config.build().new_agent();
    let mut response = agent.get(url).call().map_err(|error| failed(&error))?;
    let bar = progress::download(response.body().content_length());
    let mut body = response.body_mut().with_config().limit(MAX_BYTES).reader();
    let mut file = File::create(part).map_err(|error| failed(&error))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = body.read(&mut buffer).map_err(|error| failed(&error))?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        file.write_all(&buffer[..count])
            .map_err(|error| failed(&error))?;
        bar.inc(count as u64);
    }
    bar.finish_and_clear();
    Ok(hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

fn check(url: &str, got: &str, wanted: &str) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{url}: wrong checksum {got}, expected {wanted}"))
}

/// Returns the directory that contains `bin`: the archive has one directory at its top.
fn unpack(archive: &Path, to: &Path) -> Result<PathBuf, String> {
    let failed = |error: io::Error| format!("cannot unpack {}: {error}", archive.display());
    let file = File::open(archive).map_err(failed)?;
    tar::Archive::new(flate2::read::GzDecoder::new(file))
        .unpack(to)
        .map_err(failed)?;
    fs::read_dir(to)
        .map_err(failed)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("bin").is_dir())
        .ok_or_else(|| format!("{} holds no bin directory", archive.display()))
}

fn put_in_place(top: &Path, place: &Path) -> Result<(), String> {
    if Binaries::of(&place.join("bin")).is_ok() {
        return Ok(()); // another process was faster
    }
    let _ = fs::remove_dir_all(place); // it is not usable, see above; if it cannot be removed, the rename fails
    fs::rename(top, place).map_err(|error| format!("cannot rename to {}: {error}", place.display()))
}

/// Looks for the C library at run time: a static musl build may run on a glibc system, and the other way round.
pub(super) fn host_target() -> Option<&'static str> {
    let exists = |path: &str| Path::new(path).exists();
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", "aarch64") => Some("aarch64-apple-darwin"),
        ("macos", "x86_64") => Some("x86_64-apple-darwin"),
        ("linux", "x86_64")
            if exists("/lib/ld-musl-x86_64.so.1") && !exists("/lib64/ld-linux-x86-64.so.2") =>
        {
            Some("x86_64-unknown-linux-musl")
        }
        ("linux", "x86_64") => Some("x86_64-unknown-linux-gnu"),
        ("linux", "aarch64")
            if exists("/lib/ld-musl-aarch64.so.1") && !exists("/lib/ld-linux-aarch64.so.1") =>
        {
            Some("aarch64-unknown-linux-musl")
        }
        ("linux", "aarch64") => Some("aarch64-unknown-linux-gnu"),
        _ => None,
    }
}

fn install_hint() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    hint_for(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

fn hint_for(os_release: &str) -> &'static str {
    let ids: Vec<&str> = os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|value| value.trim_matches('"').split(' '))
        .collect();
    let is = |names: &[&str]| ids.iter().any(|id| names.contains(id));
    match () {
        () if is(&["debian", "ubuntu"]) => "apt-get install postgresql",
        () if is(&["alpine"]) => "apk add postgresql postgresql-contrib",
        () if is(&["fedora", "rhel", "centos"]) => {
            "dnf install postgresql-server postgresql-contrib"
        }
        () if is(&["suse", "opensuse"]) => "zypper install postgresql-server",
        () if is(&["arch"]) => "pacman -S postgresql",
        () => "the package manager of your system (package postgresql)",
    }
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
