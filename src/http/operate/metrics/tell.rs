//! The names, labels and help texts of `/metrics` (docs/operation.md).

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Reading;
use super::page::{Labels, Page};
use crate::db::status::NodeStatus;

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut page = Page(encoder);
        self.tell_requests(&mut page)?;
        self.tell_nodes(&mut page)?;
        self.tell_work(&mut page)?;
        self.tell_process(&mut page)
    }
}

impl Reading {
    fn tell_requests(&self, page: &mut Page) -> Result<(), Error> {
        let counts = self.requests.iter().flat_map(|counted| {
            let labels = [("method", counted.method), ("route", counted.route)];
            let by_status = counted.by_status.iter();
            by_status.map(move |(status, n)| ([labels[0], labels[1], ("status", status)], *n))
        });
        page.counters(
            "synapse_http_requests",
            "Requests by method, route pattern and status; 499: their client hung up before the answer.",
            counts,
        )?;
        let durations = self.requests.iter().map(|counted| {
            let labels = [("method", counted.method), ("route", counted.route)];
            (labels, &counted.durations)
        });
        page.histograms(
            "synapse_http_request_duration_seconds",
            "Time until a request was answered, or its client hung up; of a streamed answer, until its head.",
            durations,
        )
    }

    fn tell_nodes(&self, page: &mut Page) -> Result<(), Error> {
        let up = self.nodes.iter().map(|node| {
            let labels = [("node", node.name.as_str()), ("role", node.role_name())];
            (labels, i64::from(node.state == "up"))
        });
        page.gauges(
            "synapse_node_up",
            "1 while the node is up, 0 while it is down or fenced.",
            up,
        )?;
        page.gauges(
            "synapse_node_timeline",
            "The timeline that the node is on.",
            self.of_nodes(|node| node.timeline.map(i64::from)),
        )?;
        page.gauges(
            "synapse_node_lag_seconds",
            "How late the replica is.",
            self.of_nodes(|node| node.lag_ms.map(|lag_ms| lag_ms as f64 / 1e3)),
        )?;
        page.gauges(
            "synapse_node_rtt_seconds",
            "How long the node took to answer the last probe.",
            self.of_nodes(|node| node.rtt.map(|rtt| rtt.as_secs_f64())),
        )?;
        let pools = self.nodes.iter().flat_map(|node| {
            let pool = node.pool;
            let states = [
                ("max", pool.max as usize),
                ("open", pool.open as usize),
                ("in_use", pool.in_use),
            ];
            states.map(|(state, n)| ([("node", node.name.as_str()), ("state", state)], n as u64))
        });
        page.gauges(
            "synapse_pool_connections",
            "Connections of the node's pool: how many it may have, has open, and has in use.",
            pools,
        )?;
        let rebuilds = self
            .nodes
            .iter()
            .map(|node| ([("node", node.name.as_str())], node.rebuilds));
        page.counters(
            "synapse_rebuild_attempts",
            "Attempts to open a pool for the node.",
            rebuilds,
        )
    }

    fn of_nodes<'r, V>(
        &'r self,
        value: impl Fn(&NodeStatus) -> Option<V> + 'r,
    ) -> impl Iterator<Item = (Labels<'r, 1>, V)> {
        let of = move |node: &'r NodeStatus| Some(([("node", node.name.as_str())], value(node)?));
        self.nodes.iter().filter_map(of)
    }

    fn tell_work(&self, page: &mut Page) -> Result<(), Error> {
        let lanes = || self.lanes.iter();
        page.gauges(
            "synapse_lane_waiting",
            "Jobs that wait for their turn.",
            lanes().map(|lane| ([("lane", lane.name)], lane.waiting as u64)),
        )?;
        page.histograms(
            "synapse_lane_batch_size",
            "Jobs that one statement took.",
            lanes().map(|lane| ([("lane", lane.name)], &lane.batches)),
        )?;
        page.gauges(
            "synapse_writes_held",
            "Writes that wait for a primary.",
            [([], self.writes_held)],
        )?;
        page.counters(
            "synapse_failovers",
            "Failovers that were followed.",
            [([], self.failovers)],
        )?;
        page.histograms(
            "synapse_write_gap_seconds",
            "How long writes found no primary, each time.",
            [([], &self.write_gaps)],
        )?;
        page.counters(
            "synapse_doubts",
            "Writes that had been sent and not answered, by what became of them.",
            self.doubts
                .iter()
                .map(|(outcome, n)| ([("outcome", *outcome)], *n)),
        )?;
        page.counters(
            "synapse_replays",
            "Creates and callbacks that changed nothing, and were answered with what an earlier request had stored.",
            [([], self.replays)],
        )?;
        page.counters(
            "synapse_shed",
            "Requests that were refused to protect the service, by the code of the refusal.",
            self.shed
                .iter()
                .map(|(reason, n)| ([("reason", *reason)], *n)),
        )?;
        page.counters(
            "synapse_unreplicated_writes",
            "Writes that were acknowledged while no standby had them (X-Durability: local).",
            [([], self.unreplicated)],
        )?;
        page.gauges(
            "synapse_build_info",
            "Always 1; the label says which version runs.",
            [([("version", self.version)], 1_u64)],
        )
    }

    fn tell_process(&self, page: &mut Page) -> Result<(), Error> {
        let Some(process) = self.process else {
            return Ok(());
        };
        page.fractional_counter(
            "process_cpu_seconds",
            "User and system CPU time spent.",
            process.cpu.as_secs_f64(),
        )?;
        page.gauges(
            "process_start_time_seconds",
            "Start of the process since the Unix epoch.",
            [([], process.started_at_s)],
        )?;
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Resident memory.",
                process.resident_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory.",
                process.virtual_bytes,
            ),
            (
                "process_open_fds",
                "Open file descriptors.",
                process.open_fds,
            ),
            (
                "process_max_fds",
                "File descriptors that may be open.",
                process.max_fds,
            ),
            (
                "process_threads",
                "Threads of the process.",
                process.threads,
            ),
        ] {
            page.gauges(name, help, [([], value)])?;
        }
        Ok(())
    }
}
