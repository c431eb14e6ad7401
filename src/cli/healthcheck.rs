//! `healthcheck`: whether the service on this machine is alive, for containers.

use crate::settings::Settings;
use std::net::Ipv6Addr;
use std::time::Duration;
use ureq::tls::TlsConfig;

/// Liveness, not health: a container that is restarted because a database is down makes things worse.
pub fn healthcheck(settings: &Settings) -> Result<(), String> {
    let mut address = settings.server.bind;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let scheme = match settings.server.tls {
        Some(_) => "https",
        None => "http",
    };
    // The certificate is for the name that clients use, not for this address; nothing secret is sent or believed.
    let any_certificate = TlsConfig::builder().disable_verification(true).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(2)))
        .tls_config(any_certificate)
        .build()
        .into();
    let url = format!("{scheme}://{address}/live");
    let answer = agent.get(&url).call();
    answer
        .map(drop)
        .map_err(|error| format!("{url} does not answer: {error}"))
}
