//! A running service, with the verbs of its clients and its operator.

use super::http::{Answer, Headers, send};
use super::log_pipe::LogPipe;
use super::wait::{eventually, holds_within, s};
use super::{Launch, key, raw};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

pub const HEALTHY: &str =
    r#"{"status":"healthy","version":"0.1.0","db_primary":"connected","db_replica":"connected"}"#;
pub const HEALTHY_ALONE: &str =
    r#"{"status":"healthy","version":"0.1.0","db_primary":"connected","db_replica":null}"#;

pub struct App {
    child: Mutex<Child>,
    launch: Launch,
}

impl App {
    pub(super) fn start(launch: Launch) -> App {
        let app = App {
            child: Mutex::new(launch.spawn(&[])),
            launch,
        };
        app.until_live();
        app
    }

    fn until_live(&self) {
        let is_live = || {
            self.try_get("/live")
                .is_some_and(|answer| answer.status == 200)
        };
        let ready = holds_within(s(20), || is_live() || self.exit_status().is_some());
        assert!(
            ready && self.exit_status().is_none(),
            "the service did not start: {:?}",
            self.exit_status()
        );
    }

    /// It dies without a word, and is started again as it was.
    pub fn kill_and_restart(&self) {
        self.kill();
        self.restart();
    }

    pub fn kill(&self) {
        let mut child = self.child.lock();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// After it has ended.
    pub fn restart(&self) {
        *self.child.lock() = self.launch.spawn(&[]);
        self.until_live();
    }

    pub fn port(&self) -> u16 {
        self.launch.port()
    }

    /// Its working directory.
    pub fn dir(&self) -> &Path {
        self.launch.dir()
    }

    pub fn url(&self, path: &str) -> String {
        let scheme = if self.launch.encrypted {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://127.0.0.1:{}{path}", self.port())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: Headers) -> Answer {
        self.send(Method::GET, path, headers, None)
    }

    /// The state as of now, whatever the replicas show.
    pub fn get_strong(&self, path: &str) -> Answer {
        self.get_with(path, &[("X-Read-Consistency", "strong")])
    }

    /// None: no answer at all.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send(Method::GET, path, &[], None).ok()
    }

    /// With the key of the client whose app it is.
    fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: Headers,
        body: Option<Vec<u8>>,
    ) -> reqwest::Result<Answer> {
        let bearer = self.launch.client.map(|client| client.bearer());
        let is_said = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("authorization");
        let bearer = bearer.as_deref().filter(|_| !headers.iter().any(is_said));
        let bearer = bearer.map(|bearer| ("Authorization", bearer));
        let headers: Vec<_> = headers.iter().copied().chain(bearer).collect();
        send(method, &self.url(path), &headers, body)
    }

    #[track_caller]
    pub fn send(
        &self,
        method: Method,
        path: &str,
        headers: Headers,
        body: Option<&Value>,
    ) -> Answer {
        let body = body.map(|body| body.to_string().into_bytes());
        self.try_send(method, path, headers, body).unwrap()
    }

    /// With exactly these headers and bytes.
    pub fn post_bytes(&self, path: &str, headers: Headers, body: &[u8]) -> Answer {
        let body = Some(body.to_vec());
        self.try_send(Method::POST, path, headers, body).unwrap()
    }

    /// A create under a key of its own.
    #[track_caller]
    pub fn create(&self, body: &Value) -> Answer {
        self.create_keyed(&key(), body)
    }

    #[track_caller]
    pub fn create_keyed(&self, key: &str, body: &Value) -> Answer {
        self.create_with(&[("Idempotency-Key", key)], body)
    }

    #[track_caller]
    pub fn create_with(&self, headers: Headers, body: &Value) -> Answer {
        self.send(Method::POST, "/transactions", headers, Some(body))
    }

    /// The ETag of a transaction as it is now.
    #[track_caller]
    pub fn etag(&self, id: &str) -> String {
        self.get_strong(&format!("/transactions/{id}"))
            .expect(200)
            .etag()
    }

    pub fn patch(&self, id: &str, if_match: &str, body: &Value) -> Answer {
        self.send(
            Method::PATCH,
            &format!("/transactions/{id}"),
            &[("If-Match", if_match)],
            Some(body),
        )
    }

    /// A request of which every byte is the test's, answered to the end of the connection.
    pub fn raw(&self, request: &[u8]) -> raw::Answer {
        raw::exchange(self.port(), request)
    }

    pub fn health(&self) -> String {
        self.get("/health").text
    }

    #[track_caller]
    pub fn until_healthy(&self, within: Duration) -> Duration {
        let start = Instant::now();
        let healthy = holds_within(within, || self.get("/health").status == 200);
        assert!(
            healthy,
            "not within {within:?}: {}",
            self.get("/status").text
        );
        start.elapsed()
    }

    /// What it has logged and printed up to now.
    pub fn log(&self) -> String {
        self.launch
            .logs()
            .iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect()
    }

    /// Its log is written by a thread of its own, a moment later than it answers.
    pub fn logs(&self, words: &str) {
        eventually(s(10), words, || self.log().contains(words));
    }

    /// Of a service that was launched with one.
    pub fn log_pipe(&self) -> &LogPipe {
        self.launch.log_pipe.as_ref().unwrap()
    }

    pub fn process(&self) -> u32 {
        self.child.lock().id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// None while it runs.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.child.lock().try_wait().unwrap()
    }

    #[track_caller]
    pub fn until_exit(&self, within: Duration) -> ExitStatus {
        eventually(within, "the service has ended", || {
            self.exit_status().is_some()
        });
        self.exit_status().unwrap()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let _ = (child.kill(), child.wait());
        if std::thread::panicking() {
            let probes = [
                "route=/health",
                "route=/live",
                "route=/ready",
                "route=/status",
            ];
            let log = self.log();
            let lines: Vec<&str> = log
                .lines()
                .filter(|line| !probes.iter().any(|probe| line.contains(probe)))
                .collect();
            let last = lines.len().saturating_sub(60);
            eprintln!(
                "--- the service on port {} said:\n{}\n---",
                self.port(),
                lines[last..].join("\n")
            );
        }
    }
}
