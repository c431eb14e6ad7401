//! Which node a read goes to first, and where it goes next. Pure.

use super::role::DbRole;
use std::time::Duration;

/// What the order depends on: a node that is up.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub node: usize,
    pub role: DbRole,
    pub region: Option<&'a str>,
    /// None: unknown.
    pub lag_ms: Option<u64>,
    pub rtt: Duration,
    pub in_use: usize,
    /// It shows a branch of the history that does not count.
    pub on_another_branch: bool,
}

/// How much farther than the primary of the own region a replica elsewhere may be, to come before it: beyond that, clients would lose more
/// time than the primary is spared work.
const FAR: Duration = Duration::from_millis(10);

/// Fresh replicas first (same region, then near, then idle), then the primary, then replicas that lag too much, then those of a branch
/// that has ended: a stale answer that says so is better than none. A primary of the own region comes before replicas that are far away.
///
/// For example, an instance in eu asks eu-b, the replica beside it; if that is down eu-a, the primary; only then us-a, 80 ms away. An
/// instance in us, where us-a is down, asks eu-b, 80 ms away, then ap-a, 120 ms away, and then eu-a, the primary.
pub fn order(views: &[View<'_>], region: Option<&str>, max_replica_lag: Duration) -> Vec<usize> {
    let primary = views.iter().find(|view| view.role == DbRole::Primary);
    let near = primary.filter(|primary| region.is_some() && primary.region == region);
    let mut candidates: Vec<_> = views.iter().collect();
    candidates.sort_by_cached_key(|view| {
        let lag_ms = view.lag_ms.unwrap_or(u64::MAX);
        let stale = is_stale(view.role, view.lag_ms, max_replica_lag);
        let elsewhere = region.is_some() && view.region != region;
        let is_far = elsewhere && near.is_some_and(|primary| view.rtt > primary.rtt + FAR);
        let rank = match (view.role, stale) {
            _ if view.on_another_branch => 4,
            (DbRole::Replica, false) if !is_far => 0,
            (DbRole::Primary, _) => 1,
            (DbRole::Replica, false) => 2,
            (DbRole::Replica, true) => 3,
        };
        (
            rank,
            if stale { lag_ms } else { 0 },
            elsewhere,
            distance(view.rtt),
            view.in_use,
        )
    });
    candidates.into_iter().map(|view| view.node).collect()
}

/// Of the nodes that are left, when a replica has not what was asked for: the others may lack it too, and each of them could be as far away
/// as the primary is.
pub fn put_primary_first<N>(left: &mut [N], role: impl Fn(&N) -> DbRole) {
    let primary = left.iter().position(|node| role(node) == DbRole::Primary);
    if let Some(at) = primary {
        left[..=at].rotate_right(1);
    }
}

/// A replica that lags too much, or nobody knows how much: it serves only if nothing better is there.
pub fn is_stale(role: DbRole, lag_ms: Option<u64>, max_replica_lag: Duration) -> bool {
    let is_late = |ms| u128::from(ms) > max_replica_lag.as_millis();
    role == DbRole::Replica && lag_ms.is_none_or(is_late)
}

/// In steps, so that nodes of one data centre count as equally far, whatever the last probe measured: powers of two of a millisecond, and
/// from 8 ms on every 8 ms, since twice 64 ms is another part of the world.
fn distance(rtt: Duration) -> u128 {
    let ms = rtt.as_millis();
    if ms < 8 {
        u128::from(u128::BITS - ms.leading_zeros())
    } else {
        3 + ms / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(node: usize, lag_ms: u64, rtt_ms: u64, in_use: usize) -> View<'static> {
        View {
            node,
            role: DbRole::Replica,
            region: None,
            lag_ms: Some(lag_ms),
            rtt: Duration::from_millis(rtt_ms),
            in_use,
            on_another_branch: false,
        }
    }

    fn primary(node: usize) -> View<'static> {
        View {
            role: DbRole::Primary,
            ..replica(node, 0, 0, 0)
        }
    }

    fn read_order(views: &[View], region: Option<&str>) -> Vec<usize> {
        order(views, region, Duration::from_millis(5000))
    }

    #[test]
    fn the_same_region_comes_before_a_nearer_node() {
        let far = View {
            region: Some("eu"),
            ..replica(1, 0, 90, 0)
        };
        let near = View {
            region: Some("us"),
            ..replica(0, 0, 1, 0)
        };
        assert_eq!(read_order(&[near.clone(), far.clone()], Some("eu")), [1, 0]);
        assert_eq!(read_order(&[near, far], None), [0, 1]);
    }

    #[test]
    fn the_primary_of_the_own_region_comes_before_a_replica_that_is_far_away() {
        let here = View {
            region: Some("eu"),
            ..primary(0)
        };
        let elsewhere = |rtt_ms| View {
            region: Some("us"),
            ..replica(1, 0, rtt_ms, 0)
        };
        assert_eq!(
            read_order(&[here.clone(), elsewhere(80)], Some("eu")),
            [0, 1]
        );
        assert_eq!(
            read_order(&[here.clone(), elsewhere(3)], Some("eu")),
            [1, 0],
            "it spares the primary"
        );
        assert_eq!(read_order(&[here, elsewhere(80)], Some("ap")), [1, 0]);
    }

    #[test]
    fn equally_near_replicas_share_the_load() {
        let order = |rtt_ms: [u64; 2]| {
            let views = [replica(0, 0, rtt_ms[0], 3), replica(1, 0, rtt_ms[1], 2)];
            read_order(&views, None)
        };
        for equal in [[0, 0], [2, 3], [81, 85]] {
            assert_eq!(order(equal), [1, 0]);
        }
        for unequal in [[0, 1], [3, 5], [7, 8], [80, 120]] {
            assert_eq!(order(unequal), [0, 1]);
        }
    }

    #[test]
    fn a_lagging_replica_comes_after_the_primary_and_the_least_lagging_one_first() {
        assert_eq!(
            read_order(
                &[
                    replica(0, 9000, 0, 0),
                    replica(1, 6000, 0, 0),
                    primary(2),
                    replica(3, 10, 40, 9)
                ],
                None
            ),
            [3, 2, 1, 0]
        );
    }

    #[test]
    fn a_replica_of_a_branch_that_has_ended_comes_after_all_others() {
        let apart = View {
            on_another_branch: true,
            ..replica(0, 0, 0, 0)
        };
        assert_eq!(
            read_order(&[apart, replica(1, 9000, 0, 0), primary(2)], None),
            [2, 1, 0]
        );
    }

    #[test]
    fn a_replica_of_unknown_lag_comes_last() {
        let unknown = View {
            lag_ms: None,
            ..replica(0, 0, 0, 0)
        };
        assert_eq!(read_order(&[unknown, replica(1, 6000, 0, 0)], None), [1, 0]);
    }
}
