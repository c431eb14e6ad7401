//! Clients, limits, and what else says who may do what.

use super::*;
use crate::clients::{KeyDigest, Scope};

fn digest(key: &str) -> String {
    KeyDigest::of(key).to_string()
}

#[test]
fn a_client_has_a_name_keys_and_scopes_and_by_default_owns_what_it_makes() {
    let (a, b, c) = (digest("a"), digest("b"), digest("c"));
    let toml = format!(
        "[[clients]]\nname = 'shop'\nkey_sha256 = '{a}'\nscopes = ['read', 'write']\n
         [[clients]]\nname = 'desk'\nowner = 'shop'\nkey_sha256 = ['{b}', '{c}']\nscopes = ['admin']"
    );
    let clients = parse(&toml, &[]).unwrap().clients;
    let owners: Vec<_> = clients.iter().map(|client| client.owner.as_str()).collect();
    assert_eq!(owners, ["shop", "shop"]);
    assert_eq!(clients[1].keys, [KeyDigest::of("b"), KeyDigest::of("c")]);
    assert_eq!(clients[0].scopes, [Scope::Read, Scope::Write]);
}

#[test]
fn what_is_wrong_with_a_client_is_named() {
    let (a, b) = (digest("a"), digest("b"));
    let whole = |name: &str, key: &str| {
        format!("[[clients]]\nname = '{name}'\nkey_sha256 = '{key}'\nscopes = ['read']\n")
    };
    for (toml, problem) in [
        (whole("a b", &a), "clients[0].name: must be"),
        (
            whole("x", "syn_key"),
            "clients[0].key_sha256: must be the SHA-256",
        ),
        (
            whole("x", &a) + &whole("x", &b),
            "clients[1].name: another client",
        ),
        (
            whole("x", &a) + &whole("y", &a),
            "clients[1].key_sha256: occurs twice",
        ),
        (
            whole("x", &digest("")),
            "clients[0].key_sha256: is the SHA-256 of nothing",
        ),
        (whole("x", &a) + "owner = ' a'", "clients[0].owner: must be"),
        (
            whole("x", &a) + "role = 'boss'",
            "clients[0].role: is not a known",
        ),
        (
            whole("x", &a).replace("'read'", "'root'"),
            "clients[0].scopes: must be some of",
        ),
        (
            whole("x", &a).replace("'read'", ""),
            "clients[0].scopes: must be some of",
        ),
        (
            format!("[[clients]]\nkey_sha256 = '{a}'\nscopes = ['read']"),
            "clients[0].name: is missing",
        ),
        (
            "[[clients]]\nname = 'x'\nscopes = ['read']".into(),
            "clients[0].key_sha256: is missing",
        ),
    ] {
        let problems = parse(&toml, &[]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(problem), "{problems:?}");
    }
}

/// As of a variable that was not filled.
#[test]
fn the_name_of_a_file_is_never_blank() {
    let problems = parse(
        "[server.tls]\ncertificate = ''\nkey = ' '\n[database.primary]\nurl_file = ''",
        &[],
    );
    let problems = problems.unwrap_err();
    for key in [
        "server.tls.certificate",
        "server.tls.key",
        "database.primary.url_file",
    ] {
        let blank = format!("{key}: is set, but blank");
        assert!(problems.contains(&blank), "{problems:?}");
    }
}

#[test]
fn of_an_unknown_setting_no_more_is_shown_than_a_name_may_have() {
    let problems = parse("[database]\n\"url postgres://u:secret@h/d\" = 1", &[]);
    let problems = problems.unwrap_err();
    assert_eq!(problems, ["database.url: is not a known setting"]);
}

#[test]
fn a_limit_needs_a_rate_and_a_burst_beyond_the_queues_is_warned_of() {
    let limits = |toml: &str| parse(toml, &[]).map(|settings| settings.limits);
    assert_eq!(limits("").unwrap().of_an_address, None);
    let set = limits("[limits]\nrequests_per_second = 20").unwrap();
    let quota = set.of_a_client.unwrap();
    assert_eq!((quota.per_second.get(), quota.burst.get()), (20, 40));
    assert_eq!(
        set.of_an_address,
        Some(quota),
        "without keys, a client is an address"
    );
    let problems = limits("[limits]\nburst = 20").unwrap_err();
    assert!(problems[0].starts_with("limits.burst: says nothing without"));
    let high = parse("[limits]\nrequests_per_second = 600", &[]).unwrap();
    assert!(high.warnings[0].starts_with("limits.burst: is above database.max_waiting"));
}

#[test]
fn a_proxy_is_an_address_or_a_network() {
    let parse = |list: &str| parse(&format!("[server]\ntrusted_proxies = {list}"), &[]);
    let nets = parse("['10.0.0.7', '10.1.0.0/16', '2001:db8::/32']").unwrap();
    assert_eq!(nets.server.trusted_proxies.len(), 3);
    for list in ["['proxy']", "['10.0.0.0/33']", "[7]"] {
        let problems = parse(list).unwrap_err();
        assert!(problems[0].starts_with("server.trusted_proxies: must be"));
    }
}
