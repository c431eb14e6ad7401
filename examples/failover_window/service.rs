//! The service, as a process of its own.

use crate::{Outcome, wait_until};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use synapse_core::embedded::{Server, User};
use ureq::Agent;

pub struct Service {
    child: Child,
    pub url: String,
    log: PathBuf,
}

impl Service {
    pub fn start(primary: &Server, standby: &Server, dir: &Path) -> Outcome<Service> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = dir.join("service.log");
        let child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .current_dir(dir)
            .env("DATABASE_URL", primary.url(User::Application))
            .env("DATABASE_REPLICA_URL", standby.url(User::Application))
            .env("SYNAPSE__SERVER__BIND", address.to_string())
            .stderr(File::create(&log)?)
            .spawn()?;
        Ok(Service {
            child,
            url: format!("http://{address}"),
            log,
        })
    }

    pub fn wait_until_healthy(&self) -> Outcome<()> {
        let (agent, url) = (agent(), format!("{}/health", self.url));
        let healthy = wait_until("the service is healthy", || {
            Ok(agent.get(&url).call().is_ok())
        });
        healthy.map_err(|error| {
            format!(
                "{error}; its log:\n{}",
                std::fs::read_to_string(&self.log).unwrap_or_default()
            )
            .into()
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end the service: {error}");
        }
    }
}

pub fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}
