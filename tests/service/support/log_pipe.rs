//! A pipe between the service and the file of its log, whose reader can stop reading.

use nix::fcntl::{FcntlArg, fcntl};
use parking_lot::{Condvar, Mutex};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;
use std::thread;

/// The smallest that Linux makes: some twenty lines fill it.
const PIPE_BYTES: i32 = 4096;

#[derive(Default)]
pub struct LogPipe {
    stalled: Mutex<bool>,
    changed: Condvar,
}

impl LogPipe {
    pub fn stall(&self) {
        self.set(true);
    }

    pub fn flow(&self) {
        self.set(false);
    }

    fn set(&self, stalled: bool) {
        *self.stalled.lock() = stalled;
        self.changed.notify_all();
    }

    /// The end for a new process. The copying ends with the process.
    pub(super) fn into(self: &Arc<Self>, file: File) -> PipeWriter {
        let (reader, writer) = io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES)).unwrap();
        let pipe = Arc::clone(self);
        thread::spawn(move || pipe.copy(reader, file));
        writer
    }

    fn copy(&self, mut from: PipeReader, mut to: File) {
        let mut buffer = [0; PIPE_BYTES as usize];
        loop {
            self.changed
                .wait_while(&mut self.stalled.lock(), |stalled| *stalled);
            match from.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                // The directory of a test that has ended is gone, and the rest of its log is nobody's.
                Ok(count) => drop(to.write_all(&buffer[..count])),
            }
        }
    }
}
