//! Counters and histograms: plain atomics, which other modules hold and add to. `http/operate/metrics/` reads them when somebody scrapes
//! `/metrics`; nothing else knows of Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};

/// Only ever grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often a measured value fell between two bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One for each bound, and one for values above the last bound.
    counts: Box<[AtomicU64]>,
    /// In millionths: whole numbers can be added atomically, without a lock.
    sum_millionths: AtomicU64,
}

impl Histogram {
    /// `bounds` ascend; each is the largest value that its bucket counts.
    pub fn new(bounds: &'static [f64]) -> Histogram {
        Histogram {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum_millionths: AtomicU64::new(0),
        }
    }

    pub fn observe(&self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        // The cast saturates: a negative value becomes 0, and one that is too large the largest number.
        let millionths = (value * 1e6).round() as u64;
        self.sum_millionths.fetch_add(millionths, Ordering::Relaxed);
    }

    pub fn read(&self) -> Distribution {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Distribution {
            bounds: self.bounds,
            counts: self.counts.iter().map(read).collect(),
            sum: read(&self.sum_millionths) as f64 / 1e6,
        }
    }
}

/// What a histogram held when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    bounds: &'static [f64],
    counts: Vec<u64>,
    pub sum: f64,
}

impl Distribution {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bound, and how many values were at most that and above the one before it; the last bound is infinite.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied()).collect()
    }

    /// What was observed after an earlier reading of the same histogram.
    pub fn since(mut self, earlier: &Distribution) -> Distribution {
        for (count, before) in self.counts.iter_mut().zip(&earlier.counts) {
            *count = count.saturating_sub(*before);
        }
        self.sum -= earlier.sum;
        self
    }

    /// The value that this part of all values (0 to 1) does not exceed, estimated from the bounds: values are taken to be spread evenly
    /// between two bounds, and those above the last one count as that one. None: there is no value.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let wanted = part * self.count() as f64;
        let (mut below, mut lower) = (0.0, 0.0);
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            let count = *count as f64;
            if count > 0.0 && below + count >= wanted {
                return Some(lower + (bound - lower) * (wanted - below) / count);
            }
            (below, lower) = (below + count, *bound);
        }
        self.bounds.last().copied().filter(|_| self.count() > 0)
    }

    /// The sum of two distributions with the same bounds.
    pub fn and(mut self, other: &Distribution) -> Distribution {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_at_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[1.0, 2.0, 4.0]);
        for value in [0.5, 1.0, 1.5, 4.0, 4.1, 1000.0] {
            histogram.observe(value);
        }
        let read = histogram.read();
        let buckets = [(1.0, 2), (2.0, 1), (4.0, 1), (f64::INFINITY, 2)];
        assert_eq!(read.buckets(), buckets);
        assert_eq!((read.count(), read.sum), (6, 1011.1));
    }

    #[test]
    fn two_of_the_same_bounds_are_added() {
        let histogram = Histogram::new(&[1.0]);
        for value in [0.25, 3.0] {
            histogram.observe(value);
        }
        let both = histogram.read().and(&histogram.read());
        assert_eq!(both.buckets(), [(1.0, 2), (f64::INFINITY, 2)]);
        assert_eq!(both.sum, 6.5);
    }

    #[test]
    fn a_quantile_is_found_between_two_bounds_among_what_came_since() {
        let histogram = Histogram::new(&[1.0, 2.0, 4.0]);
        histogram.observe(0.5);
        let before = histogram.read();
        assert_eq!(before.clone().since(&before).quantile(0.5), None);
        for value in [1.5, 1.5, 3.0, 3.0] {
            histogram.observe(value);
        }
        let since = histogram.read().since(&before);
        assert_eq!((since.count(), since.sum), (4, 9.0));
        let quantiles = [0.25, 0.5, 0.75, 1.0].map(|part| since.quantile(part).unwrap());
        assert_eq!(quantiles, [1.5, 2.0, 3.0, 4.0]);
        histogram.observe(1000.0);
        assert_eq!(histogram.read().quantile(1.0), Some(4.0));
    }
}
