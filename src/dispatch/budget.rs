use std::sync::atomic::{AtomicU32, Ordering};

/// Limits retries, so that they do not become an overload of their own: each success earns a fifth of a retry, and there is a reserve for
/// the burst of a failover (Google SRE book, chapter 21).
///
/// For example, with a reserve of 4,000: at t = 0 s the primary dies under 1,000 writes that were sent. Each of them takes one retry, which
/// leaves 3,000 for the next failover. The next 5,000 successes fill the reserve again.
pub struct RetryBudget {
    fifths: AtomicU32,
    limit: u32,
}

/// How many retries are in reserve for each place of a full lane; all kinds of work share them. Only failed attempts take one, jobs that
/// are merely held do not, so the reserve is enough for a failover and another one within seconds.
const RETRIES_PER_PLACE: u32 = 4;

pub fn reserve_for(max_waiting: usize) -> u32 {
    let places = u32::try_from(max_waiting).unwrap_or(u32::MAX);
    places.saturating_mul(RETRIES_PER_PLACE)
}

impl RetryBudget {
    pub fn new(reserve: u32) -> RetryBudget {
        let limit = reserve.saturating_mul(5);
        RetryBudget {
            fifths: AtomicU32::new(limit),
            limit,
        }
    }

    pub fn earn(&self) {
        let _ = self
            .fifths
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n < self.limit).then_some(n + 1)
            });
    }

    pub fn take(&self) -> bool {
        self.fifths
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(5))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_successes_pay_for_one_retry_once_the_reserve_is_spent() {
        let budget = RetryBudget::new(2);
        assert!(budget.take() && budget.take() && !budget.take());
        (0..5).for_each(|_| budget.earn());
        assert!(budget.take() && !budget.take());
    }
}
