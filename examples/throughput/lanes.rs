//! How many jobs the lanes of our service put into a statement, from its metrics.

use super::client::Client;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Statements and jobs by lane, counted since the service was started.
#[derive(Clone, Default)]
pub struct Lanes(BTreeMap<String, Jobs>);

#[derive(Clone, Copy, Default)]
struct Jobs {
    statements: f64,
    jobs: f64,
}

impl Lanes {
    /// What the metrics of the service say now.
    pub async fn of(address: SocketAddr) -> Result<Lanes, String> {
        let request = Request::get("/metrics").header(HOST, address.to_string());
        let request = request.body(Full::<Bytes>::default());
        let request = request.map_err(|error| error.to_string())?;
        let (_, text) = Client::connect(address).await?.send(request).await?;
        let mut lanes = Lanes::default();
        for line in String::from_utf8_lossy(&text).lines() {
            lanes.add(line);
        }
        Ok(lanes)
    }

    /// The mean number of jobs in a statement since `before`, by lane.
    pub fn jobs_a_statement(&self, before: &Lanes) -> BTreeMap<String, f64> {
        let since = self.0.iter().filter_map(|(lane, now)| {
            let then = before.0.get(lane).copied().unwrap_or_default();
            let statements = now.statements - then.statements;
            (statements > 0.0).then(|| (lane.clone(), (now.jobs - then.jobs) / statements))
        });
        since.collect()
    }

    /// Reads a line such as `synapse_lane_batch_size_sum{lane="create"} 12`, and skips others.
    fn add(&mut self, line: &str) {
        let parts = || {
            let (name, rest) = line.split_once("{lane=\"")?;
            let (lane, value) = rest.split_once("\"} ")?;
            Some((name, lane, value.parse::<f64>().ok()?))
        };
        let Some((name, lane, value)) = parts() else {
            return;
        };
        match name {
            "synapse_lane_batch_size_sum" => {
                self.0.entry(lane.to_owned()).or_default().jobs = value
            }
            "synapse_lane_batch_size_count" => {
                self.0.entry(lane.to_owned()).or_default().statements = value;
            }
            _ => {}
        }
    }
}
