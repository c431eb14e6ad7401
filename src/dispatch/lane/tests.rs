use super::super::{Dispatch, Policy};
use super::queue::MAX_WAITING_BYTES;
use super::*;
use crate::db::status::WhyRefused;
use crate::db::url::DatabaseUrl;
use crate::db::{Databases, NodeOptions, Options, Schema};
use crate::ledger::ask::batch::{Batch, Drafts};
use crate::ledger::ask::caller::{Author, Caller};
use crate::ledger::ask::create::Create;
use crate::ledger::ask::draft::Rules;
use crate::ledger::ask::key::IdempotencyKey;

/// With one node, at whose address nothing listens.
fn dispatch() -> Dispatch {
    let node = NodeOptions {
        name: "node-1".into(),
        region: None,
        url: DatabaseUrl::parse("postgres://u@127.0.0.1:1/d").unwrap(),
    };
    let second = Duration::from_secs(1);
    let schema = Schema {
        verify: Box::new(|_| Ok(())),
        prepare: Box::new(|_| Ok(())),
    };
    let databases = Databases::start(vec![node], Options::of_a_second(2), schema).unwrap();
    let policy = Policy {
        write_deadline: second,
        attempt_timeout: second,
        max_waiting: 1000,
    };
    Dispatch::start(Arc::new(databases), policy).unwrap()
}

fn create() -> Arc<Create> {
    let batch = batch(1);
    Arc::new(batch.creates()[0].clone())
}

fn batch(bytes: usize) -> Arc<Batch> {
    batch_of("default", bytes)
}

fn batch_of(owner: &str, bytes: usize) -> Arc<Batch> {
    let account = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";
    let body = format!(
        r#"{{"transactions":[{{"stellar_account":"{account}","amount":"1","asset_code":"A"}}]}}"#
    );
    let drafts = Drafts::parse(body.as_bytes(), &Rules::default()).unwrap();
    let caller = Caller {
        owner: owner.into(),
        author: Author::Client("test".into()),
        request_id: "test".into(),
    };
    let key = IdempotencyKey::parse("k").unwrap();
    Arc::new(Batch::new(drafts, key, &caller, bytes))
}

#[test]
fn what_waits_is_limited_by_its_bytes_and_who_leaves_makes_room() {
    let dispatch = dispatch();
    let lane = &dispatch.creating_all.shared;
    let until = Instant::now() + Duration::from_secs(60);
    let queue_up = |job| lane.queue_up(job, until);
    let half = MAX_WAITING_BYTES / 2;
    let (first, _) = queue_up(batch(half)).unwrap();
    let (second, _) = queue_up(batch(half)).unwrap();
    assert!(matches!(queue_up(batch(1)), Err(Failure::Full)));
    drop(first);
    let (third, _) = queue_up(batch(half)).unwrap();
    lane.fail_all(&Failure::WritesRefused(WhyRefused::SplitBrain));
    drop((second, third)); // their jobs are no longer queued, so this frees no bytes
    assert!(queue_up(batch(MAX_WAITING_BYTES)).is_ok());
}

/// At t = 0 s eight large batches of anna fill the lane; at t = 1 s bert's small one comes, and then another large one of his.
#[test]
fn an_owner_that_fills_a_lane_makes_room_for_others_and_for_them_alone() {
    let dispatch = dispatch();
    let lane = &dispatch.creating_all.shared;
    let until = Instant::now() + Duration::from_secs(60);
    let queue_up = |owner, bytes| lane.queue_up(batch_of(owner, bytes), until);
    let eighth = MAX_WAITING_BYTES / 8;
    let mut of_anna: Vec<_> = (0..8).map(|_| queue_up("anna", eighth).unwrap()).collect();
    assert!(matches!(queue_up("anna", 1), Err(Failure::Full)));
    let small = queue_up("bert", 1);
    let refused = of_anna.pop().map(|(_, mut answer)| answer.try_recv());
    assert!(small.is_ok() && matches!(refused, Some(Ok(Err(Failure::Full)))));
    let more: Vec<_> = (0..8)
        .map_while(|_| queue_up("bert", eighth).ok())
        .collect();
    assert_eq!(more.len(), 3, "until both have the half");
    let before = lane.waiting();
    assert!(queue_up("bert", 2 * eighth).is_err());
    assert_eq!(lane.waiting(), before, "nobody was refused for nothing");
    assert!(
        of_anna[..4]
            .iter_mut()
            .all(|(_, answer)| answer.try_recv().is_err())
    );
}

/// Batches go alone, and may take long.
#[test]
fn owners_take_turns_where_jobs_go_alone() {
    let dispatch = dispatch();
    let lane = &dispatch.creating_all.shared;
    let until = Instant::now() + Duration::from_secs(60);
    let queued = ["anna", "anna", "anna", "bert", "bert", "carl"]
        .map(|owner| lane.queue_up(batch_of(owner, 1), until).unwrap());
    let turns: Vec<String> = std::iter::from_fn(|| lane.take(0, Duration::ZERO))
        .map(|batch| batch.jobs[0].caller().owner.clone())
        .collect();
    assert_eq!(turns, ["anna", "bert", "carl", "anna", "bert", "anna"]);
    drop(queued);
}

#[test]
fn what_could_not_be_answered_in_time_is_refused_wherever_it_stands_and_never_sent() {
    let dispatch = dispatch();
    let lane = &dispatch.creating.shared;
    let distance = Duration::from_secs(1);
    let in_s = |s| Instant::now() + Duration::from_secs(s);
    let waiting = [0, 60, 0, 60, 0].map(|s| lane.queue_up(create(), in_s(s)).unwrap());
    let batch = lane.take(0, distance).unwrap();
    assert_eq!(batch.jobs.len(), 2);
    for (nth, (_, mut answer)) in waiting.into_iter().enumerate() {
        let refused = answer.try_recv();
        if nth % 2 == 0 {
            let in_time = matches!(refused, Ok(Err(Failure::OutOfTime { sent: false })));
            assert!(in_time, "{nth}");
        } else {
            assert!(
                refused.is_err(),
                "{nth} has been taken, and waits for its answer"
            );
        }
    }
    assert!(lane.take(0, distance).is_none());
    assert_eq!(lane.waiting(), 0);
}
