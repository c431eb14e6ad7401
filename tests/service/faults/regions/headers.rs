//! Holds what answers say of who served them against the logs of the servers, which tell every statement for that time.

use crate::faults::Stage;
use crate::support::map::NODES;
use crate::support::wait::s;
use crate::support::{Answer, App, ask, eventually, key, minimal};
use private_postgres::Server;

/// What was asked, and what of it was told wrongly.
pub struct Told {
    pub answers: usize,
    pub wrong: Vec<String>,
}

/// An answer, and the words by which the servers' logs tell who gave it.
struct Asked {
    handle: String,
    answer: Answer,
}

/// From each instance so many creates and reads by id, of transactions that nobody else asks for.
pub fn against_the_servers(stage: &Stage, each: usize) -> Told {
    let nodes = &stage.cluster.nodes;
    let ids: Vec<String> = (0..each * stage.apps.len())
        .map(|_| stage.apps[0].create(&minimal()).expect(201).id())
        .collect();
    until_everywhere(stage, ids.last().unwrap());
    nodes.iter().for_each(|node| log_statements(node, "all"));
    let asked: Vec<Asked> = stage
        .apps
        .iter()
        .zip(ids.chunks(each))
        .flat_map(|(app, ids)| ask_for(app, ids))
        .collect();
    nodes.iter().for_each(|node| log_statements(node, "none"));
    let logs: Vec<String> = nodes
        .iter()
        .map(|node| String::from_utf8_lossy(&std::fs::read(node.log_file()).unwrap()).into_owned())
        .collect();
    let wrong = asked.iter().filter_map(|asked| wrong(asked, &logs));
    Told {
        wrong: wrong.collect(),
        answers: asked.len(),
    }
}

fn ask_for(app: &App, ids: &[String]) -> Vec<Asked> {
    let reads = ids.iter().map(|id| Asked {
        handle: id.clone(),
        answer: app.get(&format!("/transactions/{id}")).expect(200),
    });
    let creates = ids.iter().map(|_| {
        let handle = key();
        let answer = app.create_keyed(&handle, &minimal()).expect(201);
        Asked { handle, answer }
    });
    reads.chain(creates).collect()
}

/// A read that met a failure may have gone to several nodes: one of them must be of the region that was named.
fn wrong(asked: &Asked, logs: &[String]) -> Option<String> {
    let told = asked.answer.served_in();
    let who: Vec<_> = NODES
        .iter()
        .zip(logs)
        .filter(|(_, log)| log.contains(&asked.handle))
        .map(|(node, _)| node)
        .collect();
    let is_right = who.iter().any(|(_, region)| region.name() == told);
    (!is_right).then(|| {
        let (handle, names) = (&asked.handle, who.iter().map(|(name, _)| *name));
        let names: Vec<_> = names.collect();
        format!("{handle} was served in {told:?} by its header, and by {names:?} by the logs")
    })
}

pub fn log_statements(node: &Server, which: &str) {
    node.reload(&[("log_statement", which)]).unwrap();
    // Each session hears of it before its next statement at the latest a moment later; this one is younger than all of the service's.
    let shown = "SELECT current_setting('log_statement') AS value";
    eventually(s(5), "statements are logged", || ask(node, shown) == which);
}

fn until_everywhere(stage: &Stage, id: &str) {
    for node in &stage.cluster.nodes {
        let count = format!("SELECT count(*)::text AS value FROM transactions WHERE id = '{id}'");
        eventually(s(20), "the rows are everywhere", || {
            ask(node, &count) == "1"
        });
    }
}
