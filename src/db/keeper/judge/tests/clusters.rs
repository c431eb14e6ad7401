//! Nodes of several clusters.

use super::*;

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
