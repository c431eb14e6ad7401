//! The log file of a server: its size is bounded, and errors quote its end.

use super::Server;
use crate::Error;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const LOG_MAX_BYTES: u64 = 10 * 1024 * 1024;
const TAIL_BYTES: u64 = 1_500;

impl Server {
    pub(super) fn open_log(&self) -> Result<File, Error> {
        let path = self.log_file();
        let open = || {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&path)?;
            if file.metadata()?.len() > LOG_MAX_BYTES {
                file.set_len(0)?;
            }
            Ok(file)
        };
        open().map_err(Error::io("open", &path))
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log_file()).unwrap_or_else(|error| format!("(cannot read it: {error})"))
    }
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().skip(usize::from(from > 0)).collect();
    Ok(lines[lines.len().saturating_sub(8)..].join("\n"))
}
