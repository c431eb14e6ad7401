//! Transactions as lines: CSV by RFC 4180, or JSON Lines.

use std::io;

use chrono::{DateTime, Utc};
use csv::{Terminator, Writer, WriterBuilder};
use serde_json::json;

use crate::http::answer::headers::rfc3339;
use crate::ledger::ask::export::Format;
use crate::ledger::model::metadata::Metadata;
use crate::ledger::model::transaction::Transaction;

/// The members of a transaction's JSON, in their order.
const COLUMNS: [&str; 15] = [
    "id",
    "stellar_account",
    "amount",
    "asset_code",
    "callback_type",
    "callback_status",
    "anchor_transaction_id",
    "memo",
    "memo_type",
    "metadata",
    "status",
    "status_reason",
    "version",
    "created_at",
    "updated_at",
];

pub struct Lines {
    to: To,
    end_marker: bool,
    as_of: DateTime<Utc>,
    pub rows: u64,
}

enum To {
    Csv(Box<Writer<Vec<u8>>>),
    Json(Vec<u8>),
}

/// Writing into memory does not fail. If it did, the export would be cut.
impl Lines {
    pub fn new(format: Format, end_marker: bool, as_of: DateTime<Utc>) -> Lines {
        let to = match format {
            Format::Csv => To::Csv(Box::new(csv_writer())),
            Format::JsonLines => To::Json(Vec::new()),
        };
        Lines {
            to,
            end_marker,
            as_of,
            rows: 0,
        }
    }

    pub fn head(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Csv(writer) => Ok(writer.write_record(COLUMNS)?),
            To::Json(_) => Ok(()),
        }
    }

    pub fn row(&mut self, transaction: &Transaction) -> io::Result<()> {
        self.rows += 1;
        match &mut self.to {
            To::Csv(writer) => Ok(writer.write_record(fields(transaction))?),
            To::Json(written) => {
                serde_json::to_writer(&mut *written, transaction)?;
                written.push(b'\n');
                Ok(())
            }
        }
    }

    /// Writes how many rows there were, in a line that cannot be a transaction: in CSV it has `#end` instead of an id, and the number in
    /// the next column.
    pub fn end(&mut self) -> io::Result<()> {
        let rows = self.rows;
        match &mut self.to {
            _ if !self.end_marker => Ok(()),
            To::Csv(writer) => {
                let mut marker = [""; COLUMNS.len()].map(str::to_owned);
                marker[..2].clone_from_slice(&["#end".to_owned(), rows.to_string()]);
                Ok(writer.write_record(marker)?)
            }
            To::Json(written) => {
                let marker = json!({"end": true, "rows": rows, "as_of": rfc3339(self.as_of)});
                written.extend_from_slice(format!("{marker}\n").as_bytes());
                Ok(())
            }
        }
    }

    /// About how many bytes have been written since the last [`Lines::take`].
    pub fn len(&self) -> usize {
        match &self.to {
            To::Csv(writer) => writer.get_ref().len(),
            To::Json(written) => written.len(),
        }
    }

    pub fn take(&mut self) -> io::Result<Vec<u8>> {
        match &mut self.to {
            To::Csv(writer) => {
                let writer = std::mem::replace(&mut **writer, csv_writer());
                writer.into_inner().map_err(csv::IntoInnerError::into_error)
            }
            To::Json(written) => Ok(std::mem::take(written)),
        }
    }
}

fn csv_writer() -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new())
}

/// In the order of [`COLUMNS`].
fn fields(transaction: &Transaction) -> [String; COLUMNS.len()] {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    let metadata = transaction.metadata.as_ref().map(Metadata::text);
    [
        transaction.id.to_string(),
        transaction.stellar_account.clone(),
        transaction.amount.to_string(),
        transaction.asset_code.clone(),
        or_empty(&transaction.callback_type),
        or_empty(&transaction.callback_status),
        harmless(&transaction.anchor_transaction_id),
        harmless(&transaction.memo),
        or_empty(&transaction.memo_type),
        metadata.map(harmless_text).unwrap_or_default(),
        transaction.status.to_string(),
        harmless(&transaction.status_reason),
        transaction.version.to_string(),
        rfc3339(transaction.created_at),
        rfc3339(transaction.updated_at),
    ]
}

fn harmless(text: &Option<String>) -> String {
    text.as_deref().map(harmless_text).unwrap_or_default()
}

/// A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV injection), and these texts may come from strangers:
/// an apostrophe before it makes it text. A cell may also begin inside of a text, where a spreadsheet separates cells by semicolons or tabs,
/// as in countries that write decimals with a comma. All other columns are of letters, digits, dashes, dots and colons.
fn harmless_text(text: &str) -> String {
    const BEGINS_A_FORMULA: [char; 11] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    let cells = text.split_inclusive([';', '\t', '\r', '\n']);
    let harmless = cells.flat_map(|cell| {
        let formula = cell.starts_with(BEGINS_A_FORMULA);
        [if formula { "'" } else { "" }, cell]
    });
    harmless.collect()
}
