//! A log line for every key that was refused. It has the client's name and the address, never the key.

use parking_lot::Mutex;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Somebody who tries many keys must not fill the disk: further lines are only counted, and the next line has their number.
const LINES_PER_SECOND: u32 = 100;

#[derive(Default)]
pub struct Audit(Mutex<Second>);

#[derive(Default)]
struct Second {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Audit {
    pub fn refused(&self, client: &str, address: IpAddr, why: &str, request_id: &str) {
        let Some(left_out) = self.may_write(Instant::now()) else {
            return;
        };
        log::warn!(target: "audit", client, peer:% = address, why, left_out, request_id; "a key was refused");
    }

    /// How many lines were left out before this one; None: it is left out too.
    fn may_write(&self, now: Instant) -> Option<u64> {
        let mut second = self.0.lock();
        let is_over = |began| now.duration_since(began) >= Duration::from_secs(1);
        if second.began.is_none_or(is_over) {
            second.began = Some(now);
            second.lines = 0;
        }
        if second.lines == LINES_PER_SECOND {
            second.left_out += 1;
            return None;
        }
        second.lines += 1;
        Some(std::mem::take(&mut second.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_bound_are_counted_and_told_with_the_next() {
        let (audit, start) = (Audit::default(), Instant::now());
        for _ in 0..LINES_PER_SECOND {
            assert_eq!(audit.may_write(start), Some(0));
        }
        assert_eq!([(); 3].map(|()| audit.may_write(start)), [None; 3]);
        let later = start + Duration::from_secs(1);
        assert_eq!(audit.may_write(later), Some(3));
        assert_eq!(audit.may_write(later), Some(0));
    }
}
