//! One server of a cluster, and what the supervisor knows about it.

use crate::Server;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

pub(super) struct Node {
    pub server: Server,
    /// It has streamed from the present primary since it was started, and no thread is trying to make it join.
    joined: AtomicBool,
    /// How many times in a row the primary did not list it as streaming.
    missed: AtomicU32,
}

impl Node {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            joined: AtomicBool::new(false),
            missed: AtomicU32::new(0),
        }
    }

    pub fn name(&self) -> &str {
        self.server.name()
    }

    pub fn set_joined(&self, joined: bool) {
        self.missed.store(0, Ordering::Relaxed);
        self.joined.store(joined, Ordering::Relaxed);
    }

    pub fn is_joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed)
    }

    pub fn seen(&self, streaming: bool) {
        if streaming {
            self.missed.store(0, Ordering::Relaxed);
        } else {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn missed(&self) -> u32 {
        self.missed.load(Ordering::Relaxed)
    }
}
