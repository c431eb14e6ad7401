//! `[limits]`: how often a client, or an address without a key, may ask.

use super::DatabaseSettings;
use super::reader::Reader;
use crate::clients::{Client, Limits, Quota};
use std::num::NonZeroU32;

/// The default for addresses without a key, if clients are configured: requests a second, and burst. It is enough for whoever reads the
/// documents, and for many such readers behind one address; a machine that tries keys or paths soon has to wait.
const STRANGERS: (u32, u32) = (100, 1000);

pub(super) fn limits(r: &mut Reader, clients: &[Client]) -> Limits {
    let of_a_client = quota(r, "limits", (0, 0));
    let is_open = clients.is_empty();
    let default = if is_open { (0, 0) } else { STRANGERS };
    let without_key = quota(r, "limits.without_key", default);
    Limits {
        of_a_client,
        // Without clients nobody has a key, so the limit of a client applies to each address.
        of_an_address: without_key.or(of_a_client.filter(|_| is_open)),
    }
}

/// 0 requests a second: no limit. If only the requests a second are set, the burst is what two seconds give.
fn quota(r: &mut Reader, section: &str, default: (u32, u32)) -> Option<Quota> {
    let mut number = |key: &str, lowest| {
        let number = r.number_if_set(&format!("{section}.{key}"), lowest..=1_000_000);
        number.and_then(|number| u32::try_from(number).ok())
    };
    let per_second = number("requests_per_second", 0);
    let burst = number("burst", 1);
    let (per_second, default_burst) = match per_second {
        Some(per_second) => (per_second, per_second.saturating_mul(2)),
        None => default,
    };
    if per_second == 0 && burst.is_some() {
        let key = format!("{section}.burst");
        r.problem(&key, "says nothing without requests_per_second beside it");
    }
    Some(Quota {
        per_second: NonZeroU32::new(per_second)?,
        burst: NonZeroU32::new(burst.unwrap_or(default_burst))?,
    })
}

/// Warns if one client may send more at once than a lane holds.
pub(super) fn warn_of_bursts(r: &mut Reader, limits: &Limits, database: &DatabaseSettings) {
    let burst = limits.of_a_client.map_or(0, |quota| quota.burst.get());
    if burst as usize > database.policy.max_waiting {
        r.warning(
            "limits.burst",
            "is above database.max_waiting: requests of such a burst are answered 503 overloaded rather than 429",
        );
    }
}
