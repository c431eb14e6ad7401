//! The directory of this test run: everything is below it, and it goes when the run ends, however it ends.

use super::memory;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "synapse-test-";

static ROOM: LazyLock<PathBuf> = LazyLock::new(|| {
    let base = base();
    remove_rooms_of_the_dead(&base);
    let room = base.join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir_all(&room).unwrap();
    fs::set_permissions(&room, fs::Permissions::from_mode(0o755)).unwrap();
    // SAFETY: registers a function that touches only its own statics; it runs once, when the process exits.
    assert_eq!(unsafe { atexit(clean) }, 0);
    room
});

/// What is measured is measured on a disk, with its flushes.
fn base() -> PathBuf {
    if cfg!(test) {
        memory::base()
    } else {
        std::env::temp_dir()
    }
}

unsafe extern "C" {
    fn atexit(callback: extern "C" fn()) -> i32;
}

extern "C" fn clean() {
    super::shared::end();
    let _ = fs::remove_dir_all(&*ROOM);
}

/// A run that was killed could not clean up.
fn remove_rooms_of_the_dead(base: &Path) {
    for entry in fs::read_dir(base).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| kill(Pid::from_raw(pid), None).is_err()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A directory of its own, removed on drop.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(what: &str) -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let path = ROOM.join(format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Dir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
