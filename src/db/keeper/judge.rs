//! Which node is the primary, and which must not be used. Pure: from what the nodes said last, and what is remembered of before.

use super::super::cause::{Cause, Trouble};
use super::super::conclusions::Writes;
use super::super::probe::{Facts, Heard, OLDEST_SERVER_VERSION, Server};
use super::super::role::DbRole;
use super::branches;
use super::cluster::{Cluster, fence_strangers};
use super::gone::give_up_what_nobody_has;
use super::look::Look;
use std::time::{Duration, Instant};

/// What is remembered from one judgement to the next.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The cluster that this service serves.
    pub cluster: Cluster,
    /// The branch of the history that writes went to: its node, and the number of its timeline, which becomes lower only if it is gone
    /// (`gone.rs`).
    pub timeline: i32,
    pub writer: Option<usize>,
    /// The highest timeline that a node showed when none could be elected.
    pub shown: i32,
    pub nodes: Vec<Remembered>,
    /// The timeline that a node was promoted to beside a primary that is followed, and since when it is open which of the two counts.
    pub contest: Option<(i32, Instant)>,
    /// Since when no node has the timeline that writes went to.
    pub gone_since: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// The highest timeline that its server has shown: a running one never goes back to a lower one, whatever its control file says.
    shown: Option<(Server, i32)>,
    /// The name under which it follows others.
    pub upstream_name: Option<String>,
    /// Since when it is a standby that receives nothing.
    pub follows_nobody_since: Option<Instant>,
    /// A primary has answered since then, so it is cut off from that, and does not merely wait for one.
    primary_seen_since: bool,
    /// It was promoted to this timeline beside the branch that counts, and is ruled out until it streams from somebody ([`super::branches`]).
    pub outcast: Option<i32>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// For everything, or with this caveat.
    Usable(Option<Cause>),
    Fenced(Trouble),
}

#[derive(Debug, PartialEq)]
pub struct Judgement {
    pub writes: Writes,
    /// The primary, whether or not it takes writes now.
    pub elected: Option<usize>,
    pub timeline: i32,
    /// More than one branch of the history may be alive.
    pub contested: bool,
    pub standings: Vec<Standing>,
}

/// `nodes[i]` is what node i last said, or None where it does not answer. `last_word`: how long a primary that is silent just now may take to
/// speak for itself, while a standby says that it streams from it.
pub fn judge(
    nodes: &[Option<&Heard>],
    memory: &mut Memory,
    now: Instant,
    last_word: Duration,
) -> Judgement {
    memory.nodes.resize(nodes.len(), Remembered::default());
    let mut standings = vec![Standing::Usable(None); nodes.len()];
    for (i, heard) in nodes.iter().enumerate() {
        let trouble = heard.and_then(|heard| too_old(&heard.facts).or(same_server(nodes, i)));
        if let Some(trouble) = trouble {
            standings[i] = Standing::Fenced(trouble);
        }
    }
    learn_the_cluster(nodes, memory, &mut standings);
    let looks = looks(nodes, memory, &standings);
    give_up_what_nobody_has(&looks, memory, now);
    let decision = branches::decide(&looks, memory, now, last_word);
    let winner = decision
        .winner
        .and_then(|node| looks.iter().find(|look| look.node == node));
    let timeline = winner.map_or(memory.timeline.max(memory.shown), |winner| winner.timeline);
    for look in &looks {
        standings[look.node] = standing(look, &decision, timeline);
        // It may be from a failover that nobody saw, or from a mistake. Until a node is elected, it answers no read with a token.
        let is_unheard_of = memory.timeline > 0 && look.timeline > memory.timeline;
        if winner.is_none() && is_unheard_of && look.follows_nobody() {
            standings[look.node] = Standing::Usable(Some(Cause::PromotedApart));
        }
        // It could have followed a primary only if one has answered since it was left alone.
        let remembered = &mut memory.nodes[look.node];
        let since = remembered.follows_nobody_since;
        remembered.primary_seen_since |=
            winner.is_some_and(|winner| since.is_some_and(|since| winner.asked > since));
        if standings[look.node] == Standing::Usable(None) && remembered.primary_seen_since {
            standings[look.node] = Standing::Usable(Some(Cause::FollowsNobody));
        }
    }
    let is_read_only = |look: &Look| look.facts.role == DbRole::Primary && !look.facts.writable;
    let writes = match winner {
        None if is_unknown_whose(&standings) => without_a_cluster(nodes),
        _ if decision.split => Writes::SplitBrain,
        _ if decision.pending => Writes::Held(Cause::PromotionInQuestion),
        Some(winner) => Writes::To {
            node: winner.node,
            timeline,
        },
        None if looks.iter().any(is_read_only) => Writes::Held(Cause::ReadOnly),
        None => Writes::Held(Cause::NoPrimary),
    };
    Judgement {
        writes,
        elected: decision.winner,
        timeline,
        contested: decision.split || decision.pending,
        standings,
    }
}

/// Learns which cluster is ours. If another one had been presumed, forgets everything that was remembered of it.
fn learn_the_cluster(nodes: &[Option<&Heard>], memory: &mut Memory, standings: &mut [Standing]) {
    let before = memory.cluster;
    let is_bound = memory.writer.is_some();
    fence_strangers(nodes, &mut memory.cluster, is_bound, standings);
    if memory.cluster.replaces(before) {
        let cluster = memory.cluster;
        *memory = Memory {
            cluster,
            nodes: vec![Remembered::default(); nodes.len()],
            ..Memory::default()
        };
    }
}

/// What a node of this cluster may be used for, now that it is known which branch of the history counts.
fn standing(look: &Look, decision: &branches::Decision, timeline: i32) -> Standing {
    let facts = look.facts;
    if let Some((_, cause)) = decision
        .ruled_out
        .iter()
        .find(|(node, _)| *node == look.node)
    {
        if facts.role == DbRole::Replica {
            return Standing::Usable(Some(*cause));
        }
        let at = look.timeline;
        let detail = match cause {
            Cause::LowerTimeline => format!(
                "writable on timeline {at}, but another was promoted to timeline {}",
                timeline.max(decision.highest)
            ),
            _ => format!("promoted to timeline {at}, beside the branch that counts"),
        };
        return Standing::Fenced(Trouble::new(*cause, detail));
    }
    let below = facts.timeline.is_some() && look.timeline < timeline;
    let beside = facts.timeline.is_some() && look.timeline > timeline;
    let caveat = match facts.role {
        DbRole::Primary if facts.writable && decision.split => Some(Cause::SplitBrain),
        DbRole::Primary if facts.writable && decision.pending => Some(Cause::PromotionInQuestion),
        DbRole::Primary if facts.waits_for_standby() && facts.writable => {
            Some(Cause::WaitingForStandby)
        }
        _ if below => Some(Cause::LowerTimeline),
        DbRole::Primary if !facts.writable => Some(Cause::ReadOnly),
        DbRole::Primary => None,
        DbRole::Replica if beside && decision.winner.is_some() => Some(Cause::PromotedApart),
        DbRole::Replica => None,
    };
    Standing::Usable(caveat)
}

/// The nodes of this cluster, each with the highest timeline that its server has shown.
fn looks<'a>(
    nodes: &[Option<&'a Heard>],
    memory: &mut Memory,
    standings: &[Standing],
) -> Vec<Look<'a>> {
    let mut looks = Vec::new();
    for (node, heard) in nodes.iter().enumerate() {
        let Some(heard) = heard.filter(|_| standings[node] == Standing::Usable(None)) else {
            continue;
        };
        let (facts, remembered) = (&heard.facts, &mut memory.nodes[node]);
        let before = remembered
            .shown
            .filter(|(server, _)| *server == facts.server);
        let timeline = facts
            .timeline
            .unwrap_or(0)
            .max(before.map_or(0, |(_, shown)| shown));
        remembered.shown = Some((facts.server, timeline));
        // Without a WAL receiver this is only a guess (`cluster_name`).
        if facts.receiving || remembered.upstream_name.is_none() {
            remembered.upstream_name.clone_from(&facts.upstream_name);
        }
        let receives_nothing = facts.role == DbRole::Replica && !facts.receiving;
        let since = remembered.follows_nobody_since.unwrap_or(heard.asked);
        remembered.follows_nobody_since = receives_nothing.then_some(since);
        remembered.primary_seen_since &= receives_nothing;
        // An outcast that was rebuilt is on a lower timeline again, or follows somebody.
        let way = facts.heard_of.unwrap_or(0).max(timeline);
        let goes_its_own_way = |outcast: &i32| !facts.receiving && way >= *outcast;
        remembered.outcast = remembered.outcast.filter(goes_its_own_way);
        looks.push(Look {
            node,
            timeline,
            asked: heard.asked,
            facts,
        });
    }
    looks
}

fn is_unknown_whose(standings: &[Standing]) -> bool {
    let is_unknown = |standing: &Standing| matches!(standing, Standing::Fenced(trouble) if trouble.cause == Cause::SeveralClusters);
    standings.iter().any(is_unknown)
}

fn without_a_cluster(nodes: &[Option<&Heard>]) -> Writes {
    let primaries = nodes.iter().flatten();
    let primaries = primaries.filter(|heard| heard.facts.is_writable_primary());
    match primaries.count() {
        0 | 1 => Writes::Held(Cause::SeveralClusters),
        _ => Writes::SplitBrain,
    }
}

fn too_old(facts: &Facts) -> Option<Trouble> {
    let version = facts.server_version / 10_000;
    let detail = format!("PostgreSQL {version} is too old: 13 is the oldest supported");
    (facts.server_version < OLDEST_SERVER_VERSION)
        .then(|| Trouble::new(Cause::VersionTooOld, detail))
}

/// One server under two names would look like two primaries.
fn same_server(nodes: &[Option<&Heard>], i: usize) -> Option<Trouble> {
    let me = nodes[i]?.facts.server;
    let twin = |other: &Option<&Heard>| other.is_some_and(|other| other.facts.server == me);
    let first = nodes[..i].iter().position(twin)?;
    let detail = format!("is the same server as node {}", first + 1);
    Some(Trouble::new(Cause::SameServer, detail))
}

#[cfg(test)]
mod tests;
