//! Branches that do not count, and timelines that are gone.

use super::*;

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
