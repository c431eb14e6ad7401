//! A failover that is one: who is the primary, and who is fenced.

use super::*;

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
