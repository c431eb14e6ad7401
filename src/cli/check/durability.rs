//! Whether what commits wait for is what `durability.require` asks for.

use crate::db::url::{DatabaseUrl, SessionLimits, connect};
use crate::db::{NodeOptions, Require};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// A node, by the `application_name` under which the primary knows it.
pub struct Standby<'n> {
    pub name: String,
    pub node: &'n NodeOptions,
}

/// `synchronous_standby_names` (PostgreSQL 15 manual, 20.6.2).
#[derive(Debug, PartialEq, Eq)]
struct Waits {
    /// For how many of the names; `FIRST` and `ANY` differ in which, and any of them may be all that is there.
    count: usize,
    names: Vec<String>,
}

/// `own_name`: under which the primary would be known, were it a standby.
///
/// Err: writes would be refused, or acknowledged later than they need to be.
pub fn durability(
    require: Require,
    primary: &NodeOptions,
    own_name: Option<&str>,
    standbys: &[Standby<'_>],
) -> Result<(), String> {
    let counts = |standby: &&Standby| match require {
        Require::None => false,
        Require::Node => true,
        Require::Region => standby.node.region != primary.region,
    };
    if require == Require::None {
        return Ok(());
    }
    let counting: Vec<&str> = standbys
        .iter()
        .filter(counts)
        .map(|standby| standby.name.as_str())
        .collect();
    let set = setting_of(&primary.url)?;
    if is_enough(&Waits::parse(&set, own_name), &counting) {
        println!(
            "durability.require: commits wait for synchronous_standby_names = '{set}', which is enough"
        );
        return Ok(());
    }
    let advice = match counting.is_empty() {
        true => "no standby that counts is there to be named".to_owned(),
        false => format!(
            "set synchronous_standby_names = 'ANY 1 ({})' on every node that may become the primary, without the node's own name; a commit \
             then takes the way to the nearest of them, there and back",
            quoted(&counting)
        ),
    };
    Err(format!(
        "durability.require: commits of {} wait for synchronous_standby_names = '{set}', which can be satisfied by standbys that do not \
         count: {advice}",
        primary.name
    ))
}

/// However those are chosen that confirm a commit, one of them counts.
fn is_enough(waits: &Waits, counting: &[&str]) -> bool {
    let counts = |name: &&String| {
        counting
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name))
    };
    let others = waits.names.iter().filter(|name| !counts(name)).count();
    let everybody = waits.names.iter().any(|name| name == "*");
    waits.count > others && !everybody
}

impl Waits {
    /// All nodes may have one list: nobody follows itself, so its own name stands for nobody.
    fn parse(setting: &str, own_name: Option<&str>) -> Waits {
        let setting = setting.trim();
        let (head, list) = match setting.split_once('(') {
            Some((head, list)) => (head.trim(), list.trim_end_matches(')')),
            None => ("", setting),
        };
        let count = head
            .split_whitespace()
            .next_back()
            .and_then(|n| n.parse().ok());
        let names = list.split(',').map(|name| name.trim().trim_matches('"'));
        let names: Vec<String> = names
            .filter(|name| {
                !name.is_empty() && own_name.is_none_or(|own| !own.eq_ignore_ascii_case(name))
            })
            .map(str::to_owned)
            .collect();
        Waits {
            count: if names.is_empty() {
                0
            } else {
                count.unwrap_or(1)
            },
            names,
        }
    }
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn setting_of(url: &DatabaseUrl) -> Result<String, String> {
    let session = SessionLimits::unplanned(PATIENCE, PATIENCE);
    let mut connection = connect(url, &session).map_err(|error| error.to_string())?;
    diesel::sql_query("SELECT current_setting('synchronous_standby_names') AS value")
        .get_result(&mut connection)
        .map(|setting: Setting| setting.value)
        .map_err(|error| format!("synchronous_standby_names could not be asked: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_enough_where_no_choice_of_standbys_is_without_one_that_counts() {
        let counting = ["us-a", "ap-a"];
        for (setting, is) in [
            ("", false),
            ("*", false),
            ("ANY 1 (*)", false),
            ("us-a", true),
            ("eu-b", false),
            ("eu-b, us-a", false),
            ("FIRST 2 (eu-b, us-a, ap-a)", true),
            ("2 (eu-b, \"us-a\")", true),
            ("ANY 1 (\"us-a\", \"ap-a\")", true),
            ("ANY 1 (US-A)", true),
            ("ANY 1 (eu-a, us-a, ap-a)", true),
            ("ANY 1 (eu-b, us-a, ap-a)", false),
            ("ANY 2 (eu-b, eu-c, us-a)", false),
        ] {
            assert_eq!(
                is_enough(&Waits::parse(setting, Some("eu-a")), &counting),
                is,
                "{setting}"
            );
        }
    }
}
