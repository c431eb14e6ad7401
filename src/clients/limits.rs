//! How often requests are admitted: a bucket for each client, and one for each address without a key.
//!
//! A bucket holds `burst` requests and gets `per_second` back each second (GCRA, by the crate `governor`).

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota as Rate};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// At most so many addresses have a bucket of their own. While there are so many, all addresses share one more bucket, so that nobody can
/// fill the memory with addresses.
const MAX_ADDRESSES: usize = 100_000;
/// After so many requests the buckets that are full again are forgotten.
const REQUESTS_BETWEEN_CLEANINGS: u32 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl Quota {
    /// How long an empty bucket takes to be full again.
    pub fn refill_s(&self) -> u32 {
        self.burst.get().div_ceil(self.per_second.get())
    }
}

/// None: not limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub of_a_client: Option<Quota>,
    pub of_an_address: Option<Quota>,
}

/// What is left in the bucket of a client or an address, after a request has taken its part.
#[derive(Clone, Copy, Debug)]
pub struct QuotaLeft {
    pub quota: Quota,
    pub remaining: u32,
    /// None: the request is admitted. Otherwise it is refused, and one will be admitted after this time.
    pub wait: Option<Duration>,
}

pub struct Limiter {
    clients: Option<Buckets<String>>,
    addresses: Option<Buckets<Option<IpAddr>>>,
}

impl Limiter {
    pub fn new(limits: Limits) -> Limiter {
        Limiter {
            clients: limits.of_a_client.map(Buckets::new),
            addresses: limits.of_an_address.map(Buckets::new),
        }
    }

    /// The bucket of a client, by its name. There are only as many as the settings have clients.
    pub fn client(&self, name: &str) -> Option<QuotaLeft> {
        Some(self.clients.as_ref()?.take_one(&name.to_owned()))
    }

    pub fn address(&self, address: IpAddr) -> Option<QuotaLeft> {
        let buckets = self.addresses.as_ref()?;
        let is_full = buckets.limiter.len() >= MAX_ADDRESSES;
        Some(buckets.take_one(&(!is_full).then(|| network(address))))
    }
}

struct Buckets<K: Hash + Eq + Clone> {
    quota: Quota,
    limiter: DefaultKeyedRateLimiter<K, StateInformationMiddleware>,
    requests: AtomicU32,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(quota: Quota) -> Buckets<K> {
        let rate = Rate::per_second(quota.per_second).allow_burst(quota.burst);
        Buckets {
            quota,
            limiter: DefaultKeyedRateLimiter::keyed(rate)
                .with_middleware::<StateInformationMiddleware>(),
            requests: AtomicU32::new(0),
        }
    }

    fn take_one(&self, key: &K) -> QuotaLeft {
        let requests = self.requests.fetch_add(1, Ordering::Relaxed);
        if requests % REQUESTS_BETWEEN_CLEANINGS == REQUESTS_BETWEEN_CLEANINGS - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let (remaining, wait) = match self.limiter.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(refused) => (
                0,
                Some(refused.wait_time_from(DefaultClock::default().now())),
            ),
        };
        QuotaLeft {
            quota: self.quota,
            remaining,
            wait,
        }
    }
}

/// Whoever has an IPv6 address has the whole network of 64 bits that it is in, so such a network counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: u32, burst: u32) -> Limiter {
        let quota = Some(Quota {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        });
        Limiter::new(Limits {
            of_a_client: quota,
            of_an_address: quota,
        })
    }

    #[test]
    fn who_has_used_the_burst_up_waits_and_the_others_do_not() {
        let limiter = limiter(1, 3);
        for remaining in [2, 1, 0] {
            let left = limiter.client("a").unwrap();
            assert_eq!((left.remaining, left.wait), (remaining, None));
        }
        let wait = limiter.client("a").unwrap().wait.unwrap();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(1),
            "{wait:?}"
        );
        assert_eq!(limiter.client("b").unwrap().wait, None);
        assert_eq!(limiter.address([192, 0, 2, 1].into()).unwrap().wait, None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_one_written_as_ipv6_is_ipv4() {
        let limiter = limiter(1, 1);
        let address = |text: &str| limiter.address(text.parse().unwrap()).unwrap().wait;
        assert_eq!(address("2001:db8::1"), None);
        assert!(address("2001:db8::2:1").is_some());
        assert_eq!(address("2001:db8:0:1::1"), None);
        assert_eq!(address("192.0.2.1"), None);
        assert!(address("::ffff:192.0.2.1").is_some());
    }

    #[test]
    fn however_many_addresses_come_the_memory_is_bounded() {
        let limiter = limiter(1, 1000);
        for i in 0..u32::try_from(MAX_ADDRESSES).unwrap() + 10_000 {
            limiter.address(IpAddr::V4(i.into()));
        }
        assert!(limiter.addresses.unwrap().limiter.len() <= MAX_ADDRESSES + 1);
    }

    #[test]
    fn nothing_is_limited_without_a_quota() {
        let limiter = Limiter::new(Limits {
            of_a_client: None,
            of_an_address: None,
        });
        assert!(limiter.client("a").is_none() && limiter.address([127, 0, 0, 1].into()).is_none());
    }
}
