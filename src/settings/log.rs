//! `[log]`

use super::reader::Reader;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug)]
pub struct LogSettings {
    /// `env_logger`'s filter syntax.
    pub level: String,
    pub format: LogFormat,
}

pub(super) fn log(r: &mut Reader) -> LogSettings {
    LogSettings {
        level: level(r),
        format: r.choice(
            "log.format",
            &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            LogFormat::Text,
        ),
    }
}

fn level(r: &mut Reader) -> String {
    let level = r
        .text("log.level")
        .unwrap_or_else(|| "info,actix_server=warn,actix_http=off".into());
    if env_filter::Builder::new().try_parse(&level).is_err() {
        r.problem(
            "log.level",
            "must be error, warn, info, debug, trace, or a filter such as info,access=warn",
        );
    }
    level
}
