//! Starts the service as a real process: with a settings file, environment and arguments of the test's choice.

use super::log_pipe::LogPipe;
use super::room::Dir;
use super::wait::{holds_within, s};
use super::{App, Client};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, LazyLock};
use std::thread;

type Job = (Command, SyncSender<io::Result<Child>>);

/// Creates all processes: a parent-death signal comes when the creating *thread* ends, and that of a test ends early.
static PARENT: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (jobs, inbox) = channel::<Job>();
    thread::spawn(move || {
        inbox
            .into_iter()
            .for_each(|(mut command, reply)| reply.send(command.spawn()).unwrap())
    });
    jobs
});

pub struct Launch {
    /// Dotted keys and TOML values.
    settings: Vec<(String, String)>,
    env: Vec<(String, String)>,
    port: u16,
    dir: Dir,
    log_is_read: bool,
    pub(super) log_pipe: Option<Arc<LogPipe>>,
    descriptors: Option<u64>,
    pub(super) encrypted: bool,
    /// Whose key requests carry that say nothing else.
    pub(super) client: Option<Client>,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    #[track_caller]
    pub fn expect(self, code: i32) -> Output {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }
}

impl Launch {
    /// On these databases, the primary first.
    pub fn on(urls: impl IntoIterator<Item = String>) -> Launch {
        let mut urls = urls.into_iter();
        let launch = Launch::bare();
        let bind = format!("127.0.0.1:{}", launch.port);
        let launch = launch
            .text("server.bind", &bind)
            .text("database.primary.url", &urls.next().unwrap());
        let replicas: Vec<String> = urls
            .map(|url| format!("{{ url = {} }}", toml(&url)))
            .collect();
        if replicas.is_empty() {
            launch
        } else {
            launch.set("database.replicas", format!("[{}]", replicas.join(", ")))
        }
    }

    /// Without a settings file, in an empty directory.
    pub fn bare() -> Launch {
        Launch {
            settings: Vec::new(),
            env: Vec::new(),
            port: free_port(),
            dir: Dir::new("service"),
            log_is_read: true,
            log_pipe: None,
            descriptors: None,
            encrypted: false,
            client: None,
        }
    }

    /// A setting by its dotted key, with a number, a bool or any other TOML value as it is written.
    pub fn set(mut self, key: &str, value: impl Display) -> Launch {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    pub fn text(self, key: &str, value: &str) -> Launch {
        self.set(key, toml(value))
    }

    pub fn env(mut self, name: &str, value: &str) -> Launch {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its log goes into a pipe that nobody reads.
    pub fn with_a_log_that_nobody_reads(mut self) -> Launch {
        self.log_is_read = false;
        self
    }

    /// Its log goes through a pipe whose reader can stop reading.
    pub fn with_its_log_in_a_pipe(mut self) -> Launch {
        self.log_pipe = Some(Arc::default());
        self
    }

    /// The system gives it so many file descriptors and no more.
    pub fn with_descriptors(mut self, limit: u64) -> Launch {
        self.descriptors = Some(limit);
        self
    }

    /// With the certificate `first` of tests/service/tls, as `server.pem` and `server.key` in its directory.
    pub fn encrypted(mut self) -> Launch {
        self.encrypted = true;
        self.put_certificate("first");
        self.text("server.tls.certificate", "server.pem")
            .text("server.tls.key", "server.key")
    }

    pub fn put_certificate(&self, name: &str) {
        for kind in ["pem", "key"] {
            let file = self.dir().join(format!("server.{kind}"));
            put(&certificate(name, kind), &file);
        }
    }

    /// Only these clients may ask, and requests carry no key unless they say so.
    pub fn for_clients(mut self, clients: &[Client]) -> Launch {
        self.client = None;
        let clients: Vec<String> = clients.iter().map(Client::toml).collect();
        self.set("clients", format!("[{}]", clients.join(", ")))
    }

    /// With a Settings.toml that the test writes into its directory.
    pub fn without_settings(mut self) -> Launch {
        self.settings.clear();
        self
    }

    /// Requests carry the key of this client, unless they say something else.
    pub fn asked_by(mut self, client: Client) -> Launch {
        self.client = Some(client);
        self
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A running service that answers `/live`.
    pub fn start(self) -> App {
        App::start(self)
    }

    /// A running service with all its databases connected.
    pub fn healthy(self) -> App {
        let app = self.start();
        app.until_healthy(s(20));
        app
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        self.logs()
            .iter()
            .for_each(|file| drop(fs::remove_file(file)));
        let mut child = self.spawn(args);
        let mut status = None;
        let ended = holds_within(s(60), || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        let [stdout, stderr] = self.logs().map(|file| fs::read_to_string(file).unwrap());
        if !ended {
            child.kill().unwrap();
        }
        let status =
            status.unwrap_or_else(|| panic!("{args:?} did not end; it said:\n{stdout}\n{stderr}"));
        Output {
            status,
            stdout,
            stderr,
        }
    }

    pub(super) fn logs(&self) -> [PathBuf; 2] {
        ["stdout", "stderr"].map(|name| self.dir().join(name))
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = Command::new(program());
        clear_environment(&mut command);
        if !self.settings.is_empty() {
            command.arg("--config").arg(self.settings_file());
        }
        command
            .env(IS_THE_SERVICE, "")
            .args(args)
            .envs(self.env.iter().cloned())
            .current_dir(self.dir())
            .stdin(Stdio::null());
        let [stdout, stderr] = self.logs().map(|file| {
            File::options()
                .create(true)
                .append(true)
                .open(file)
                .unwrap()
        });
        command.stdout(stdout);
        match &self.log_pipe {
            Some(pipe) => command.stderr(pipe.into(stderr)),
            None => command.stderr(stderr),
        };
        if !self.log_is_read {
            let (unread, log) = io::pipe().unwrap();
            command.stderr(log);
            std::mem::forget(unread); // closed, it would be another fault
        }
        let descriptors = self.descriptors;
        let before_exec = move || {
            set_pdeathsig(Signal::SIGKILL)?;
            if let Some(limit) = descriptors {
                setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?;
            }
            Ok(())
        };
        // SAFETY: prctl and setrlimit are system calls alone, as all between fork and exec must be.
        unsafe { command.pre_exec(before_exec) };
        let (reply, answer) = sync_channel(1);
        PARENT.send((command, reply)).unwrap();
        answer.recv().unwrap().unwrap()
    }

    fn settings_file(&self) -> PathBuf {
        let file = self.dir().join("service.toml");
        let lines: Vec<String> = self
            .settings
            .iter()
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect();
        fs::write(&file, lines.concat()).unwrap();
        file
    }
}

/// Only tests are given the name of the built service; an example is the service too, where this variable is set.
pub const IS_THE_SERVICE: &str = "EXAMPLE_IS_THE_SERVICE";

/// What the command `openapi` prints.
pub(super) fn document() -> String {
    let mut command = Command::new(program());
    let output = command.arg("openapi").env(IS_THE_SERVICE, "").output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

fn program() -> PathBuf {
    option_env!("CARGO_BIN_EXE_synapse-core")
        .map_or_else(|| std::env::current_exe().unwrap(), PathBuf::from)
}

/// A copy that only its owner reads: in a checkout everybody does, and a secret is refused there.
pub fn put(file: &Path, at: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(at, bytes).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A file of tests/service/tls.
pub fn certificate(name: &str, kind: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/tls");
    dir.join(format!("{name}.{kind}"))
}

fn toml(text: &str) -> String {
    serde_json::Value::from(text).to_string() // the escapes that occur here are the same
}

/// What the developer has set must not leak into a test.
fn clear_environment(command: &mut Command) {
    let ours = |name: &str| {
        ["SYNAPSE__", "DATABASE_", "SERVER_PORT", "PG", "RUST_LOG"]
            .iter()
            .any(|p| name.starts_with(p))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

/// Below the ports that kernels give to outgoing connections, and below those of the clusters.
fn free_port() -> u16 {
    // Far from where the next process begins: a service that is being restarted holds no port for a moment.
    static NEXT: LazyLock<AtomicU16> =
        LazyLock::new(|| AtomicU16::new((std::process::id() % 5_000 * 997 % 5_000) as u16));
    loop {
        let port = 10_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 5_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
