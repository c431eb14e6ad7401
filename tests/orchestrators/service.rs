//! The service as a process, configured with the three nodes.

use crate::cluster::Cluster;
use crate::wait_until;
use serde_json::Value;
use std::fs::File;
use std::process::{Child, Command};
use std::time::Duration;
use ureq::Agent;

pub struct Service {
    child: Child,
    pub url: String,
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
    pub fn start(cluster: &Cluster, name: &str, settings: &[(&str, &str)]) -> Service {
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let log = File::create(cluster.dir.path().join(format!("{name}.log"))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_synapse-core"))
            .current_dir(cluster.dir.path())
            .env("DATABASE_URL", &cluster.urls[0])
            .env("DATABASE_REPLICA_URL", cluster.urls[1..].join(" "))
            .env("SYNAPSE__SERVER__BIND", address.to_string())
            .envs(settings.iter().copied())
            .stderr(log)
            .spawn()
            .unwrap();
        Service {
            child,
            url: format!("http://{address}"),
            agent: agent(),
        }
    }

    /// 200 from `/health`, and the roles in `/status` are those of the cluster.
    pub fn wait_until_follows(&self, cluster: &Cluster) {
        wait_until("the service is healthy and follows the leader", || {
            let healthy = self
                .agent
                .get(format!("{}/health", self.url))
                .call()
                .is_ok_and(|answer| answer.status() == 200);
            healthy
                && cluster
                    .leader_index()
                    .is_some_and(|leader| self.roles() == roles_with(leader))
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

fn roles_with(leader: usize) -> Vec<String> {
    (0..3)
        .map(|node| if node == leader { "primary" } else { "replica" }.to_owned())
        .collect()
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end the service: {error}");
        }
    }
}
