//! Where the files of a test run are.

use nix::sys::statvfs::statvfs;
use std::path::{Path, PathBuf};

/// So much must be free: some servers at a time, each with its WAL.
const ROOM: u64 = 4 << 30;

/// A file system in memory, where it has room; else the directory for temporary files.
///
/// Servers are copied and thrown away by the hundred. On a disk that takes longer and longer: ext4, for example, passes over all inodes that
/// were freed in the last seconds, one by one, whenever it makes a file.
pub fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let has_room =
        statvfs(memory).is_ok_and(|fs| fs.blocks_available() * fs.fragment_size() >= ROOM);
    if has_room {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}
