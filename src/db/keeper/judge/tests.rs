use super::super::super::probe::tests::{primary, standby, streams};
use super::*;
use std::time::Duration;

const LAST_WORD: Duration = Duration::from_millis(2500);

/// A service that sees its nodes at moments of its choice.
struct Service {
    memory: Memory,
    now: Instant,
}

impl Service {
    fn new() -> Service {
        let (memory, now) = (Memory::default(), Instant::now());
        Service { memory, now }
    }

    /// All of them were asked just now.
    fn sees(&mut self, nodes: &[Option<Facts>]) -> Judgement {
        self.now += Duration::from_millis(500);
        let asked = self.now - Duration::from_millis(1);
        self.sees_as_of(asked, nodes)
    }

    fn sees_twice(&mut self, nodes: &[Option<Facts>]) -> Judgement {
        self.sees(nodes);
        self.sees(nodes)
    }

    fn sees_as_of(&mut self, asked: Instant, nodes: &[Option<Facts>]) -> Judgement {
        self.sees_each(&vec![Some(asked); nodes.len()], nodes)
    }

    fn sees_each(&mut self, asked: &[Option<Instant>], nodes: &[Option<Facts>]) -> Judgement {
        let heard = nodes.iter().cloned().zip(asked);
        let heard: Vec<_> = heard
            .map(|(facts, asked)| {
                Some(Heard {
                    facts: facts?,
                    asked: (*asked)?,
                })
            })
            .collect();
        let heard: Vec<_> = heard.iter().map(Option::as_ref).collect();
        judge(&heard, &mut self.memory, self.now, LAST_WORD)
    }
}

fn to(node: usize, timeline: i32) -> Writes {
    Writes::To { node, timeline }
}

fn causes(judgement: &Judgement) -> Vec<Option<Cause>> {
    let cause = |standing: &Standing| match standing {
        Standing::Usable(caveat) => *caveat,
        Standing::Fenced(trouble) => Some(trouble.cause),
    };
    judgement.standings.iter().map(cause).collect()
}

/// A standby that follows as `name`.
fn follower(timeline: i32, name: &str) -> Facts {
    Facts {
        upstream_name: Some(name.into()),
        ..standby(1, timeline)
    }
}

/// A primary whose commits wait for the standby of this name, which streams.
fn confirmed_by(name: &str, timeline: i32) -> Facts {
    Facts {
        waits_for: 1,
        standbys: streams(name, &["sync"]),
        ..primary(1, timeline)
    }
}

/// A primary from which the standby of this name streams, while its commits wait for nobody.
fn followed_by(name: &str, timeline: i32) -> Facts {
    Facts {
        waits_for: 0,
        standbys: streams(name, &["async"]),
        ..primary(1, timeline)
    }
}

fn alone(facts: Facts) -> Facts {
    Facts {
        receiving: false,
        ..facts
    }
}

#[test]
fn the_only_writable_node_is_the_primary_wherever_it_is() {
    let mut service = Service::new();
    let judgement = service.sees(&[Some(standby(1, 1)), Some(primary(1, 1))]);
    assert_eq!((judgement.writes, judgement.elected), (to(1, 1), Some(1)));
    assert_eq!(
        (service.memory.cluster, service.memory.timeline),
        (Cluster::Known(1), 1)
    );
}

#[test]
fn a_writable_node_on_a_lower_timeline_that_nobody_follows_is_fenced_at_once() {
    for third in [None, Some(alone(standby(1, 1))), Some(standby(1, 2))] {
        let judgement = Service::new().sees(&[Some(primary(1, 1)), Some(primary(1, 2)), third]);
        assert_eq!(judgement.writes, to(1, 2));
        assert_eq!(causes(&judgement)[..2], [Some(Cause::LowerTimeline), None]);
    }
}

/// A region that comes back: the standby beside the old primary does not confirm its commits.
#[test]
fn an_old_primary_whose_commits_hang_is_fenced_although_another_standby_follows_it() {
    let hangs = Facts {
        waits_for: 1,
        ..followed_by("eu-b", 1)
    };
    let beside = follower(1, "eu-b");
    let seen = [hangs, beside, primary(1, 2), standby(1, 2)].map(Some);
    let judgement = Service::new().sees(&seen);
    assert_eq!(judgement.writes, to(2, 2));
    assert_eq!(
        causes(&judgement)[..2],
        [Some(Cause::LowerTimeline), Some(Cause::LowerTimeline)]
    );
}

/// The old primary's standby may be away for a moment only, just when another node is promoted by mistake.
#[test]
fn an_old_primary_whose_commits_hang_has_a_say_while_nobody_follows_the_promoted_node() {
    let hangs = Facts {
        waits_for: 1,
        ..followed_by("eu-b", 1)
    };
    let beside = follower(1, "eu-b");
    let seen = [hangs, beside, primary(1, 2)].map(Some);
    let mut service = Service::new();
    service.sees(&seen);
    assert_eq!(service.sees(&seen).writes, Writes::SplitBrain);
}

#[test]
fn an_old_primary_stays_fenced_when_the_new_one_is_out_of_sight() {
    let mut service = Service::new();
    service.sees(&[None, Some(primary(1, 2)), None]);
    for follower in [None, Some(standby(1, 1))] {
        let judgement = service.sees(&[Some(primary(1, 1)), None, follower]);
        assert_eq!(judgement.writes, Writes::Held(Cause::NoPrimary));
        assert_eq!(causes(&judgement)[0], Some(Cause::LowerTimeline));
    }
}

#[test]
fn a_standby_on_a_higher_timeline_fences_the_old_primary() {
    let judgement = Service::new().sees(&[Some(primary(1, 1)), Some(standby(1, 2))]);
    assert_eq!(judgement.writes, Writes::Held(Cause::NoPrimary));
    assert_eq!(causes(&judgement), [Some(Cause::LowerTimeline), None]);
}

#[test]
fn a_promotion_beside_a_primary_whose_commits_a_standby_confirms_takes_nothing_from_it() {
    let mut service = Service::new();
    let before = [
        Some(confirmed_by("b", 1)),
        Some(follower(1, "b")),
        Some(follower(1, "c")),
    ];
    assert_eq!(service.sees(&before).writes, to(0, 1));
    let asked = service.now;
    let promoted = primary(1, 2);
    let mistake = [
        Some(confirmed_by("b", 1)),
        Some(follower(1, "b")),
        Some(promoted.clone()),
    ];
    service.now += Duration::from_millis(20);
    let first = service.sees_as_of(asked, &mistake);
    assert_eq!(
        first.writes,
        Writes::Held(Cause::PromotionInQuestion),
        "what was said before may be over"
    );
    assert!(first.contested);
    for _ in 0..3 {
        let judgement = service.sees(&mistake);
        assert_eq!((judgement.writes, judgement.contested), (to(0, 1), false));
        assert_eq!(causes(&judgement), [None, None, Some(Cause::PromotedApart)]);
    }
    let dead = service.sees(&[None, Some(alone(follower(1, "b"))), Some(promoted.clone())]);
    assert_eq!(
        dead.writes,
        Writes::Held(Cause::NoPrimary),
        "it lacks what was written since"
    );
    let right = service.sees(&[None, Some(primary(1, 2)), Some(promoted)]);
    assert_eq!(
        (right.writes, causes(&right)[2]),
        (to(1, 2), Some(Cause::PromotedApart))
    );
    let repaired = service.sees(&[None, Some(primary(1, 2)), Some(standby(1, 2))]);
    assert_eq!((repaired.writes, causes(&repaired)[2]), (to(1, 2), None));
}

/// The primary missed a probe, and its standby says that it streams.
#[test]
fn a_primary_that_is_silent_when_somebody_is_promoted_has_the_last_word_while_a_standby_streams() {
    let (a, b) = (Some(confirmed_by("b", 1)), Some(follower(1, "b")));
    let promoted = Some(primary(1, 2));
    let in_question = Writes::Held(Cause::PromotionInQuestion);
    let silent = || {
        let mut service = Service::new();
        service.sees(&[a.clone(), b.clone(), Some(follower(1, "c"))]);
        for _ in 0..3 {
            let judgement = service.sees(&[None, b.clone(), promoted.clone()]);
            assert_eq!((judgement.writes, judgement.contested), (in_question, true));
        }
        service
    };
    let back = silent().sees(&[a.clone(), b.clone(), promoted.clone()]);
    assert_eq!(
        (back.writes, causes(&back)[2]),
        (to(0, 1), Some(Cause::PromotedApart))
    );
    let left = silent().sees(&[None, b.clone().map(alone), promoted.clone()]);
    assert_eq!(left.writes, to(2, 2), "nobody follows it any more");
    let mut patient = silent();
    patient.now += Duration::from_secs(3);
    let dead = patient.sees(&[None, b.clone(), promoted.clone()]);
    assert_eq!(dead.writes, to(2, 2), "it does not answer");
    let mut service = Service::new();
    service.sees(&[a, b.clone(), Some(follower(1, "c"))]);
    let failover = service.sees(&[None, b.map(alone), promoted]);
    assert_eq!(
        failover.writes,
        to(2, 2),
        "a correct failover is not slower"
    );
}

/// The standby missed a probe, and the primary says that it streams.
#[test]
fn a_standby_that_is_silent_when_somebody_is_promoted_is_waited_for_before_writes_are_refused() {
    let (a, b) = (Some(confirmed_by("b", 1)), Some(follower(1, "b")));
    let promoted = Some(primary(1, 2));
    let mut service = Service::new();
    service.sees(&[a.clone(), b.clone(), Some(follower(1, "c"))]);
    for _ in 0..3 {
        let judgement = service.sees(&[a.clone(), None, promoted.clone()]);
        let in_question = Writes::Held(Cause::PromotionInQuestion);
        assert_eq!((judgement.writes, judgement.contested), (in_question, true));
    }
    let back = service.sees(&[a, b, promoted]);
    assert_eq!(
        (back.writes, causes(&back)[2]),
        (to(0, 1), Some(Cause::PromotedApart))
    );
}

#[test]
fn a_promotion_apart_that_is_read_only_at_first_is_one_too() {
    let mut service = Service::new();
    let promoted = primary(1, 2);
    let read_only = Facts {
        writable: false,
        ..promoted.clone()
    };
    let nodes = [
        Some(confirmed_by("b", 1)),
        Some(follower(1, "b")),
        Some(read_only),
    ];
    let judgement = service.sees_twice(&nodes);
    assert_eq!(
        (judgement.writes, causes(&judgement)[2]),
        (to(0, 1), Some(Cause::PromotedApart))
    );
    let alone = service.sees(&[None, None, Some(promoted)]);
    assert_eq!(alone.writes, Writes::Held(Cause::NoPrimary));
}

#[test]
fn two_branches_that_are_followed_and_not_confirmed_are_a_split_brain_until_one_is_gone() {
    let asynchronous = Some(followed_by("b", 1));
    let synchronous = Some(confirmed_by("b", 1));
    let b = Some(follower(1, "b"));
    let table = [
        (
            "only asynchronously",
            [asynchronous, b.clone(), Some(primary(1, 2)), None],
        ),
        (
            "both are followed",
            [
                synchronous.clone(),
                b.clone(),
                Some(followed_by("d", 2)),
                Some(follower(2, "d")),
            ],
        ),
        (
            "the other primary is out of sight",
            [synchronous, b, None, Some(follower(2, "d"))],
        ),
    ];
    for (what, nodes) in table {
        let mut service = Service::new();
        service.sees(&nodes);
        let judgement = service.sees(&nodes);
        assert_eq!(
            (judgement.writes, judgement.contested),
            (Writes::SplitBrain, true),
            "{what}"
        );
        let [_, b, promoted, d] = nodes;
        let gone = service.sees(&[None, b.clone().map(alone), promoted.clone(), d]);
        let left = if promoted.is_some() {
            to(2, 2)
        } else {
            Writes::Held(Cause::NoPrimary)
        };
        assert_eq!(gone.writes, left, "{what}");
    }
}

/// A standby that is being promoted says so before it takes writes: a moment later it is a primary on timeline 2.
#[test]
fn a_promotion_that_is_seen_half_way_settles_nothing() {
    let (a, b) = (followed_by("b", 1), follower(1, "b"));
    let seen_half_way = [Some(a.clone()), Some(b.clone()), Some(alone(standby(1, 2)))];
    let promoted = [Some(a), Some(b), Some(primary(1, 2))];
    let mut service = Service::new();
    let half_way = service.sees(&seen_half_way);
    assert_eq!(
        (half_way.writes, causes(&half_way)[2]),
        (to(0, 1), Some(Cause::PromotedApart))
    );
    assert_eq!(service.sees_twice(&promoted).writes, Writes::SplitBrain);
}

/// A correct failover: its standbys have left node-1, but what they said before still stands.
#[test]
fn a_promotion_that_is_seen_half_way_is_judged_by_what_is_heard_since() {
    let mut service = Service::new();
    let (a, c) = (confirmed_by("c", 1), follower(1, "c"));
    let b = follower(1, "b");
    service.sees(&[Some(a.clone()), Some(b), Some(c.clone())]);
    let before = service.now;
    service.now += Duration::from_millis(200);
    let half_way = alone(standby(1, 2));
    let asked = [before, service.now, before];
    let nodes = [a.clone(), half_way.clone(), c.clone()];
    service.sees_each(&asked.map(Some), &nodes.map(Some));
    let left = [
        Some(followed_by("nobody", 1)),
        Some(primary(1, 2)),
        Some(alone(c.clone())),
    ];
    assert_eq!(service.sees(&left).writes, to(1, 2));
    let mut service = Service::new();
    service.sees(&[Some(a.clone()), Some(half_way), Some(c.clone())]);
    let dead = service.sees(&[None, Some(primary(1, 2)), Some(alone(c))]);
    let mistaken = (Writes::Held(Cause::NoPrimary), Some(Cause::PromotedApart));
    assert_eq!(
        (dead.writes, causes(&dead)[1]),
        mistaken,
        "a was confirmed since"
    );
}

/// The promoted primary says that it is followed, by a standby that cannot be seen from here.
#[test]
fn an_old_primary_whose_commits_hang_is_fenced_although_the_new_ones_standby_is_out_of_sight() {
    let hangs = Facts {
        waits_for: 1,
        ..followed_by("eu-b", 1)
    };
    let beside = follower(1, "eu-b");
    let mut service = Service::new();
    service.sees(&[
        None,
        None,
        Some(follower(1, "us-a")),
        Some(follower(1, "ap-a")),
    ]);
    let seen = [hangs, beside, confirmed_by("ap-a", 2)].map(Some);
    let [eu_a, eu_b, us_a] = seen;
    let judgement = service.sees(&[eu_a, eu_b, us_a, None]);
    assert_eq!(judgement.writes, to(2, 2));
}

/// A cascade: the standby in the middle has left the primary, and the one behind it has not heard of that.
#[test]
fn a_standby_that_follows_a_standby_has_no_say_for_a_silent_primary() {
    let mut service = Service::new();
    let between = Facts {
        standbys: streams("d", &["async"]),
        ..follower(1, "c")
    };
    let (b, d) = (follower(1, "b"), follower(1, "d"));
    service.sees(&[
        Some(primary(1, 1)),
        Some(b),
        Some(between.clone()),
        Some(d.clone()),
    ]);
    let promoted = [None, Some(primary(1, 2)), Some(alone(between)), Some(d)];
    assert_eq!(service.sees(&promoted).writes, to(1, 2));
}

#[test]
fn when_the_promoted_node_of_two_branches_is_gone_the_followed_primary_goes_on() {
    let mut service = Service::new();
    let nodes = [
        Some(followed_by("b", 1)),
        Some(follower(1, "b")),
        Some(primary(1, 2)),
    ];
    service.sees(&nodes);
    assert_eq!(service.sees(&nodes).writes, Writes::SplitBrain);
    let [a, b, _] = nodes;
    assert_eq!(service.sees(&[a, b, None]).writes, to(0, 1));
}

#[test]
fn a_followed_primary_does_not_come_back_once_writes_went_to_a_higher_timeline() {
    let mut service = Service::new();
    service.sees(&[None, None, Some(primary(1, 2))]);
    let nodes = [
        Some(confirmed_by("b", 1)),
        Some(follower(1, "b")),
        Some(primary(1, 2)),
    ];
    service.sees(&nodes);
    assert_eq!(service.sees(&nodes).writes, Writes::SplitBrain);
}

#[test]
fn of_a_standby_that_does_not_answer_the_primarys_word_counts() {
    let mut service = Service::new();
    service.sees(&[
        Some(confirmed_by("b", 1)),
        Some(follower(1, "b")),
        Some(follower(1, "c")),
    ]);
    let nodes = [Some(confirmed_by("b", 1)), None, Some(primary(1, 2))];
    service.sees(&nodes);
    service.now += LAST_WORD;
    assert_eq!(service.sees(&nodes).writes, Writes::SplitBrain);
}

#[test]
fn two_primaries_on_one_timeline_are_a_split_brain_until_the_one_that_got_no_writes_is_gone() {
    let mut service = Service::new();
    let both = [Some(primary(1, 2)), Some(primary(1, 2))];
    assert_eq!(service.sees(&both).writes, Writes::SplitBrain);
    assert_eq!(service.sees(&[Some(primary(1, 2)), None]).writes, to(0, 2));
    assert_eq!(service.sees(&both).writes, Writes::SplitBrain);
    let twin = service.sees(&[None, Some(primary(1, 2))]);
    assert_eq!(
        (twin.writes, causes(&twin)[1]),
        (Writes::Held(Cause::NoPrimary), Some(Cause::PromotedApart)),
        "it has nothing of what was written"
    );
    assert_eq!(service.sees(&[Some(primary(1, 2)), None]).writes, to(0, 2));
}

/// node-1 writes timeline 2, which node-2 confirms. node-3 was left on timeline 1, and is promoted by mistake, to another timeline 2.
#[test]
fn a_number_is_not_a_branch() {
    let mut service = Service::new();
    let b = Some(follower(2, "b"));
    service.sees(&[
        Some(confirmed_by("b", 2)),
        b.clone(),
        Some(alone(standby(1, 1))),
    ]);
    let namesake = primary(1, 2);
    let dead = service.sees(&[None, b.clone().map(alone), Some(namesake.clone())]);
    assert_eq!(
        (dead.writes, causes(&dead)[2]),
        (Writes::Held(Cause::NoPrimary), Some(Cause::PromotedApart))
    );
    for _ in 0..2 {
        let back = service.sees(&[
            Some(confirmed_by("b", 2)),
            b.clone(),
            Some(namesake.clone()),
        ]);
        assert_eq!(
            (back.writes, causes(&back)[2]),
            (to(0, 2), Some(Cause::PromotedApart))
        );
    }
    let restarted = service.sees(&[None, b.map(alone), Some(alone(standby(1, 2)))]);
    assert_eq!(
        causes(&restarted)[2],
        Some(Cause::PromotedApart),
        "it serves no token"
    );
    let followed = [None, Some(follower(2, "b")), Some(followed_by("b", 2))];
    assert_eq!(
        service.sees(&followed).writes,
        to(2, 2),
        "the operator has decided"
    );
    let [_, _, elected] = followed;
    let unfollowed = elected.map(|facts| Facts {
        standbys: [].into(),
        ..facts
    });
    let elect_rival = service.sees(&[None, None, unfollowed]);
    assert_eq!(elect_rival.writes, to(2, 2), "its standby is restarted");
}

/// node-1 is confirmed by node-2; node-3 was promoted by mistake, and nobody rebuilds it.
#[test]
fn whoever_goes_a_way_of_its_own_does_so_until_it_follows_somebody() {
    let mut service = Service::new();
    let (a, b) = (Some(confirmed_by("b", 1)), Some(follower(1, "b")));
    service.sees_twice(&[a.clone(), b.clone(), Some(primary(1, 2))]);
    let stubborn = [
        ("a standby", alone(standby(1, 2))),
        (
            "a standby whose control file is old",
            Facts {
                heard_of: Some(2),
                ..alone(standby(1, 1))
            },
        ),
        ("promoted once more", primary(1, 3)),
    ];
    for (what, node) in stubborn {
        let dead = service.sees(&[None, b.clone(), Some(node.clone())]);
        assert_eq!(
            (dead.writes, causes(&dead)[2]),
            (Writes::Held(Cause::NoPrimary), Some(Cause::PromotedApart)),
            "{what}"
        );
        let unfollowed = service.sees(&[Some(primary(1, 1)), None, Some(node)]);
        assert_eq!(unfollowed.writes, to(0, 1), "{what}: node-2 is restarted");
    }
    let rebuilt = service.sees(&[a.clone(), b.clone(), Some(follower(1, "c"))]);
    assert_eq!(causes(&rebuilt), [None, None, None]);
    let elected = service.sees(&[None, None, Some(primary(1, 2))]);
    assert_eq!(elected.writes, to(2, 2));
}

/// The timeline is shown by a standby that was promoted once and never rebuilt, before the service was started.
#[test]
fn a_timeline_that_was_only_shown_rules_out_only_primaries_that_nobody_follows() {
    let mut service = Service::new();
    let shows = Some(alone(standby(1, 2)));
    let unfollowed = service.sees(&[Some(primary(1, 1)), None, shows.clone()]);
    assert_eq!(unfollowed.writes, Writes::Held(Cause::NoPrimary));
    let silent = service.sees(&[Some(primary(1, 1)), None, None]);
    assert_eq!(
        silent.writes,
        Writes::Held(Cause::NoPrimary),
        "what was shown is not forgotten"
    );
    let (a, b) = (Some(confirmed_by("b", 1)), Some(follower(1, "b")));
    let followed = service.sees(&[a, b, shows]);
    assert_eq!(
        (followed.writes, causes(&followed)[2]),
        (to(0, 1), Some(Cause::PromotedApart))
    );
    let dead = service.sees(&[
        None,
        Some(alone(follower(1, "b"))),
        Some(alone(standby(1, 2))),
    ]);
    assert_eq!(
        causes(&dead)[2],
        Some(Cause::PromotedApart),
        "it serves no token"
    );
}

/// The primary is silent, and a standby shows a timeline that no primary was ever seen of.
#[test]
fn a_standby_above_what_was_written_that_follows_nobody_serves_no_token() {
    let mut service = Service::new();
    service.sees(&[Some(confirmed_by("b", 2)), Some(follower(2, "b")), None]);
    let silent = service.sees(&[None, Some(follower(2, "b")), Some(alone(standby(1, 3)))]);
    assert_eq!(
        causes(&silent),
        [None, Some(Cause::LowerTimeline), Some(Cause::PromotedApart)]
    );
    let followed = service.sees(&[None, None, Some(standby(1, 3))]);
    assert_eq!(causes(&followed)[2], None, "of a primary out of sight");
}

/// node-2 was promoted while node-1 hung, and is rewound to node-1 when that goes on.
#[test]
fn a_timeline_that_no_node_has_any_more_is_given_up_and_while_one_is_silent_it_is_not() {
    let mut service = Service::new();
    let (a, b) = (Some(followed_by("b", 1)), Some(follower(1, "b")));
    service.sees(&[a.clone(), b.clone()]);
    assert_eq!(service.sees(&[None, Some(primary(1, 2))]).writes, to(1, 2));
    for _ in 0..3 {
        let silent = service.sees(&[Some(primary(1, 1)), None]);
        assert_eq!(silent.writes, Writes::Held(Cause::NoPrimary));
    }
    let heard_of = Facts {
        heard_of: Some(2),
        ..follower(1, "b")
    };
    for may_have_it in [heard_of, alone(standby(1, 1))] {
        let known = service.sees_twice(&[a.clone(), Some(may_have_it)]);
        assert_eq!(known.writes, Writes::Held(Cause::NoPrimary));
    }
    let once = service.sees(&[a.clone(), b.clone()]);
    assert_eq!(
        once.writes,
        Writes::Held(Cause::NoPrimary),
        "what they say is of different times"
    );
    assert_eq!(service.sees(&[a, b]).writes, to(0, 1));
}

#[test]
fn a_branch_that_writes_have_left_does_not_go_on_beside_a_mistake_above_it() {
    let mut service = Service::new();
    service.sees(&[None, None, Some(primary(1, 2))]);
    let nodes = [
        Some(confirmed_by("b", 1)),
        Some(follower(1, "b")),
        Some(primary(1, 3)),
    ];
    assert_eq!(service.sees_twice(&nodes).writes, Writes::SplitBrain);
}

#[test]
fn before_the_cluster_is_known_two_primaries_of_unrelated_histories_are_a_split_brain() {
    let mut service = Service::new();
    let both = [Some(primary(1, 1)), Some(primary(9, 5))];
    assert_eq!(service.sees(&both).writes, Writes::SplitBrain);
    assert_eq!(service.sees(&[Some(primary(1, 1)), None]).writes, to(0, 1));
    let later = service.sees(&both);
    assert_eq!(later.writes, to(0, 1), "a stranger stops nobody");
    assert_eq!(causes(&later), [None, Some(Cause::OtherCluster)]);
    let stranger_alone = service.sees(&[None, Some(primary(9, 5))]);
    assert_eq!(
        stranger_alone.writes,
        Writes::Held(Cause::NoPrimary),
        "and never gets writes"
    );
}

#[test]
fn the_cluster_of_most_nodes_counts_whoever_is_writable() {
    let typo = [
        Some(primary(9, 5)),
        Some(follower(1, "b")),
        Some(follower(1, "c")),
    ];
    let mut service = Service::new();
    let judgement = service.sees(&typo);
    assert_eq!(judgement.writes, Writes::Held(Cause::NoPrimary));
    assert_eq!(causes(&judgement)[0], Some(Cause::OtherCluster));
    let [stranger, b, _] = typo;
    let alone = service.sees(&[stranger.clone(), None, None]);
    assert_eq!(alone.writes, Writes::Held(Cause::NoPrimary), "for good");
    let promoted = service.sees(&[stranger, b, Some(primary(1, 2))]);
    assert_eq!(promoted.writes, to(2, 2));
}

#[test]
fn where_no_cluster_has_most_nodes_nobody_is_elected_and_nobody_is_read() {
    let table = [
        (
            [Some(standby(1, 1)), Some(standby(9, 7))],
            Writes::Held(Cause::SeveralClusters),
        ),
        (
            [Some(standby(1, 1)), Some(primary(9, 7))],
            Writes::Held(Cause::SeveralClusters),
        ),
        (
            [Some(primary(1, 1)), Some(primary(9, 7))],
            Writes::SplitBrain,
        ),
    ];
    for (nodes, writes) in table {
        let judgement = Service::new().sees(&nodes);
        assert_eq!((judgement.writes, judgement.elected), (writes, None));
        assert_eq!(causes(&judgement), [Some(Cause::SeveralClusters); 2]);
    }
}

#[test]
fn a_replica_of_another_cluster_is_fenced_and_the_first_node_works() {
    let judgement = Service::new().sees(&[Some(primary(1, 1)), Some(standby(9, 7))]);
    assert_eq!(judgement.writes, to(0, 1));
    assert_eq!(causes(&judgement), [None, Some(Cause::OtherCluster)]);
}

#[test]
fn a_cluster_that_was_presumed_gives_way_to_that_of_most_nodes() {
    let mut service = Service::new();
    let stranger = Some(primary(9, 5));
    assert_eq!(
        service.sees(&[None, None, stranger.clone()]).writes,
        to(2, 5)
    );
    let one = service.sees(&[Some(primary(1, 1)), None, stranger.clone()]);
    assert_eq!(one.writes, to(2, 5), "one against one says nothing");
    let two = service.sees(&[Some(primary(1, 1)), Some(standby(1, 1)), stranger]);
    assert_eq!(two.writes, to(0, 1));
    assert_eq!(causes(&two)[2], Some(Cause::OtherCluster));
}

#[test]
fn a_standby_that_answers_alone_binds_nobody_to_its_cluster() {
    let mut service = Service::new();
    let stranger = Some(standby(9, 5));
    service.sees(&[None, None, stranger.clone()]);
    let ours = service.sees(&[Some(primary(1, 1)), None, None]);
    assert_eq!(ours.writes, to(0, 1));
}

#[test]
fn one_server_under_two_names_is_not_a_split_brain() {
    let one = primary(1, 1);
    let judgement = Service::new().sees(&[Some(one.clone()), Some(one)]);
    assert_eq!(judgement.writes, to(0, 1));
    assert_eq!(causes(&judgement), [None, Some(Cause::SameServer)]);
}

#[test]
fn a_server_that_is_too_old_is_fenced() {
    let old = Facts {
        server_version: 120_000,
        ..primary(1, 1)
    };
    let judgement = Service::new().sees(&[Some(old)]);
    assert_eq!(causes(&judgement), [Some(Cause::VersionTooOld)]);
}

#[test]
fn a_primary_made_read_only_gets_no_writes_and_says_why() {
    let read_only = Facts {
        writable: false,
        ..primary(1, 1)
    };
    let judgement = Service::new().sees(&[Some(read_only)]);
    assert_eq!(judgement.writes, Writes::Held(Cause::ReadOnly));
    assert_eq!(causes(&judgement), [Some(Cause::ReadOnly)]);
}

#[test]
fn a_primary_whose_commits_wait_for_a_standby_says_so() {
    let waiting = Facts {
        waits_for: 2,
        ..confirmed_by("b", 1)
    };
    let judgement = Service::new().sees(&[Some(waiting.clone()), Some(follower(1, "b"))]);
    assert_eq!((judgement.writes, judgement.elected), (to(0, 1), Some(0)));
    assert_eq!(causes(&judgement), [Some(Cause::WaitingForStandby), None]);
    let hidden = Facts {
        sees_replication: false,
        ..waiting
    };
    let judgement = Service::new().sees(&[Some(hidden)]);
    assert_eq!(causes(&judgement), [None], "nobody can tell");
}

/// (the standby, whether an old primary on timeline 1 may be elected beside it, what the standby may be used for)
#[test]
fn a_standby_of_which_nobody_is_seen_upstream_tells_which_timelines_exist() {
    let heard_of = |timeline| Facts {
        heard_of: Some(timeline),
        ..alone(standby(1, 1))
    };
    let table = [
        (
            "it has followed 2",
            alone(standby(1, 2)),
            Writes::Held(Cause::NoPrimary),
            None,
        ),
        (
            "it could not follow 2",
            heard_of(2),
            Writes::Held(Cause::NoPrimary),
            None,
        ),
        (
            "it knows of 1 alone",
            heard_of(1),
            to(0, 1),
            Some(Cause::FollowsNobody),
        ),
    ];
    for (what, standby, writes, caveat) in table {
        let judgement = Service::new().sees_twice(&[Some(primary(1, 1)), Some(standby)]);
        assert_eq!(
            (judgement.writes, causes(&judgement)[1]),
            (writes, caveat),
            "{what}"
        );
    }
}

#[test]
fn what_a_running_server_has_shown_never_goes_back() {
    let mut service = Service::new();
    let streaming = standby(1, 2);
    service.sees(&[Some(primary(1, 2)), Some(streaming.clone())]);
    let restart_point = Facts {
        timeline: Some(1),
        ..alone(streaming)
    };
    let judgement = service.sees(&[None, Some(restart_point.clone())]);
    assert_eq!(
        causes(&judgement),
        [None, None],
        "it is on timeline 2 still"
    );
    let restarted = Facts {
        timeline: Some(1),
        ..alone(standby(1, 1))
    };
    let judgement = service.sees(&[None, Some(restarted)]);
    assert_eq!(causes(&judgement)[1], Some(Cause::LowerTimeline));
}

#[test]
fn a_replica_says_what_it_is_not_of_use_for() {
    let table = [
        (standby(1, 2), None),
        (standby(1, 1), Some(Cause::LowerTimeline)),
        (alone(standby(1, 2)), Some(Cause::FollowsNobody)),
    ];
    for (replica, caveat) in table {
        let judgement = Service::new().sees_twice(&[Some(primary(1, 2)), Some(replica)]);
        assert_eq!(
            (judgement.writes, causes(&judgement)[1]),
            (to(0, 2), caveat)
        );
    }
    let was_promoted_and_repaired_wrongly = alone(standby(1, 3));
    let nodes = [
        Some(followed_by("b", 2)),
        Some(follower(2, "b")),
        Some(was_promoted_and_repaired_wrongly),
    ];
    let judgement = Service::new().sees(&nodes);
    assert_eq!(
        (judgement.writes, causes(&judgement)[2]),
        (to(0, 2), Some(Cause::PromotedApart))
    );
}
