//! What a node cannot be used for.

use super::*;

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
