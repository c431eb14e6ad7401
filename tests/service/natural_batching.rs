//! What many jobs are answered by one statement is what each would have been answered alone: asked of the store itself, on a real
//! PostgreSQL. Every run has an owner of its own, so all begin with an empty ledger.

use crate::support::bodies::ACCOUNT;
use crate::support::shared;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use private_postgres::User;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use std::cell::RefCell;
use synapse_core::ledger::ask::caller::{Author, Caller};
use synapse_core::ledger::ask::change::{Change, Expected, StatusChange};
use synapse_core::ledger::ask::create::Create;
use synapse_core::ledger::ask::draft::{Draft, Rules};
use synapse_core::ledger::ask::key::IdempotencyKey;
use synapse_core::ledger::ask::token::Token;
use synapse_core::ledger::model::status::Status;
use synapse_core::ledger::model::write::Write;
use synapse_core::ledger::store::change::change;
use synapse_core::ledger::store::create::{Answer, How, create};
use synapse_core::ledger::store::find::{Wanted, find};
use uuid::Uuid;

/// What may be asked for: handles and bodies of a small choice, so that they meet.
#[derive(Clone, Debug)]
struct Asked {
    key: Option<u8>,
    anchor: Option<u8>,
    body: u8,
    /// It is a repeat of this one of the stored creates, by the service itself: with the same id.
    repeats: Option<Index>,
}

#[derive(Clone, Debug)]
struct Case {
    /// One after the other, before the batch; and whether its status has moved on since.
    stored: Vec<(Asked, bool)>,
    batch: Vec<Asked>,
}

fn asked(handles: u8) -> impl Strategy<Value = Asked> {
    let handle = || option::weighted(0.7, 0..handles);
    let repeats = option::weighted(0.15, any::<Index>());
    let any = (handle(), handle(), 0..2_u8, repeats);
    any.prop_map(|(key, anchor, body, repeats)| Asked {
        // One handle at least.
        key: key.or(anchor.is_none().then_some(0)),
        anchor,
        body,
        repeats,
    })
}

fn case(jobs: std::ops::RangeInclusive<usize>, handles: u8) -> impl Strategy<Value = Case> {
    let stored = vec((asked(handles), any::<bool>()), 0..=4);
    let all = (stored, vec(asked(handles), jobs));
    all.prop_map(|(stored, batch)| Case { stored, batch })
}

fn caller(owner: &str) -> Caller {
    Caller {
        owner: owner.to_owned(),
        author: Author::Client("test".to_owned()),
        request_id: "test".to_owned(),
    }
}

impl Asked {
    fn create(&self) -> Create {
        let amount = ["1.50", "2"][usize::from(self.body)];
        let mut body = json!({
            "stellar_account": ACCOUNT, "asset_code": "USDC", "amount": amount,
            "callback_status": "pending_external", "metadata": {"b": 1, "a": [self.body]}
        });
        if let Some(anchor) = self.anchor {
            body["anchor_transaction_id"] = format!("anchor-{anchor}").into();
        }
        let body = body.to_string();
        let draft = Draft::parse(body.as_bytes(), &Rules::default()).unwrap();
        let key = self.key.map(|key| format!("key-{key}"));
        let key = key.map(|key| IdempotencyKey::parse(&key).unwrap());
        Create::new(draft, key, caller("-"), body.len()).unwrap()
    }
}

/// The creates of a case, with their ids; each run has the same.
struct Creates {
    stored: Vec<(Create, bool)>,
    batch: Vec<Create>,
}

impl Creates {
    fn of(case: &Case) -> Creates {
        let stored = case.stored.iter();
        let stored: Vec<_> = stored
            .map(|(asked, moved)| (asked.create(), *moved))
            .collect();
        let repeated = |asked: &Asked| match &asked.repeats {
            Some(at) if !stored.is_empty() => at.get(&stored).0.clone(),
            _ => asked.create(),
        };
        let batch = case.batch.iter().map(repeated).collect::<Vec<_>>();
        // One request has one job at a time.
        let mut ids: Vec<Uuid> = Vec::new();
        let once = batch.into_iter().filter(|create| {
            let is_first = !ids.contains(&create.id);
            ids.push(create.id);
            is_first
        });
        Creates {
            batch: once.collect(),
            stored,
        }
    }
}

/// The ledger of one owner.
struct Ledger<'c> {
    connection: &'c mut PgConnection,
    owner: String,
}

impl<'c> Ledger<'c> {
    fn with(connection: &'c mut PgConnection, creates: &Creates) -> Ledger<'c> {
        let mut ledger = Ledger {
            connection,
            owner: Uuid::now_v7().to_string(),
        };
        for (create, moved) in &creates.stored {
            let answer = ledger.create(&[create]).remove(0);
            if let (true, Ok(created)) = (*moved, answer) {
                ledger.move_on(created.transaction.id);
            }
        }
        ledger
    }

    /// Together.
    fn create(&mut self, creates: &[&Create]) -> Vec<Answer> {
        create(self.connection, &self.owner, creates, &[])
            .unwrap()
            .value
    }

    /// Its status, if it has not been done yet.
    fn move_on(&mut self, id: Uuid) {
        let to = StatusChange {
            status: Status::Processing,
            status_reason: None,
        };
        let change_it = Change::new(id, Expected::Any, to, caller(&self.owner));
        change(self.connection, &change_it, &[]).unwrap().value.ok();
    }

    /// All rows, but for what no client sees and for the time.
    fn rows(&mut self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            value: String,
        }
        let rows = diesel::sql_query(
            "SELECT (to_jsonb(t) - ARRAY['owner', 'created_at', 'updated_at', 'write_id'])::text AS value
               FROM transactions t WHERE owner = $1 ORDER BY id",
        );
        let rows: Vec<Row> = rows
            .bind::<Text, _>(&self.owner)
            .load(self.connection)
            .unwrap();
        rows.into_iter().map(|row| row.value).collect()
    }
}

/// An answer without what differs from run to run.
fn told(answer: &Answer) -> String {
    match answer {
        Ok(created) => {
            let mut transaction = serde_json::to_value(&created.transaction).unwrap();
            for member in ["created_at", "updated_at"] {
                transaction.as_object_mut().unwrap().remove(member);
            }
            format!("{:?} {transaction}", created.how)
        }
        Err(error) => format!("{error:?}"),
    }
}

/// What each was told, and what is stored in the end.
type Outcome = (Vec<String>, Vec<String>);

fn together(connection: &mut PgConnection, creates: &Creates) -> (Outcome, Vec<bool>) {
    let mut ledger = Ledger::with(connection, creates);
    let batch: Vec<&Create> = creates.batch.iter().collect();
    let answers = ledger.create(&batch);
    let is_new = |answer: &Answer| matches!(answer, Ok(created) if created.how == How::New);
    let new = answers.iter().map(is_new).collect();
    ((answers.iter().map(told).collect(), ledger.rows()), new)
}

fn alone(connection: &mut PgConnection, creates: &Creates, order: &[usize]) -> Outcome {
    let mut ledger = Ledger::with(connection, creates);
    let mut answers = vec![String::new(); order.len()];
    for &at in order {
        answers[at] = told(&ledger.create(&[&creates.batch[at]])[0]);
    }
    (answers, ledger.rows())
}

/// Every order of these.
fn orders(of: &[usize]) -> Vec<Vec<usize>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, &first) in of.iter().enumerate() {
        let mut others = of.to_vec();
        others.remove(at);
        all.extend(orders(&others).into_iter().map(|mut rest| {
            rest.insert(0, first);
            rest
        }));
    }
    all
}

/// What the service's sessions are: plans by index alone.
fn connect() -> PgConnection {
    let it = shared();
    let mut connection =
        PgConnection::establish(&it.cluster.primary().url(User::Application)).unwrap();
    connection
        .batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        .unwrap();
    connection
}

/// The order that explains a batch: who stored something, then everybody else. What the others met is there by then.
fn storers_first(new: &[bool]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..new.len()).collect();
    order.sort_by_key(|&at| !new[at]);
    order
}

#[test]
fn a_batch_of_creates_answers_as_they_would_one_after_the_other_in_some_order() {
    let connection = RefCell::new(connect());
    let config = ProptestConfig::with_cases(150);
    proptest!(config, |(case in case(2..=5, 3))| {
        let creates = Creates::of(&case);
        let mut connection = connection.borrow_mut();
        let (outcome, new) = together(&mut connection, &creates);
        let likely = storers_first(&new);
        let any = orders(&likely).into_iter().any(|order| alone(&mut connection, &creates, &order) == outcome);
        prop_assert!(any, "no order explains {outcome:#?}");
    });
}

#[test]
fn a_full_batch_answers_as_its_storers_and_then_the_others_would() {
    let connection = RefCell::new(connect());
    let config = ProptestConfig::with_cases(60);
    proptest!(config, |(case in case(6..=64, 30))| {
        let creates = Creates::of(&case);
        let mut connection = connection.borrow_mut();
        let (outcome, new) = together(&mut connection, &creates);
        let order = storers_first(&new);
        prop_assert_eq!(outcome, alone(&mut connection, &creates, &order));
    });
}

/// The writes that were made to these.
fn writes(connection: &mut PgConnection, owner: &str, ids: &[Uuid]) -> Vec<Token> {
    let wanted: Vec<Wanted> = ids.iter().map(|&id| Wanted { id, tokens: &[] }).collect();
    let found = find(connection, owner, &wanted).unwrap().value;
    let mut all = Vec::new();
    for transaction in found.into_iter().flatten() {
        let of = |version, id| Token {
            transaction_id: transaction.id,
            write: Write { version, id },
        };
        all.push(of(1, transaction.id));
        if transaction.version == 2 {
            all.push(of(2, transaction.write_id));
        }
    }
    all
}

#[test]
fn a_batch_of_reads_answers_each_as_it_would_alone_whatever_tokens_the_others_have() {
    let mut connection = connect();
    let stored: Vec<Asked> = (0..3)
        .map(|key| Asked {
            key: Some(key),
            anchor: None,
            body: 0,
            repeats: None,
        })
        .collect();
    let creates = Creates {
        stored: stored
            .iter()
            .map(|asked| (asked.create(), asked.key == Some(1)))
            .collect(),
        batch: Vec::new(),
    };
    let mut ids: Vec<Uuid> = creates.stored.iter().map(|(create, _)| create.id).collect();
    ids.push(Uuid::now_v7()); // of nothing
    let owner = Ledger::with(&mut connection, &creates).owner;
    let mut tokens = writes(&mut connection, &owner, &ids);
    assert_eq!(tokens.len(), 4, "three creates and a change");
    let lost = tokens.iter().copied().map(|mut token| {
        token.write.id = Uuid::now_v7();
        token
    });
    tokens.extend(lost.collect::<Vec<_>>());
    let connection = RefCell::new(connection);
    let any = any::<Index>;
    let wanted = vec((any(), vec(any(), 0..=2)), 1..=64);
    proptest!(ProptestConfig::with_cases(60), |(wanted in wanted)| {
        let of = |(id, seen): &(Index, Vec<Index>)| {
            (*id.get(&ids), seen.iter().map(|token| *token.get(&tokens)).collect::<Vec<Token>>())
        };
        let wanted: Vec<_> = wanted.iter().map(of).collect();
        let wanted: Vec<Wanted> = wanted.iter().map(|(id, tokens)| Wanted { id: *id, tokens }).collect();
        let ask = |wanted: &[Wanted]| -> Vec<String> {
            let answers = find(&mut connection.borrow_mut(), &owner, wanted).unwrap().value;
            answers.iter().map(|answer| format!("{answer:?}")).collect()
        };
        let together = ask(&wanted);
        let alone: Vec<String> = wanted.iter().flat_map(|one| ask(std::slice::from_ref(one))).collect();
        prop_assert_eq!(together, alone);
    });
}
