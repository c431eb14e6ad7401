//! Primary or replica: promote, follow, and come back after a failover.

use super::{POLL, Server, StopMode, build, config};
use crate::{Error, process};
use postgresql_commands::pg_controldata::PgControlDataBuilder;
use postgresql_commands::pg_ctl::{Mode, PgCtlBuilder};
use postgresql_commands::traits::CommandBuilder;
use std::thread;
use std::time::{Duration, Instant};

const PROMOTE_LIMIT: Duration = Duration::from_secs(30);
/// A line of pg_controldata.
const STATE: &str = "Database cluster state";
const TOOL_LIMIT: Duration = Duration::from_secs(20);

impl Server {
    /// Makes a replica the primary; returns when it accepts writes.
    pub fn promote(&self) -> Result<(), Error> {
        self.promote_within(PROMOTE_LIMIT)
    }

    pub(crate) fn promote_within(&self, limit: Duration) -> Result<(), Error> {
        let pg_ctl = PgCtlBuilder::new().program_dir(&self.home().binaries.dir);
        let pg_ctl = pg_ctl.mode(Mode::Promote).pgdata(self.data_dir()).no_wait();
        process::run(self.home().command(pg_ctl.build()), "", TOOL_LIMIT)?;
        let end = Instant::now() + limit;
        while self.control(STATE)? != "in production" {
            if Instant::now() > end {
                return Err(self.timeout("was not promoted", limit));
            }
            if !self.is_running() {
                return Err(Error::NotRunning {
                    name: self.name().to_owned(),
                });
            }
            thread::sleep(POLL);
        }
        // A primary does not use it, so it can stay in the file until the next start.
        self.settings.lock().remove("primary_conninfo");
        Ok(())
    }

    /// A promotion that was interrupted may have removed standby.signal before the server was in production. If such a server were started,
    /// it would go on in the timeline of its old primary, and nothing could tell the writes of the two apart, not even pg_rewind. As a
    /// standby it can be promoted again, to a timeline of its own. Only to be called for a server that has ended.
    pub(crate) fn undo_half_a_promotion(&self) -> Result<(), Error> {
        let half = ["in archive recovery", "shut down in recovery"];
        if self.is_standby() || !half.contains(&self.control(STATE)?.as_str()) {
            return Ok(());
        }
        log::warn!(node = self.name(); "a promotion was not finished; the server is a standby again");
        build::mark_standby(self.home(), &self.data_dir())
    }

    /// One line of pg_controldata, which works on a stopped server, and does not hang on a frozen one.
    pub(crate) fn control(&self, key: &str) -> Result<String, Error> {
        let tool = PgControlDataBuilder::new()
            .program_dir(&self.home().binaries.dir)
            .pgdata(self.data_dir());
        let text = process::run(self.home().command(tool.build()), "", TOOL_LIMIT)?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        Ok(value.unwrap_or_default().trim().to_owned())
    }

    /// Makes the server follow another one from now on. A running primary becomes a replica only at its next start.
    pub fn follow(&self, source: &Server) -> Result<(), Error> {
        self.follow_port(source.port())
    }

    /// The same, through a proxy.
    pub fn follow_port(&self, port: u16) -> Result<(), Error> {
        build::mark_standby(self.home(), &self.data_dir())?;
        let conninfo = config::conninfo(self.home(), port, self.name())?;
        self.reload(&[("primary_conninfo", &conninfo)])
    }

    /// Makes a former primary fit to follow its successor. It is stopped if it runs, and not started again.
    pub fn rewind_to_follow(&self, source: &Server) -> Result<(), Error> {
        self.stop(StopMode::Fast)?;
        self.end_leftovers()?;
        build::rewind(source, self.name())?;
        self.follow(source)
    }

    /// Throws the data away and copies everything anew. The server is ended if it runs, and not started again.
    pub fn rebuild_to_follow(&self, source: &Server) -> Result<(), Error> {
        self.end_now()?;
        build::basebackup(source, self.name())?;
        self.follow(source)
    }

    /// Whether it is, or at its next start will be, a replica.
    pub fn is_standby(&self) -> bool {
        self.data_dir().join("standby.signal").exists()
    }
}
