//! The commands. Any failure is one clear line and a non-zero exit status: 1, or 2 for what the user typed or set.

/// Prints a line. Unlike `println!` it does not panic if the reader has closed the pipe.
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stdout(), $($argument)*));
    }};
}

mod check;
mod demo;
mod healthcheck;
mod key;
mod manual;
mod serve;
mod status;

use crate::db::Schema;
use crate::db::survey::survey;
use crate::migrations::{self, Unready};
use crate::server::Certificate;
use crate::settings::{self, Settings};
use crate::{http, logging};
use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// A REST transaction service on PostgreSQL that follows failovers, never loses an acknowledged write and never doubles one.
#[derive(Parser)]
#[command(name = "synapse-core", version)]
struct Cli {
    /// Settings file [default: Settings.toml in the working directory]
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests (the default)
    Serve,
    /// Serve a load on a private PostgreSQL whose primary is killed again and again; exit 1 if anything was lost, doubled, wrong or failed
    ///
    /// The databases are its own, beside the embedded ones (data/demo), whatever is configured; they go after a clean verdict. At Ctrl-C the
    /// load ends, and a checker reads everything back that was acknowledged and compares. It holds 200,000 handles: when there are so many,
    /// all are checked, and the older half is let go.
    Demo(demo::DemoArgs),
    /// Run the pending schema migrations on the primary
    Migrate,
    /// Load the settings, connect to every node, and say what it is; exit 1 if the service would lack something
    Check,
    /// Show what a running service knows of its databases; exit 1 if it does not answer
    Status(status::StatusArgs),
    /// Print the OpenAPI document of the service
    Openapi,
    /// Make a key for a client, show it once, and print the lines for the settings
    Key {
        #[arg(value_parser = key::name)]
        name: String,
    },
    /// Ask the service on this machine whether it is alive (for containers); exit 1 if not
    Healthcheck,
    /// Print a completion script
    Completions { shell: clap_complete::Shell },
    /// Print the manual page of the program, or of one of its commands (`synapse-core man demo | man -l -`)
    Man { command: Option<String> },
}

/// Returns the exit status.
pub fn main() -> i32 {
    trust_the_systems_certificates();
    let result = run(Cli::parse());
    logging::flush();
    let (lines, status) = match result {
        Ok(()) => return 0,
        Err(Failure::Settings(lines)) => (lines, 2),
        Err(Failure::Running(line)) => (line, 1),
    };
    lines
        .lines()
        .for_each(|line| eprintln!("synapse-core: {line}"));
    status
}

/// Why a command failed, in words for the operator.
enum Failure {
    /// The user has to correct what was typed or set first; one line for each problem.
    Settings(String),
    Running(String),
}

impl From<String> for Failure {
    fn from(line: String) -> Failure {
        Failure::Running(line)
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let wrong = |problems: settings::Problems| Failure::Settings(problems.to_string());
    let load = || settings::load(cli.config.as_deref()).map_err(wrong);
    let load_with_certificate =
        || settings::load_with(cli.config.as_deref(), Certificate::load).map_err(wrong);
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let (settings, certificate) = load_with_certificate()?;
            serve::serve(settings, certificate)
        }
        Command::Demo(arguments) => {
            let settings = settings::load_for_demo(cli.config.as_deref());
            demo::demo(settings.map_err(wrong)?, &arguments)
        }
        Command::Migrate => Ok(migrate(&load()?)?),
        Command::Check => {
            let (settings, certificate) = load_with_certificate()?;
            Ok(check::check(&settings, certificate.as_deref())?)
        }
        Command::Healthcheck => Ok(healthcheck::healthcheck(&load()?)?),
        Command::Key { name } => Ok(write(&key::text(&name))?),
        Command::Status(arguments) => {
            let own_url = || settings::own_url(cli.config.as_deref()).map_err(wrong);
            let url = arguments.url.clone().map_or_else(own_url, Ok)?;
            Ok(status::status(&url, &arguments)?)
        }
        Command::Openapi => Ok(write(http::document())?),
        Command::Completions { shell } => Ok(write(&manual::completions(Cli::command(), shell))?),
        Command::Man { command } => {
            let page = manual::page(Cli::command(), command.as_deref());
            Ok(write(&page.map_err(Failure::Settings)?)?)
        }
    }
}

/// Prints a text. If the reader has closed the pipe, that is an error and not a panic.
fn write(text: &str) -> Result<(), String> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())
}

fn migrate(settings: &Settings) -> Result<(), String> {
    logging::start(&settings.log);
    if settings.database.nodes.is_empty() {
        return Err("the private PostgreSQL is migrated by `serve`; set database.primary.url to migrate another".into());
    }
    let nodes = &settings.database.nodes;
    let survey = survey(nodes, settings.database.availability.probe_timeout);
    let primary = survey.primary.map_err(|cause| {
        let silent = nodes.iter().zip(&survey.heard);
        let silent = silent.filter_map(|(node, heard)| {
            let trouble = heard.as_ref().err()?;
            Some(format!("; {}: {}", node.name, trouble.detail))
        });
        format!(
            "there is no primary to migrate: {cause}{}",
            silent.collect::<String>()
        )
    })?;
    let node = &nodes[primary];
    let names =
        migrations::run_pending(&node.url).map_err(|reason| format!("{}: {reason}", node.name))?;
    if names.is_empty() {
        return said(&format!("{}: nothing pending", node.name));
    }
    said(&format!("{}: applied {}", node.name, names.join(", ")))
}

fn said(line: &str) -> Result<(), String> {
    say!("{line}");
    Ok(())
}

/// How the schema of a primary is verified and prepared before it serves.
fn schema(migrate_on_start: bool) -> Schema {
    let told = |unready: Unready| unready.to_string();
    if migrate_on_start {
        Schema {
            verify: Box::new(move |connection| migrations::is_up_to_date(connection).map_err(told)),
            prepare: Box::new(|url| migrations::run_pending(url).map(|_| ())),
        }
    } else {
        Schema {
            verify: Box::new(move |connection| migrations::verify(connection).map_err(told)),
            prepare: Box::new(move |url| migrations::verify_at(url).map_err(told)),
        }
    }
}

/// Points OpenSSL to the CA certificates of the system: the bundled one looks in places where there are none. Must run before any thread
/// starts.
fn trust_the_systems_certificates() {
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe {
        openssl_probe::try_init_openssl_env_vars();
    }
}
