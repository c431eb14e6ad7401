//! `healthcheck`: whether the service on this machine is alive, for containers.

use crate::settings::Settings;
use std::time::Duration;
use ureq::tls::TlsConfig;

/// Asks for liveness, not for health: to restart a container because a database is down would make things worse.
pub fn healthcheck(settings: &Settings) -> Result<(), String> {
    // The certificate is for the name that clients use, not for this address. Nothing secret is sent, and nothing in the answer is relied
    // upon.
    let any_certificate = TlsConfig::builder().disable_verification(true).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(2)))
        .tls_config(any_certificate)
        // The service is on this machine; a proxy of the environment is for other addresses.
        .proxy(None)
        .build()
        .into();
    let url = format!("{}/live", settings.server.url_of(settings.server.bind));
    let answer = agent.get(&url).call();
    answer
        .map(drop)
        .map_err(|error| format!("{url} does not answer: {error}"))
}
