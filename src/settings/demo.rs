//! The settings that `demo` runs with.

use super::{DatabaseSettings, EmbeddedSettings, LogSettings, ServerSettings, Settings};
use crate::clients::Limits;
use crate::ledger::ask::draft::Rules;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

impl Settings {
    /// Keeps how PostgreSQL is found, and the times and limits of `[database]`. Databases, addresses and clients are the demo's own,
    /// whatever is configured, and only errors are logged: what happens is shown by the demo itself.
    pub(super) fn for_demo(self) -> Settings {
        let server = ServerSettings {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_bind: None,
            trusted_proxies: Vec::new(),
            tls: None,
            drain: Duration::ZERO,
            ..self.server
        };
        let database = DatabaseSettings {
            nodes: Vec::new(),
            migrate_on_start: true,
            ..self.database
        };
        // Without a replica nothing could take over when the primary is killed.
        let embedded = EmbeddedSettings {
            replicas: self.embedded.replicas.max(1),
            ..self.embedded
        };
        let log = LogSettings {
            level: "error".into(),
            ..self.log
        };
        Settings {
            server,
            database,
            embedded,
            clients: Vec::new(),
            limits: Limits {
                of_a_client: None,
                of_an_address: None,
            },
            sources: Vec::new(),
            api: Rules::default(),
            log,
            warnings: Vec::new(),
        }
    }
}
