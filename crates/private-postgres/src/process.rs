//! Processes: they are started so that they cannot outlive this program, and run within a time limit.

use crate::Error;
use crate::account::Account;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

type Job = (Command, SyncSender<io::Result<Child>>);

/// The one thread that creates every process. It lives as long as the program: the parent-death signal is sent when the *thread* that
/// created a process ends.
static PARENT: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (jobs, inbox) = channel::<Job>();
    let work = move || {
        for (mut command, reply) in inbox {
            // Whoever asks waits for the reply, so sending it cannot fail.
            let _ = reply.send(command.spawn());
        }
    };
    if let Err(error) = thread::Builder::new()
        .name("postgres-parent".into())
        .spawn(work)
    {
        log::error!("cannot start the thread that starts PostgreSQL: {error}");
    }
    jobs
});

pub(crate) fn spawn(command: Command) -> Result<Child, Error> {
    let program = std::path::PathBuf::from(command.get_program());
    let (reply, answer) = sync_channel(1);
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    PARENT
        .send((command, reply))
        .map_err(|_| io::Error::other("the thread that starts processes has ended"))
        .and_then(|()| answer.recv().map_err(gone)?)
        .map_err(Error::io("run", &program))
}

/// Sets up what all PostgreSQL programs share: account, directory, environment, process group, and that they end with this process.
pub(crate) fn prepare(command: &mut Command, account: Option<&Account>, directory: &Path) {
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("PG") {
            command.env_remove(key);
        }
    }
    // libpq looks for certificates and password files in HOME, and the account may not enter root's.
    command
        .env("LC_ALL", "C")
        .env("HOME", directory)
        .current_dir(directory);
    // A process group of its own: otherwise Ctrl-C in a terminal would stop the servers before this program does.
    command.process_group(0);
    if let Some(account) = account {
        // std clears the supplementary groups when it changes the uid as root.
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    #[cfg(target_os = "linux")]
    end_with_us(command);
}

/// If this process dies, its children get SIGQUIT, PostgreSQL's immediate stop: nobody waits for a clean one, and the next start recovers.
/// A fast stop could wait a minute for a replica that hangs.
#[cfg(target_os = "linux")]
fn end_with_us(command: &mut Command) {
    let parent = nix::unistd::getpid();
    let hook = move || {
        // This runs after setuid, which would clear the setting.
        nix::sys::prctl::set_pdeathsig(Signal::SIGQUIT)?;
        if nix::unistd::getppid() != parent {
            return Err(io::Error::from(nix::errno::Errno::ESRCH)); // our process died before the line above
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl and getppid are.
    unsafe { command.pre_exec(hook) };
}

/// Runs a program to its end, feeding it `input`, and returns what it printed.
pub(crate) fn run(mut command: Command, input: &str, limit: Duration) -> Result<String, Error> {
    let program = Path::new(command.get_program())
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that the whole group can be killed at the limit.
        .process_group(0);
    let mut child = spawn(command)?;
    let group = pid_of(&child);
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early says why on stderr; the broken pipe would add nothing.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (reply, answer) = sync_channel(1);
    let wait = move || drop(reply.send(child.wait_with_output()));
    if let Err(source) = thread::Builder::new().spawn(wait) {
        let _ = killpg(group, Signal::SIGKILL); // nobody would wait for it
        return Err(Error::io("start a thread for", Path::new(&program))(source));
    }
    match answer.recv_timeout(limit) {
        Ok(Ok(output)) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(Ok(output)) => Err(tool_error(program, &output)),
        Ok(Err(source)) => Err(Error::io("wait for", Path::new(&program))(source)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            let _ = killpg(group, Signal::SIGKILL); // an error is ignored, since it may have ended just now
            Err(Error::ToolTimeout {
                program,
                seconds: limit.as_secs(),
            })
        }
    }
}

fn tool_error(program: String, output: &Output) -> Error {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines.len().saturating_sub(5);
    Error::Tool {
        program,
        status: output.status,
        output: lines[last..].join("; "),
    }
}

pub(crate) fn pid_of(child: &Child) -> Pid {
    // A pid always fits: the kernel's own type is i32.
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// Errors are only logged: a process that has just ended needs no signal.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    if let Err(errno) = kill(pid, signal) {
        log::debug!("cannot send {signal} to process {pid}: {errno}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_at_its_limit() {
        let mut command = Command::new("sleep");
        command.arg("60");
        prepare(&mut command, None, Path::new("/tmp"));
        let error = run(command, "", Duration::from_millis(50)).unwrap_err();
        assert!(
            error.to_string().starts_with("sleep did not end within"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_fails_tells_its_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no space left >&2; exit 3"]);
        let error = run(command, "", Duration::from_secs(20)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh failed (exit status: 3): no space left"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(Command::new("/no/such/initdb"), "", Duration::from_secs(20)).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot run /no/such/initdb"),
            "{error}"
        );
    }
}
