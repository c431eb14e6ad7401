//! docs/operation.md as a page, and as the source of the dashboard's advice.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

use super::page::head;

const MANUAL: &str = include_str!("../../../../docs/operation.md");

/// The anchor of a heading on the page, formed as GitHub forms it. None: there is no such heading.
pub fn anchor_of(heading: &str) -> Option<String> {
    let mut headings = MANUAL.lines().filter(|line| line.starts_with('#'));
    headings
        .any(|line| line.trim_start_matches('#').trim() == heading)
        .then(|| slug(heading))
}

/// What the manual says is to be done about a cause (section "Causes"), in Markdown.
pub fn remedy(code: &str) -> Option<&'static str> {
    let begin = format!("| `{code}` | ");
    let row = MANUAL.lines().find(|line| line.starts_with(&begin))?;
    row.trim_end_matches('|').rsplit('|').next().map(str::trim)
}

pub fn page() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head("Operation", "style.css")) }
            body.manual {
                main {
                    p { a href="../dashboard" { "← Dashboard" } }
                    (manual())
                }
            }
        }
    }
}

/// Renders a line of Markdown, without a paragraph around it.
pub fn inline(text: &str) -> Markup {
    rendered(events(text).filter(|event| {
        !matches!(
            event,
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph)
        )
    }))
}

/// The manual as HTML. Headings can be linked to, and wide tables can be scrolled, by keyboard too.
fn manual() -> Markup {
    let events: Vec<Event> = events(MANUAL).collect();
    let mut told = Vec::new();
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => told.push(Event::Start(Tag::Heading {
                level: *level,
                id: Some(slug(&text_of_heading(&events[at..])).into()),
                classes: Vec::new(),
                attrs: Vec::new(),
            })),
            Event::Start(Tag::Table(_)) => {
                let begin = r#"<div class="scroll" tabindex="0" role="region" aria-label="Table">"#;
                told.extend([Event::Html(CowStr::Borrowed(begin)), event.clone()]);
            }
            Event::End(TagEnd::Table) => {
                told.extend([event.clone(), Event::Html(CowStr::Borrowed("</div>"))]);
            }
            _ => told.push(event.clone()),
        }
    }
    rendered(told.into_iter())
}

/// Links to other documents become plain text, since those are in the repository and not here.
fn events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES).filter(|event| {
        !matches!(
            event,
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link)
        )
    })
}

fn text_of_heading(events: &[Event]) -> String {
    let inside = events
        .iter()
        .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let texts = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(&**text),
        _ => None,
    });
    texts.collect()
}

/// The manual is part of the binary and has no text of a client, so its HTML need not be escaped.
fn rendered<'e>(events: impl Iterator<Item = Event<'e>>) -> Markup {
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    PreEscaped(html)
}

fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars()
        .filter(|c| c.is_alphanumeric() || "-_".contains(*c))
        .collect()
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
    fn the_page_has_headings_that_can_be_linked_to_and_all_tables() {
        let page = page().into_string();
        let parted = MANUAL.lines().filter(|line| line.starts_with("|-"));
        assert_eq!(page.matches("<table>").count(), parted.count());
        assert!(page.contains("<h2 id=\"start-stop-upgrade\">"));
        assert!(
            !page.contains("](") && !page.contains("<a href=\"failover.md"),
            "no link leads to a document that is not here"
        );
    }
}
