//! A promotion beside a primary that lives.

use super::*;

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
