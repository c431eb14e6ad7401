//! The address that a request comes from: the other end of its connection, or, if that is a proxy that the settings trust, the one that the
//! proxy names.
//!
//! Each proxy adds the address that it saw at the right. So the list is read from the right, as long as the addresses are those of trusted
//! proxies. The first one that is not is the client, and what stands to the left of it is ignored, since the client may have written it.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// How many proxies may stand in a row.
const MAX_HOPS: usize = 16;

pub fn address(request: &ServiceRequest, trusted: &[IpNet]) -> IpAddr {
    let peer = request.peer_addr();
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    behind(peer, request.headers(), trusted)
}

fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|net| net.contains(&address))
    };
    if !is_trusted(peer) {
        return peer;
    }
    let mut nearest = peer;
    for hop in hops(headers).unwrap_or_default() {
        match hop {
            Some(address) if is_trusted(nearest) => nearest = address,
            _ => break,
        }
    }
    nearest
}

/// The addresses that the proxies name, the nearest first; None for one that is hidden or not an address. A proxy writes one of the two
/// headers, and passes the other on as a client has sent it. If both are there and differ, nobody can tell which is right, and neither
/// counts.
fn hops(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let forwarded = list(headers, &FORWARDED, |element| {
        let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
        let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        node(named.next()?.1.trim())
    });
    let x_forwarded_for = list(headers, &X_FORWARDED_FOR, |element| node(element.trim()));
    match (forwarded, x_forwarded_for) {
        (Some(hops), None) | (None, Some(hops)) => Some(hops),
        (Some(hops), Some(same)) => (hops == same).then_some(hops),
        (None, None) => None,
    }
}

fn list(
    headers: &HeaderMap,
    name: &HeaderName,
    parse: impl Fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let values: Vec<&str> = headers
        .get_all(name)
        .map(|v| v.to_str().unwrap_or(""))
        .collect();
    let values = values.iter().rev();
    let elements = values.flat_map(|value| value.rsplit(',')).take(MAX_HOPS);
    let hops: Vec<_> = elements.map(parse).collect();
    (!hops.is_empty()).then_some(hops)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, with or without quotes.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let text = text
        .strip_prefix('[')
        .map_or(Some(text), |text| text.strip_suffix(']'))?;
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    fn from(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8:1::/48"]
            .iter()
            .map(|net| net.parse().unwrap())
            .collect();
        behind(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn who_is_not_trusted_is_not_believed() {
        assert_eq!(from("192.0.2.1", &[(XFF, "203.0.113.9")]), "192.0.2.1");
        assert_eq!(
            from("192.0.2.1", &[("forwarded", "for=203.0.113.9")]),
            "192.0.2.1"
        );
    }

    #[test]
    fn the_first_from_the_right_that_is_not_trusted_is_the_client() {
        for (value, client) in [
            ("203.0.113.9", "203.0.113.9"),
            ("1.2.3.4, 203.0.113.9", "203.0.113.9"),
            ("1.2.3.4, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("10.1.1.2, 10.1.1.1", "10.1.1.2"),
            ("203.0.113.9, garbage", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(from("10.0.0.1", &[(XFF, value)]), client, "{value}");
        }
        assert_eq!(
            from("10.0.0.1", &[(XFF, "1.2.3.4"), (XFF, "203.0.113.9")]),
            "203.0.113.9"
        );
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (value, client) in [
            ("for=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"),
            ("for=1.2.3.4, For=\"203.0.113.9:80\"", "203.0.113.9"),
            ("for=\"[2001:db8::17]:4711\"", "2001:db8::17"),
            ("for=203.0.113.9, for=\"[2001:db8:1::5]\"", "203.0.113.9"),
            ("for=unknown", "10.0.0.1"),
            ("for=_hidden, for=10.2.2.2", "10.2.2.2"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(from("10.0.0.1", &[("forwarded", value)]), client, "{value}");
        }
    }

    #[test]
    fn two_headers_that_differ_count_for_nothing() {
        let both = |forwarded, xff| from("10.0.0.1", &[("forwarded", forwarded), (XFF, xff)]);
        assert_eq!(both("for=203.0.113.9", "203.0.113.9"), "203.0.113.9");
        assert_eq!(both("for=203.0.113.9", "203.0.113.8"), "10.0.0.1");
    }

    #[test]
    fn a_proxy_that_connects_as_ipv6_is_known_by_its_ipv4() {
        assert_eq!(
            from("::ffff:10.0.0.1", &[(XFF, "203.0.113.9")]),
            "203.0.113.9"
        );
    }

    proptest! {
        /// Whatever a client has written, the address that its proxy adds at the right decides.
        #[test]
        fn no_client_can_choose_its_address(text in "[ -~]{0,60}", other in prop::option::of("[ -~]{0,60}")) {
            let proxy_adds = [(XFF, "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
            for (at, (name, added)) in proxy_adds.into_iter().enumerate() {
                let mut map = HeaderMap::new();
                let mut add = |name: &str, value: &str| {
                    map.append(name.parse().unwrap(), HeaderValue::from_str(value).unwrap());
                };
                add(name, &format!("{text}, {added}"));
                if let Some(other) = &other {
                    add(proxy_adds[1 - at].0, other);
                }
                let proxy: IpAddr = [10, 0, 0, 1].into();
                let net: IpNet = "10.0.0.0/8".parse().unwrap();
                let found = behind(proxy, &map, &[net]).to_string();
                prop_assert!(found == "203.0.113.9" || other.is_some() && found == "10.0.0.1", "{found}");
            }
        }
    }
}
