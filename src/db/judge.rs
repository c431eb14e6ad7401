//! Which node is the primary, and which must not be touched. Pure: from what the nodes last said, nothing else.

use super::probe::Facts;

/// Where writes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    To { node: usize, timeline: i32 },
    NoPrimary,
    SplitBrain,
}

/// What outlives a single look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// The history that this service serves: the system identifier of the first primary it accepted.
    pub system_id: Option<i64>,
    pub highest_timeline: i32,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    pub writes: Writes,
    /// For each node why it is fenced, if it is.
    pub fenced: Vec<Option<String>>,
}

/// `nodes[i]` is what node i last said, or None where it does not answer.
pub fn judge(nodes: &[Option<&Facts>], memory: &mut Memory) -> Judgement {
    let mut fenced: Vec<Option<String>> = vec![None; nodes.len()];
    for (i, facts) in nodes.iter().enumerate() {
        fenced[i] = facts.and_then(|facts| too_old(facts).or_else(|| same_server(nodes, i)));
    }
    let writable = |fenced: &[Option<String>]| -> Vec<usize> {
        (0..nodes.len())
            .filter(|&i| fenced[i].is_none() && nodes[i].is_some_and(Facts::is_writable_primary))
            .collect()
    };

    let primaries = writable(&fenced);
    let histories = primaries
        .iter()
        .filter_map(|&i| nodes[i])
        .map(|facts| facts.system_id);
    if histories
        .clone()
        .any(|id| Some(id) != histories.clone().next())
    {
        return Judgement {
            writes: Writes::SplitBrain,
            fenced,
        };
    }
    let system_id = memory.system_id.or(histories.clone().next());
    for (i, facts) in nodes
        .iter()
        .enumerate()
        .filter_map(|(i, facts)| Some((i, (*facts)?)))
    {
        if fenced[i].is_none() && system_id.is_some_and(|known| known != facts.system_id) {
            fenced[i] = Some("belongs to another cluster (system identifier)".into());
        }
    }
    memory.system_id = system_id;

    // A standby that follows timeline 2 proves that 2 exists, even while its primary is out of sight.
    let of_this_history = |i: &usize| fenced[*i].is_none() && system_id.is_some();
    let seen = (0..nodes.len())
        .filter(of_this_history)
        .filter_map(|i| nodes[i]?.timeline)
        .max();
    memory.highest_timeline = memory.highest_timeline.max(seen.unwrap_or(0));

    for i in writable(&fenced) {
        let timeline = nodes[i].and_then(|facts| facts.timeline).unwrap_or(0);
        if timeline < memory.highest_timeline {
            fenced[i] = Some(format!(
                "writable on timeline {timeline}, but timeline {} exists",
                memory.highest_timeline
            ));
        }
    }
    let writes = match writable(&fenced)[..] {
        [] => Writes::NoPrimary,
        [node] => Writes::To {
            node,
            timeline: memory.highest_timeline,
        },
        _ => Writes::SplitBrain,
    };
    Judgement { writes, fenced }
}

fn too_old(facts: &Facts) -> Option<String> {
    (facts.server_version < super::probe::OLDEST_SERVER_VERSION).then(|| {
        format!(
            "PostgreSQL {} is too old: 13 is the oldest supported",
            facts.server_version / 10_000
        )
    })
}

/// One server under two names would look like two primaries.
fn same_server(nodes: &[Option<&Facts>], i: usize) -> Option<String> {
    let me = nodes[i]?;
    let twin = |other: &Option<&Facts>| {
        other.is_some_and(|o| o.system_id == me.system_id && o.started_at == me.started_at)
    };
    nodes[..i]
        .iter()
        .position(twin)
        .map(|first| format!("is the same server as node {}", first + 1))
}

#[cfg(test)]
mod tests {
    use super::super::probe::tests::{primary, standby};
    use super::*;

    fn judged(nodes: &[Option<Facts>], memory: &mut Memory) -> Judgement {
        judge(
            &nodes.iter().map(Option::as_ref).collect::<Vec<_>>(),
            memory,
        )
    }

    fn is_fenced(judgement: &Judgement) -> Vec<bool> {
        judgement.fenced.iter().map(Option::is_some).collect()
    }

    #[test]
    fn the_only_writable_node_is_the_primary_wherever_it_is() {
        let mut memory = Memory::default();
        let judgement = judged(&[Some(standby(1, 1)), Some(primary(1, 1))], &mut memory);
        assert_eq!(
            judgement.writes,
            Writes::To {
                node: 1,
                timeline: 1
            }
        );
        assert_eq!((memory.system_id, memory.highest_timeline), (Some(1), 1));
    }

    #[test]
    fn a_writable_node_on_a_lower_timeline_is_fenced() {
        let judgement = judged(
            &[Some(primary(1, 1)), Some(primary(1, 2))],
            &mut Memory::default(),
        );
        assert_eq!(
            judgement.writes,
            Writes::To {
                node: 1,
                timeline: 2
            }
        );
        assert_eq!(is_fenced(&judgement), [true, false]);
    }

    #[test]
    fn an_old_primary_stays_fenced_when_the_new_one_is_out_of_sight() {
        let mut memory = Memory::default();
        judged(&[None, Some(primary(1, 2))], &mut memory);
        let judgement = judged(&[Some(primary(1, 1)), None], &mut memory);
        assert_eq!(
            (judgement.writes, is_fenced(&judgement)),
            (Writes::NoPrimary, vec![true, false])
        );
    }

    #[test]
    fn a_standby_on_a_higher_timeline_fences_the_old_primary() {
        let judgement = judged(
            &[Some(primary(1, 1)), Some(standby(1, 2))],
            &mut Memory::default(),
        );
        assert_eq!(
            (judgement.writes, is_fenced(&judgement)),
            (Writes::NoPrimary, vec![true, false])
        );
    }

    #[test]
    fn two_primaries_on_one_timeline_are_a_split_brain_until_one_is_gone() {
        let mut memory = Memory::default();
        assert_eq!(
            judged(&[Some(primary(1, 2)), Some(primary(1, 2))], &mut memory).writes,
            Writes::SplitBrain
        );
        assert_eq!(
            judged(&[Some(primary(1, 2)), None], &mut memory).writes,
            Writes::To {
                node: 0,
                timeline: 2
            }
        );
    }

    #[test]
    fn two_primaries_of_unrelated_histories_are_a_split_brain() {
        let mut memory = Memory::default();
        judged(&[Some(primary(1, 1)), None], &mut memory);
        assert_eq!(
            judged(&[Some(primary(1, 1)), Some(primary(9, 5))], &mut memory).writes,
            Writes::SplitBrain
        );
        let judgement = judged(&[None, Some(primary(9, 5))], &mut memory);
        assert_eq!(
            (judgement.writes, is_fenced(&judgement)),
            (Writes::NoPrimary, vec![false, true]),
            "a foreign one never gets writes"
        );
    }

    #[test]
    fn a_replica_of_another_cluster_is_fenced_and_the_rest_works() {
        let judgement = judged(
            &[Some(primary(1, 1)), Some(standby(9, 7))],
            &mut Memory::default(),
        );
        assert_eq!(
            (judgement.writes, is_fenced(&judgement)),
            (
                Writes::To {
                    node: 0,
                    timeline: 1
                },
                vec![false, true]
            )
        );
    }

    #[test]
    fn one_server_under_two_names_is_not_a_split_brain() {
        let one = primary(1, 1);
        let judgement = judged(&[Some(one.clone()), Some(one)], &mut Memory::default());
        assert_eq!(
            (judgement.writes, is_fenced(&judgement)),
            (
                Writes::To {
                    node: 0,
                    timeline: 1
                },
                vec![false, true]
            )
        );
    }

    #[test]
    fn a_primary_made_read_only_gets_no_writes() {
        let read_only = Facts {
            writable: false,
            ..primary(1, 1)
        };
        assert_eq!(
            judged(&[Some(read_only)], &mut Memory::default()).writes,
            Writes::NoPrimary
        );
    }
}
