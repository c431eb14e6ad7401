//! A service as a process of its own.

use super::{Outcome, wait_until};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use ureq::Agent;

pub struct Process {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

/// With this argument, an example runs the service instead of itself.
pub const OURS: &str = "serve";

/// Runs this program again as the service, so that what is measured is never an older build.
pub fn ours() -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(OURS);
    Ok(command)
}

impl Process {
    /// `databases` are passed in the variables that our service reads, the primary first, and so is the address to bind.
    pub fn start(
        mut command: Command,
        databases: &[String],
        settings: &[(String, String)],
        dir: &Path,
    ) -> Outcome<Process> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let name = format!("service-{}", address.port());
        let log = dir.join(format!("{name}.log"));
        clear_environment(&mut command);
        if let [primary, replicas @ ..] = databases {
            command.env("DATABASE_URL", primary);
            if !replicas.is_empty() {
                command.env("DATABASE_REPLICA_URL", replicas.join(" "));
            }
        }
        command
            .current_dir(dir)
            .env("SYNAPSE__SERVER__BIND", address.to_string())
            .envs(settings.iter().cloned())
            .stdout(File::create(dir.join(format!("{name}.out")))?)
            .stderr(File::create(&log)?);
        // SAFETY: only async-signal-safe functions may be called between fork and exec, and prctl is one.
        unsafe { command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(Into::into)) };
        Ok(Process {
            child: command.spawn()?,
            address,
            log,
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn wait_until_healthy(&self) -> Outcome<()> {
        let (agent, url) = (agent(), format!("{}/health", self.url()));
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

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end the service: {error}");
        }
    }
}

/// The default settings are measured: what the developer has set must not reach the service.
fn clear_environment(command: &mut Command) {
    let ours = |name: &str| {
        ["SYNAPSE__", "DATABASE_", "SERVER_PORT", "PG", "RUST_LOG"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

pub fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}
