//! A point of the cluster's history: how far a server had come when it was read.

/// A server that has come at least as far on the same branch shows everything that was shown at this point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// None: the server did not know (a standby whose upstream is gone).
    pub timeline: Option<i32>,
    /// The position in the WAL.
    pub lsn: i64,
}

/// The point at which a server is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    pub is_standby: bool,
    pub point: Point,
    /// The position at which a primary left its previous timeline. None: it was not promoted since it was started, or does not know.
    pub promoted_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The server has come as far as the point.
    Reached,
    /// It has not, or cannot tell. Another server may have.
    Behind,
    /// It is a primary, and the point is not in its history: what was shown there is lost.
    Lost,
}

impl Here {
    /// For example, a page was read from a replica at position 70 of timeline 1, and the primary dies. If a standby is promoted at 90,
    /// timeline 2 goes on from there, and contains all that the page showed. If it is promoted at 60, what was written between 60 and 70 is
    /// gone, and the next page would show another history than the last one.
    pub fn compared_with(&self, point: Point) -> Compared {
        let same = self.point.timeline == point.timeline;
        let next = point.timeline.map(|timeline| timeline + 1);
        if self.is_standby {
            // A standby without an upstream does not know its timeline, but cannot have changed to another one either.
            let may_be_same = same || self.point.timeline.is_none();
            return if may_be_same && self.point.lsn >= point.lsn {
                Compared::Reached
            } else {
                Compared::Behind
            };
        }
        // A primary has written or replayed all of its own timeline, except what a crash lost before it was on the disk.
        let is_there = same && self.point.lsn >= point.lsn;
        let was_there = |at| self.point.timeline == next && at >= point.lsn;
        if is_there || self.promoted_at.is_some_and(was_there) {
            Compared::Reached
        } else {
            Compared::Lost
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Compared::{Behind, Lost, Reached};
    use super::*;

    fn at(timeline: Option<i32>, lsn: i64) -> Point {
        Point { timeline, lsn }
    }

    #[test]
    fn a_server_has_come_as_far_or_is_behind_or_has_lost_what_was_there() {
        let standby = |timeline, lsn| Here {
            is_standby: true,
            point: at(timeline, lsn),
            promoted_at: None,
        };
        let primary = |timeline, promoted_at| Here {
            is_standby: false,
            point: at(Some(timeline), 1000),
            promoted_at,
        };
        let crashed = Here {
            point: at(Some(1), 69),
            ..primary(1, None)
        };
        let table = [
            (standby(Some(1), 70), Reached),
            (standby(Some(1), 69), Behind),
            (standby(None, 70), Reached),
            (standby(None, 69), Behind),
            (standby(Some(2), 99), Behind),
            (primary(1, None), Reached),
            (primary(1, Some(60)), Reached),
            (primary(2, Some(90)), Reached),
            (primary(2, Some(70)), Reached),
            (primary(2, Some(69)), Lost),
            (primary(2, None), Lost),
            (primary(3, Some(90)), Lost),
            (crashed, Lost),
        ];
        for (here, expected) in table {
            assert_eq!(here.compared_with(at(Some(1), 70)), expected, "{here:?}");
        }
        assert_eq!(primary(2, Some(90)).compared_with(at(None, 70)), Lost);
    }
}
