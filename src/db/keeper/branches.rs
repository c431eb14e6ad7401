//! Which branch of the history counts, if more than one has a writable node.
//!
//! A promotion raises the timeline, so as a rule the highest one counts, and a writable node on a lower one is fenced. But anybody can
//! promote anything: after one mistaken `pg_promote()` a reporting replica is on a higher timeline too, and so may be a restored copy that
//! is in the list. So it is asked first whether anybody still follows the primary on the lower timeline. A correct failover cuts all
//! standbys off the old primary before it promotes one of them; if one still streams from it, both timelines are alive.
//!
//! A failover, on a time line: node-1 is the primary on timeline 1, node-2 and node-3 are its synchronous standbys.
//! * t = 0 s: node-1 is cut off or dead, and node-2 and node-3 have left it. t = 1 s: node-2 is promoted to timeline 2.
//! * t = 1.02 s: a probe sees it. Nobody follows node-1, if it answers at all: node-2 is the primary at once, and node-1 is fenced.
//!
//! A mistake: node-1 is the primary on timeline 1, node-2 its synchronous standby, node-3 a reporting replica.
//! * t = 0 s: somebody promotes node-3 to timeline 2. t = 0.3 s: a probe sees it. 0.2 s ago node-2 said that it follows node-1, which may
//!   no longer be so. Therefore writes are held, and both are asked again.
//! * t = 0.302 s: node-2 streams from node-1 on timeline 1, and node-1 says that its commits wait for node-2: node-1 goes on, since each
//!   write that it acknowledges is on node-2. node-3 is fenced (`promoted_apart`), and is never elected as long as nobody follows it:
//!   should node-1 die at t = 60 s, writes wait for node-2 to be promoted.
//! * If node-2 were only an asynchronous standby, nobody could say which of the two has what was acknowledged last; nor if somebody
//!   followed node-3 as well. In these cases writes are refused (`split_brain`) until one of the branches is gone.
//!
//! A region that comes back: the commits of eu-a wait for us-a or ap-a, and eu-b follows it as well, asynchronously. eu is cut off, us-a
//! and ap-a leave eu-a, and us-a is promoted. When eu can be reached again, eu-b still streams from eu-a. But the commits of eu-a hang, and
//! ap-a follows us-a: us-a goes on, and eu-a is fenced.
//!
//! A missed probe: should node-1 miss one just when node-3 is promoted, node-2 speaks for it. While node-2 says that it streams on timeline
//! 1, writes are held for as long as it takes to connect and to answer a probe (`last_word`, 2.5 s by default), and node-1 is asked again
//! in that time. The same holds if node-2 misses a probe, and node-1 says that node-2 streams from it. After a correct failover nobody
//! streams from the old primary, so nothing is waited for.
//!
//! Two promotions from timeline 1 make two timelines 2, so a branch is identified by its number and the node that writes it. An *outcast*
//! is a node that was promoted beside the branch that counts. It stays ruled out, whatever the number of its timeline becomes (it may be
//! promoted again), until it is rebuilt or streams from somebody: at t = 61 s node-3 is restarted as a standby, and is still an outcast; at
//! t = 65 s it streams from node-2, and is a standby like any other. A timeline that was seen only on a standby that streams from nobody
//! rules out only primaries that nobody follows.

use super::super::cause::Cause;
use super::following::{Following, following, is_confirmed};
use super::judge::Memory;
use super::look::{Followed, Heights, Look};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub struct Decision {
    pub winner: Option<usize>,
    /// The highest timeline that was seen.
    pub highest: i32,
    /// Nodes are being asked whether anybody still follows a primary of a lower timeline.
    pub pending: bool,
    /// Two branches are alive, and nobody can tell which is the right one.
    pub split: bool,
    /// Writable nodes that do not count, and why.
    pub ruled_out: Vec<(usize, Cause)>,
}

pub fn decide(looks: &[Look], memory: &mut Memory, now: Instant, last_word: Duration) -> Decision {
    let followed: Vec<_> = looks
        .iter()
        .map(|look| (look, following(look, looks, memory)))
        .collect();
    let (outcasts, others): (Vec<_>, Vec<_>) =
        followed.into_iter().partition(|(look, following)| {
            memory.nodes[look.node].outcast.is_some() && following.is_none()
        });
    let heights = Heights::of(&others, memory);
    let alive = heights.alive;
    let mut decision = Decision {
        highest: heights.heard_of.max(memory.timeline),
        ..Decision::default()
    };
    for (look, _) in outcasts {
        decision.rule_out(look, Cause::PromotedApart);
    }
    let (claims, rivals) = claims_and_rivals(&others, &heights, memory, &mut decision);
    let loyal = loyal_to_a_silent_writer(&others, memory);
    let loyal = loyal.filter(|_| memory.timeline < alive);
    let known = memory.contest.filter(|(timeline, _)| *timeline == alive);
    let may_still_speak = known.is_none_or(|(_, since)| now < since + last_word);
    let is_contested = !rivals.is_empty() || loyal.is_some();
    memory.contest = is_contested.then(|| known.unwrap_or((alive, now)));
    let weights = rivals.iter().map(|rival| {
        let may_go_on = heights.is_unfollowed && !rival.0.is_superseded(memory);
        weigh(*rival, memory.contest, may_go_on, may_still_speak)
    });
    let has_the_last_word = loyal.is_some() && may_still_speak;
    let weights = weights.chain(has_the_last_word.then_some(Weight::Pending));
    match weights.max() {
        Some(Weight::Split) => decision.split = true,
        Some(Weight::Pending) => decision.pending = true,
        Some(Weight::GoesOn) => elect_rival(&rivals, memory, &mut decision),
        None => highest_counts(&claims, heights.shown, memory, &mut decision),
    }
    for look in to_cast_out(&others, &decision, memory) {
        decision.cast_out(look, memory);
    }
    decision
}

/// The nodes to cast out: those on a higher timeline than the elected primary that follow nobody. A standby among them may be in the middle
/// of its promotion; which of the two counts is then asked once it is a primary. It is cast out only if the elected primary's commits have
/// been confirmed since it stands alone.
fn to_cast_out<'l, 'f>(
    others: &[Followed<'l, 'f>],
    decision: &Decision,
    memory: &Memory,
) -> Vec<&'l Look<'f>> {
    let is_winner = |(look, _): &&Followed| Some(look.node) == decision.winner;
    let Some((winner, followed)) = others.iter().find(is_winner) else {
        return Vec::new();
    };
    let confirmed = followed.filter(|followed| is_confirmed(Some(*followed)));
    let confirmed = confirmed.map(|followed| winner.asked.min(followed.heard()));
    let is_apart = |look: &&Look| {
        let alone_since = memory.nodes[look.node].follows_nobody_since;
        let since_then = alone_since.is_some_and(|alone| confirmed.is_some_and(|at| at >= alone));
        look.is_primary() || look.follows_nobody() && since_then
    };
    let others = others.iter().map(|(look, _)| *look);
    let above = others.filter(|look| look.timeline > memory.timeline);
    above.filter(is_apart).collect()
}

/// A standby that streams on the timeline that writes went to, while the primary of that timeline does not answer: that primary may only
/// have missed one probe.
fn loyal_to_a_silent_writer<'l, 'f>(
    others: &[Followed<'l, 'f>],
    memory: &Memory,
) -> Option<&'l Look<'f>> {
    let writer = memory.writer?;
    let mut standbys = others.iter().map(|(look, _)| *look);
    let is_silent = others.iter().all(|(look, _)| look.node != writer);
    // A standby that follows another standby (a cascade) says nothing of the primary.
    let is_cascading = |look: &Look| {
        let name = look.facts.upstream_name.as_deref();
        let mut upstream = others.iter().filter(|(other, _)| !other.is_primary());
        name.is_some_and(|name| upstream.any(|(other, _)| other.facts.standbys.contains_key(name)))
    };
    let is_loyal = |look: &&Look| {
        look.is_receiving() && look.timeline == memory.timeline && !is_cascading(look)
    };
    standbys.find(is_loyal).filter(|_| is_silent)
}

/// Returns the claims (writable nodes that may be the primary) and the rivals (those on a lower timeline than the highest one alive that
/// are still followed). Rules out or casts out others.
fn claims_and_rivals<'l, 'f>(
    others: &[Followed<'l, 'f>],
    heights: &Heights,
    memory: &mut Memory,
    decision: &mut Decision,
) -> (Vec<&'l Look<'f>>, Vec<(&'l Look<'f>, Following)>) {
    let (mut claims, mut rivals) = (Vec::new(), Vec::new());
    let writer = others.iter().find(|(look, _)| look.is_writer(memory));
    for (claim, following) in others {
        let at = claim.timeline;
        let is_namesake = claim.is_primary() && claim.shares_a_number(memory);
        match following {
            // It shares the number alone: it has nothing of what was written on the timeline that writes went to.
            None if is_namesake && writer.is_none() => {
                decision.rule_out(claim, Cause::PromotedApart);
            }
            None if is_namesake && writer.is_some_and(|(_, of)| is_confirmed(*of)) => {
                decision.cast_out(claim, memory);
            }
            _ if !claim.facts.is_writable_primary() => {}
            Some(following) if at < heights.alive => {
                if claim.cannot_acknowledge(*following, heights, memory) {
                    decision.rule_out(claim, Cause::LowerTimeline);
                } else {
                    rivals.push((*claim, *following));
                }
            }
            None if at < heights.heard_of => decision.rule_out(claim, Cause::LowerTimeline),
            _ if at < memory.timeline => decision.rule_out(claim, Cause::LowerTimeline),
            _ => claims.push(*claim),
        }
    }
    (claims, rivals)
}

/// The weight of a rival, or of a silent primary for which a standby speaks. The greatest one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    GoesOn,
    Pending,
    Split,
}

/// The weight of a rival: a primary that is followed, on a lower timeline than the highest one alive.
fn weigh(
    (rival, following): (&Look, Following),
    contest: Option<(i32, Instant)>,
    may_go_on: bool,
    may_still_speak: bool,
) -> Weight {
    let heard = rival.asked.min(following.heard());
    match following {
        _ if contest.is_none_or(|(_, since)| heard < since) => Weight::Pending,
        Following::Confirms(_) if may_go_on => Weight::GoesOn,
        // The standby that follows it may only have missed one probe.
        Following::Unheard(_) if may_still_speak => Weight::Pending,
        _ => Weight::Split,
    }
}

/// The primary on the lower timeline goes on, if there is only one.
fn elect_rival(rivals: &[(&Look, Following)], memory: &mut Memory, decision: &mut Decision) {
    match rivals {
        [(rival, _)] => decision.elect(rival, memory),
        _ => decision.split = true,
    }
}

fn highest_counts(claims: &[&Look], shown: i32, memory: &mut Memory, decision: &mut Decision) {
    match claims {
        [] => memory.shown = shown,
        [winner] => decision.elect(winner, memory),
        [_, _, ..] => decision.split = true,
    }
}

impl Decision {
    fn elect(&mut self, winner: &Look, memory: &mut Memory) {
        self.winner = Some(winner.node);
        (memory.timeline, memory.writer) = (winner.timeline, Some(winner.node));
        memory.nodes[winner.node].outcast = None;
    }

    fn cast_out(&mut self, look: &Look, memory: &mut Memory) {
        memory.nodes[look.node].outcast = Some(look.timeline);
        self.rule_out(look, Cause::PromotedApart);
    }

    fn rule_out(&mut self, look: &Look, cause: Cause) {
        self.ruled_out.push((look.node, cause));
    }
}
