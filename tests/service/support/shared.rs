//! One cluster and two services on it, for all tests that break nothing.

use super::{App, Cluster};
use parking_lot::Mutex;
use std::sync::Arc;

pub struct Shared {
    /// Dropped before the cluster.
    pub app: App,
    /// Another instance on the same databases.
    pub other: App,
    pub cluster: Cluster,
}

static SHARED: Mutex<Option<Arc<Shared>>> = Mutex::new(None);

pub fn shared() -> Arc<Shared> {
    let mut shared = SHARED.lock();
    shared.get_or_insert_with(|| Arc::new(start())).clone()
}

fn start() -> Shared {
    let cluster = Cluster::shared();
    Shared {
        app: cluster.launch().healthy(),
        other: cluster.launch().healthy(),
        cluster,
    }
}

/// A static is never dropped: the end of the process calls this.
pub fn end() {
    let shared = SHARED.lock().take();
    drop(shared);
}
