//! The service as a process, configured with the nodes of a cluster.

use crate::cluster::Cluster;
use crate::wait_until;
use parking_lot::Mutex;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;
use ureq::Agent;

pub struct Service {
    pub name: String,
    pub url: String,
    process: Mutex<(Command, Child)>,
    agent: Agent,
}

pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(180)))
        .build()
        .into()
}

impl Service {
    /// On the nodes of one room, the first as the primary.
    pub fn start(cluster: &Cluster, name: &str, settings: &[(&str, &str)]) -> Service {
        Service::configured(cluster.dir.path(), name, |command| {
            command
                .env("DATABASE_URL", &cluster.urls[0])
                .env("DATABASE_REPLICA_URL", cluster.urls[1..].join(" "))
                .envs(settings.iter().copied());
        })
    }

    pub fn configured(dir: &Path, name: &str, configure: impl FnOnce(&mut Command)) -> Service {
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let log = File::create(dir.join(format!("{name}.log"))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_synapse-core"));
        command
            .current_dir(dir)
            .env("SYNAPSE__SERVER__BIND", address.to_string())
            .stderr(log);
        configure(&mut command);
        let child = command.spawn().unwrap();
        Service {
            name: name.to_owned(),
            url: format!("http://{address}"),
            process: Mutex::new((command, child)),
            agent: agent(),
        }
    }

    pub fn kill(&self) {
        end(&mut self.process.lock().1);
    }

    /// After a kill. It is started until it serves: a connection may have taken its port meanwhile.
    pub fn start_again(&self) {
        let (command, child) = &mut *self.process.lock();
        let live = format!("{}/live", self.url);
        wait_until("the service serves again", || {
            if child.try_wait().unwrap().is_some() {
                *child = command.spawn().unwrap();
            }
            self.agent.get(&live).call().is_ok()
        });
    }

    /// Nobody but a test ends it.
    fn has_ended(&self) -> bool {
        self.process.lock().1.try_wait().unwrap().is_some()
    }

    /// 200 from `/health`, and the roles in `/status` are those of the cluster.
    pub fn wait_until_follows(&self, cluster: &Cluster) {
        wait_until("the service is healthy and follows the leader", || {
            assert!(!self.has_ended(), "the service has ended: {}", self.name);
            let healthy = self
                .agent
                .get(format!("{}/health", self.url))
                .call()
                .is_ok_and(|answer| answer.status() == 200);
            healthy
                && cluster.leader_index().is_some_and(|leader| {
                    let nodes = 0..cluster.urls.len();
                    let roles =
                        nodes.map(|node| if node == leader { "primary" } else { "replica" });
                    self.roles().iter().eq(roles)
                })
        });
    }

    fn roles(&self) -> Vec<String> {
        let mut answer = self
            .agent
            .get(format!("{}/status", self.url))
            .call()
            .unwrap();
        let status: Value =
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let nodes = status["nodes"].as_array().unwrap();
        nodes
            .iter()
            .map(|node| node["role"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

fn end(child: &mut Child) {
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        eprintln!("cannot end the service: {error}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
