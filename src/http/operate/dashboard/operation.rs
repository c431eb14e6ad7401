//! docs/operation.md as a page, and as the place where the advice of the dashboard is taken from.
//!
//! By hand and not with a Markdown library: of Markdown the manual uses headings, paragraphs, lists, tables, code and links.

use std::iter::Peekable;
use std::str::Lines;

use maud::{DOCTYPE, Markup, html};

const MANUAL: &str = include_str!("../../../../docs/operation.md");

/// Where a heading stands on the page: as GitHub forms it. None: there is no such heading.
pub fn anchor_of(heading: &str) -> Option<String> {
    let mut headings = MANUAL.lines().filter_map(|line| Some(heading_of(line)?.1));
    headings
        .any(|known| known == heading)
        .then(|| slug(heading))
}

/// What the manual says is to be done about a cause (section "Causes"), in Markdown.
pub fn remedy(code: &str) -> Option<&'static str> {
    let begin = format!("| `{code}` | ");
    let row = MANUAL.lines().find(|line| line.starts_with(&begin))?;
    cells(row).last()
}

pub fn page() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Operation: synapse-core" }
                link rel="stylesheet" href="style.css";
            }
            body.manual {
                main {
                    p { a href="../dashboard" { "← Dashboard" } }
                    @for block in blocks() { (block.render()) }
                }
            }
        }
    }
}

/// Code and links of a line.
pub fn inline(text: &str) -> Markup {
    html! {
        @for (nth, part) in text.split('`').enumerate() {
            @if nth % 2 == 1 { code { (part) } } @else { (without_links(part)) }
        }
    }
}

/// `[text](target)` is its text: other documents are in the repository, not here.
fn without_links(text: &str) -> String {
    let mut told = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        told.push_str(before);
        match after.split_once("](") {
            Some((name, target)) => {
                told.push_str(name);
                rest = target.split_once(')').map_or("", |(_, rest)| rest);
            }
            // The text of the link is code, which another part holds.
            None => rest = after,
        }
    }
    // The rest of such a link.
    let rest = match rest.strip_prefix("](") {
        Some(target) => target.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    };
    told.push_str(rest);
    told
}

enum Block {
    Heading(usize, &'static str),
    Paragraph(String),
    List { ordered: bool, items: Vec<String> },
    Table(Vec<Vec<&'static str>>),
}

fn blocks() -> Vec<Block> {
    let mut lines = MANUAL.lines().peekable();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        blocks.push(if let Some((level, text)) = heading_of(line) {
            Block::Heading(level, text)
        } else if line.starts_with('|') {
            table(line, &mut lines)
        } else if item_of(line).is_some() {
            list(line, &mut lines)
        } else {
            Block::Paragraph(joined(line, &mut lines))
        });
    }
    blocks
}

fn heading_of(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    Some((level, text.strip_prefix(' ')?)).filter(|_| level > 0)
}

/// The text of `- text` and of `1. text`.
fn item_of(line: &str) -> Option<&str> {
    line.strip_prefix("- ").or_else(|| {
        let text = line.trim_start_matches(|c: char| c.is_ascii_digit());
        text.strip_prefix(". ").filter(|_| text.len() < line.len())
    })
}

/// A line, and those that go on with it.
fn joined(first: &str, lines: &mut Peekable<Lines<'static>>) -> String {
    let mut text = first.to_owned();
    let goes_on = |line: &&str| {
        !line.is_empty()
            && !line.starts_with('|')
            && item_of(line).is_none()
            && heading_of(line).is_none()
    };
    while let Some(line) = lines.next_if(goes_on) {
        text.push(' ');
        text.push_str(line.trim_start());
    }
    text
}

fn list(first: &'static str, lines: &mut Peekable<Lines<'static>>) -> Block {
    let mut items = Vec::new();
    let mut next = Some(first);
    while let Some(text) = next.and_then(item_of) {
        items.push(joined(text, lines));
        next = lines.next_if(|line| item_of(line).is_some());
    }
    Block::List {
        ordered: !first.starts_with('-'),
        items,
    }
}

fn table(first: &'static str, lines: &mut Peekable<Lines<'static>>) -> Block {
    let mut rows: Vec<Vec<&str>> = vec![cells(first).collect()];
    while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
        if !line.starts_with("|-") {
            rows.push(cells(line).collect());
        }
    }
    Block::Table(rows)
}

fn cells(row: &str) -> impl Iterator<Item = &str> {
    let row = row.strip_prefix('|').unwrap_or(row);
    let row = row.strip_suffix('|').unwrap_or(row);
    row.split('|').map(str::trim)
}

fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars()
        .filter(|c| c.is_alphanumeric() || "-_".contains(*c))
        .collect()
}

impl Block {
    fn render(&self) -> Markup {
        match self {
            Block::Heading(1, text) => html! { h1 { (inline(text)) } },
            Block::Heading(2, text) => html! { h2 id=(slug(text)) { (inline(text)) } },
            Block::Heading(_, text) => html! { h3 id=(slug(text)) { (inline(text)) } },
            Block::Paragraph(text) => html! { p { (inline(text)) } },
            Block::List { ordered, items } => {
                let items = html! { @for item in items { li { (inline(item)) } } };
                html! { @if *ordered { ol { (items) } } @else { ul { (items) } } }
            }
            Block::Table(rows) => table_of(rows),
        }
    }
}

fn table_of(rows: &[Vec<&str>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table" {
            table {
                @if let [head, rows @ ..] = rows {
                    thead { tr { @for cell in head {
                        @if cell.is_empty() { td {} } @else { th scope="col" { (inline(cell)) } }
                    } } }
                    tbody { @for row in rows { tr {
                        @for cell in row { td { (inline(cell)) } }
                    } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::cause::Cause;

    #[test]
    fn the_manual_has_a_remedy_for_every_cause() {
        for cause in Cause::ALL {
            let remedy = remedy(cause.code()).unwrap_or_default();
            assert!(!remedy.is_empty(), "{cause:?}");
        }
    }

    #[test]
    fn the_page_has_all_of_the_manual_and_none_of_its_markdown() {
        let page = page().into_string();
        let tables = page.matches("<table>").count();
        let parted = MANUAL.lines().filter(|line| line.starts_with("|-"));
        assert_eq!(tables, parted.count());
        for line in page.split('>').filter(|text| !text.starts_with('<')) {
            let is_markdown = ["**", "](", "`", "## ", "| "]
                .iter()
                .any(|mark| line.contains(mark));
            assert!(!is_markdown, "{line}");
        }
        assert!(page.contains("<h2 id=\"start-stop-upgrade-roll-back\">"));
        let rows = MANUAL.lines().filter(|line| line.starts_with('|'));
        assert_eq!(page.matches("<tr>").count(), rows.count() - tables);
    }
}
