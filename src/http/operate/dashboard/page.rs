//! The whole page: the frame around the sections, and what needs the script.

use maud::{DOCTYPE, Markup, html};

use super::kill::HEADER;
use super::sections::SECTIONS;
use super::snapshot::Snapshot;
use crate::http::{Side, VERSION};

/// How often a browser without scripts loads the page again, in seconds.
const REFRESH_S: &str = "5";

pub fn page(snapshot: &Snapshot, side: Side) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(snapshot.state.told().word, "dashboard/style.css"))
                noscript { meta http-equiv="refresh" content=(REFRESH_S); }
                script type="module" src="dashboard/script.js" {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (header(snapshot))
                main #main {
                    (live("headline", snapshot))
                    (live("figures", snapshot))
                    @if snapshot.embedded { (demonstration(side)) }
                    div.pair {
                        (panel("nodes-heading", "Nodes", live("picture", snapshot)))
                        (panel("failovers-heading", "Failovers", live("failovers", snapshot)))
                    }
                    (panel("charts-heading", "The last five minutes", live("charts", snapshot)))
                    (panel("tables-heading", "In numbers", live("tables", snapshot)))
                    (transactions(side))
                }
            }
        }
    }
}

/// The head of every page.
pub fn head(title: &str, style: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        title { (title) ": synapse-core" }
        link rel="stylesheet" href=(style);
    }
}

fn panel(heading_id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        section.panel aria-labelledby=(heading_id) {
            h2 id=(heading_id) { (heading) }
            (content)
        }
    }
}

/// A section of the page that the script replaces when it has changed.
fn live(id: &str, snapshot: &Snapshot) -> Markup {
    let section = SECTIONS.iter().find(|section| section.id == id);
    html! {
        div id=(id) data-live="" {
            @if let Some(section) = section { ((section.render)(snapshot)) }
        }
    }
}

fn header(snapshot: &Snapshot) -> Markup {
    html! {
        header {
            p.brand { "synapse-core " span { (VERSION) } }
            @if let Some(region) = &snapshot.region { p { (region) } }
            @if snapshot.embedded { p.badge { "private databases, for evaluation" } }
            nav aria-label="More" {
                a href="dashboard/operation" { "Manual" }
                " "
                a href="status" { "Status as JSON" }
            }
            div.clock {
                p #connection { noscript { "Again every " (REFRESH_S) " s." } }
                (live("clock", snapshot))
            }
        }
    }
}

/// The buttons of a demonstration. Only on private databases, where they can hurt nobody.
fn demonstration(side: Side) -> Markup {
    // The operators' listener serves no creates.
    let takes_creates = side != Side::Operators;
    html! {
        section.panel #demonstration aria-labelledby="demonstration-heading" {
            h2 #demonstration-heading { "Watch it survive" }
            p {
                "Kill the primary, and watch the replica take over: no request fails, none is lost, none is stored twice. "
                @if takes_creates {
                    "The load is made by this page: eight clients of the public API, each with an idempotency key for every create, which repeat what was not answered."
                }
            }
            div.needs-script hidden {
                p.buttons {
                    @if takes_creates {
                        button #load type="button" aria-pressed="false" { "Start the load" }
                    }
                    button #kill.danger type="button" { "Kill the primary" }
                }
                p #demonstration-said role="status" {}
                @if takes_creates { (counters()) }
            }
            noscript { p {
                "Without scripts: " code { "curl -X POST -H '" (HEADER) ": 1' http://…/dashboard/kill-primary" }
            } }
        }
    }
}

fn counters() -> Markup {
    let counters = [
        ("acknowledged", "Acknowledged"),
        ("held", "Held over 500 ms"),
        ("longest", "Longest"),
        ("failed", "Failed"),
        ("lost", "Lost"),
        ("doubled", "Doubled"),
    ];
    html! {
        dl.figures.counters {
            @for (id, name) in counters {
                div { dt { (name) } dd id={ "load-" (id) } { "–" } }
            }
        }
        p.note { "Lost and doubled are counted when the load has been stopped: by reading back, from the primary, all that it made." }
    }
}

fn transactions(side: Side) -> Markup {
    let columns = [
        "Created",
        "Id",
        "Amount",
        "Asset",
        "Status",
        "Memo",
        "Anchor's id",
    ];
    html! {
        section.panel aria-labelledby="transactions-heading" {
            h2 #transactions-heading { "Latest transactions" }
            div.needs-script hidden {
                form #transactions-form {
                    p { label for="key" { "Key" } input #key type="password" autocomplete="off" placeholder="syn_…"; }
                    p { label for="owner" { "Owner" } input #owner type="text" autocomplete="off" spellcheck="false"; }
                    p { button type="submit" { "Show the latest ten" } }
                }
                p.note {
                    "The key needs the scope read, and for another owner than its own admin too. It is forgotten with this page. "
                    @if side == Side::Operators { "This address shows no transactions without a client's key." }
                }
                p #transactions-said role="status" {}
                div.scroll tabindex="0" role="region" aria-label="Latest transactions" {
                    table {
                        caption { "Latest first" }
                        thead { tr { @for name in columns { th scope="col" { (name) } } } }
                        tbody #transactions {}
                    }
                }
            }
            noscript { p { "Without scripts: " code { "curl -H 'Authorization: Bearer syn_…' http://…/transactions?limit=10" } } }
        }
    }
}
