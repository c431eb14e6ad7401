//! What a server says of each standby that is connected to it.

use serde::Deserialize;

/// One connection over which a server sends its log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Stream {
    /// The server's process that sends, which lasts as long as the stream.
    pub pid: i32,
    pub sync_state: String,
}

impl Stream {
    /// A commit may wait for the standby at its other end.
    pub(super) fn may_confirm(&self) -> bool {
        self.sync_state == "sync" || self.sync_state == "quorum"
    }
}
