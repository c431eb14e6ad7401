//! The body of an export: written by a task of its own, as fast as the client takes it.
//!
//! A body that ends properly is a whole file. If anything goes wrong, the body ends with an error instead, and the connection is cut: in
//! HTTP/1.1 the last chunk, which is empty, never comes. So the task sends [`Part::End`] when everything is written: a channel that closes
//! without it is an error.

use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::lines::Lines;
use super::places::Place;
use crate::dispatch::{Error, Export};
use crate::http::Api;
use crate::ledger::model::transaction::Transaction;

const CHUNK_BYTES: usize = 64 * 1024;
/// How many chunks may be written before the client takes them.
const AHEAD: usize = 2;
/// How long a client may take for a chunk. A slower one is cut off, since others wait for its place.
const READER_PATIENCE: Duration = Duration::from_secs(30);

enum Part {
    Chunk(Bytes),
    End,
}

/// The error with which the body of an incomplete file ends.
#[derive(Debug, thiserror::Error)]
#[error("the export was cut")]
pub struct Cut;

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Read(#[from] Error),
    #[error("{0}")]
    Written(#[from] std::io::Error),
    #[error("the client has gone")]
    Gone,
    #[error("the client reads too slowly")]
    Slow,
}

pub struct Writing {
    pub api: Data<Api>,
    pub under_way: Export,
    pub lines: Lines,
    pub request_id: String,
    pub place: Place,
}

impl Writing {
    pub fn start(self, first: Vec<Transaction>) -> impl Stream<Item = Result<Bytes, Cut>> + use<> {
        let (parts, body) = channel(AHEAD);
        actix_web::rt::spawn(self.run(first, parts));
        stream(body)
    }

    async fn run(mut self, first: Vec<Transaction>, parts: Sender<Part>) {
        let begun = Instant::now();
        let result = self.write(first, &parts).await;
        let (rows, duration_ms) = (self.lines.rows, begun.elapsed().as_millis());
        let request_id = self.request_id.as_str();
        match result {
            Ok(()) => log::info!(rows, duration_ms, request_id; "an export is complete"),
            Err(reason) => {
                log::warn!(reason:%, rows, duration_ms, request_id; "an export was cut");
            }
        }
        drop(self.place);
    }

    async fn write(&mut self, first: Vec<Transaction>, parts: &Sender<Part>) -> Result<(), Reason> {
        self.lines.head()?;
        let mut page = Some(first);
        while let Some(rows) = page {
            // Rows are dropped one by one, since as text they take a fraction of the memory.
            for row in rows {
                self.lines.row(&row)?;
                if self.lines.len() >= CHUNK_BYTES {
                    self.send(parts).await?;
                }
            }
            page = self.api.dispatch.next_page(&mut self.under_way).await?;
        }
        self.lines.end()?;
        self.send(parts).await?;
        give(parts, Part::End).await
    }

    async fn send(&mut self, parts: &Sender<Part>) -> Result<(), Reason> {
        let chunk = self.lines.take()?;
        if chunk.is_empty() {
            return Ok(());
        }
        give(parts, Part::Chunk(chunk.into())).await
    }
}

async fn give(parts: &Sender<Part>, part: Part) -> Result<(), Reason> {
    match tokio::time::timeout(READER_PATIENCE, parts.send(part)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Reason::Gone),
        Err(_) => Err(Reason::Slow),
    }
}

fn stream(mut parts: Receiver<Part>) -> impl Stream<Item = Result<Bytes, Cut>> {
    let mut ended = false;
    poll_fn(move |context| {
        if ended {
            return None.into();
        }
        parts.poll_recv(context).map(|part| match part {
            Some(Part::Chunk(chunk)) => Some(Ok(chunk)),
            Some(Part::End) => {
                ended = true;
                None
            }
            None => {
                ended = true;
                Some(Err(Cut))
            }
        })
    })
}
