use super::super::super::probe::tests::{primary, standby};
use super::*;
use std::time::Duration;

fn at(lsn: i64, facts: Facts) -> Facts {
    Facts { lsn, ..facts }
}

fn positions(start: Instant, seen: &[(u64, i64)]) -> PrimaryPositions {
    let mut positions = PrimaryPositions::default();
    for (seconds, lsn) in seen {
        let asked = start + Duration::from_secs(*seconds);
        let facts = at(*lsn, primary(1, 1));
        positions.record(Some(&Heard { facts, asked }), asked);
    }
    positions
}

#[test]
fn a_replica_that_replayed_the_last_position_does_not_lag_however_long_the_primary_is_idle() {
    let start = Instant::now();
    let idle = Facts {
        own_lag_ms: Some(3_600_000),
        ..at(20, standby(1, 1))
    };
    let positions = positions(start, &[(0, 10), (1, 20), (60, 20)]);
    assert_eq!(
        positions.lag_ms(&idle, start + Duration::from_secs(60)),
        Some(0)
    );
    assert_eq!(
        positions.lag_ms(&idle, start + Duration::from_secs(90)),
        Some(30_000),
        "once the primary is gone"
    );
}

#[test]
fn a_replica_lags_since_the_oldest_position_that_it_misses() {
    let start = Instant::now();
    let stalled = Facts {
        own_lag_ms: Some(0),
        ..at(10, standby(1, 1))
    };
    let positions = positions(start, &[(0, 10), (1, 20), (2, 30)]);
    assert_eq!(
        positions.lag_ms(&stalled, start + Duration::from_secs(9)),
        Some(8000)
    );
}

#[test]
fn a_replica_that_stalled_before_the_service_started_is_not_taken_for_a_fresh_one() {
    let start = Instant::now();
    let stalled = Facts {
        own_lag_ms: Some(3_600_000),
        ..at(5, standby(1, 1))
    };
    assert_eq!(
        positions(start, &[(0, 10)]).lag_ms(&stalled, start + Duration::from_millis(80)),
        Some(3_600_000)
    );
}

#[test]
fn a_replica_of_the_old_timeline_falls_behind_from_the_switch_on() {
    let start = Instant::now();
    let old_branch = Facts {
        own_lag_ms: Some(0),
        ..at(99, standby(1, 0))
    };
    let positions = positions(start, &[(0, 10)]);
    assert_eq!(
        positions.lag_ms(&old_branch, start + Duration::from_secs(7)),
        Some(7000)
    );
}

#[test]
fn a_replica_is_settled_up_to_what_the_primary_said_at_the_last_position_that_it_has_replayed() {
    let time = |seconds| DateTime::from_timestamp(seconds, 0);
    let mut positions = PrimaryPositions::default();
    let mut says = |lsn, settled_until| {
        let facts = Facts {
            settled_until,
            ..at(lsn, primary(1, 1))
        };
        let asked = Instant::now();
        let said = Heard { facts, asked };
        positions.record(Some(&said), asked);
        assert_eq!(positions.settled_until(&said.facts), settled_until);
        let at_replica = |lsn| positions.settled_until(&at(lsn, standby(1, 1)));
        [9, 10, 20, 30].map(at_replica)
    };
    assert_eq!(says(10, time(1)), [None, time(1), time(1), time(1)]);
    assert_eq!(says(20, time(2)), [None, time(1), time(2), time(2)]);
    assert_eq!(says(20, time(3)), [None, time(1), time(3), time(3)]);
    assert_eq!(says(30, None), [None, time(1), time(3), time(3)]);
    assert_eq!(says(30, time(5)), [None, time(1), time(3), time(5)]);
    let old_branch = at(99, standby(1, 0));
    assert_eq!(positions.settled_until(&old_branch), None);
}

#[test]
fn where_no_primary_was_seen_the_replicas_own_estimate_counts() {
    let positions = PrimaryPositions::default();
    assert_eq!(
        positions.lag_ms(
            &Facts {
                own_lag_ms: Some(77),
                ..standby(1, 1)
            },
            Instant::now()
        ),
        Some(77)
    );
    assert_eq!(
        positions.lag_ms(
            &Facts {
                own_lag_ms: None,
                ..standby(1, 1)
            },
            Instant::now()
        ),
        None
    );
}

/// The replica need not have been asked since: it has all that was written before the primary was asked.
#[test]
fn a_replica_is_as_of_when_the_primary_was_asked_last_that_was_no_further() {
    let start = Instant::now();
    let positions = positions(start, &[(0, 10), (1, 20), (2, 30), (3, 30)]);
    let replica = |lsn| at(lsn, standby(1, 1));
    let as_of = |lsn| {
        let as_of = positions.as_of(&replica(lsn));
        as_of.map(|as_of| (as_of - start).as_secs())
    };
    let table = [
        (9, None),
        (10, Some(0)),
        (25, Some(1)),
        (30, Some(3)),
        (99, Some(3)),
    ];
    for (lsn, expected) in table {
        assert_eq!(as_of(lsn), expected, "{lsn}");
    }
    assert_eq!(
        positions.as_of(&at(99, standby(1, 0))),
        None,
        "the old branch"
    );
}

/// At t = 1 s the primary was at 30, which was not on its disk when it crashed; after that it is at 20.
#[test]
fn what_a_crash_of_the_primary_took_back_is_not_missing_on_its_replicas() {
    let start = Instant::now();
    let positions = positions(start, &[(0, 10), (1, 30), (2, 20)]);
    let replica = at(20, standby(1, 1));
    let in_2_s = start + Duration::from_secs(2);
    assert_eq!(positions.lag_ms(&replica, in_2_s), Some(0));
}
