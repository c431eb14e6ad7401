//! What a PromQL expression names, and whether a service shows it. Words and brackets are told apart, no more: promtool knows the grammar.

use crate::support::{App, minimal};
use std::collections::{BTreeMap, BTreeSet};

/// Labels that Prometheus gives to whatever it scrapes.
const OF_THE_TARGET: [&str; 2] = ["job", "instance"];
/// Their values come with what clients do.
const OPEN: [&str; 1] = ["status"];
const KEYWORDS: [&str; 6] = ["and", "or", "unless", "offset", "bool", "inf"];
const GROUPINGS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// Every series of a page of metrics: its name, and the values of each of its labels.
pub struct Shown(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Shown {
    pub fn by(app: &App) -> Shown {
        app.create(&minimal()).expect(201);
        Shown::on(&app.get("/metrics").expect(200).text)
    }

    fn on(page: &str) -> Shown {
        let mut shown = Shown(BTreeMap::new());
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let known = shown.0.entry(name.to_owned()).or_default();
            let pairs = labels.strip_suffix("\"}").unwrap_or("").split("\",");
            for (label, value) in pairs.filter_map(|pair| pair.split_once("=\"")) {
                let values = known.entry(label.to_owned()).or_default();
                values.insert(value.to_owned());
            }
        }
        shown.0.insert("up".to_owned(), BTreeMap::new()); // Prometheus's own, of the target
        shown
    }

    /// What the expression, and texts with references to its labels, name that is not there.
    pub fn missing(&self, expression: &str, references: &[&str]) -> Vec<String> {
        let named = Named::by(expression);
        let mut missing = Vec::new();
        let mut labels: BTreeSet<&str> = OF_THE_TARGET.into();
        for selector in &named.selectors {
            let Some(known) = self.0.get(&selector.metric) else {
                missing.push(format!("metric {}", selector.metric));
                continue;
            };
            labels.extend(known.keys().map(String::as_str));
            missing.extend(selector.missing(known));
        }
        let referred = references.iter().flat_map(|text| referred(text));
        let used = named.labels.iter().cloned().chain(referred);
        missing.extend(
            used.filter(|label| !labels.contains(label.as_str()))
                .map(|label| format!("label {label} in {expression}")),
        );
        missing
    }
}

struct Selector {
    metric: String,
    /// Label, operator, value.
    matchers: Vec<[String; 3]>,
}

impl Selector {
    fn missing(&self, known: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
        let mut missing = Vec::new();
        for [label, operator, value] in &self.matchers {
            if OF_THE_TARGET.contains(&label.as_str()) {
                continue;
            }
            match known.get(label) {
                None => missing.push(format!("label {label} of {}", self.metric)),
                Some(values) if operator == "=" && !OPEN.contains(&label.as_str()) => {
                    if !values.contains(value) {
                        missing.push(format!("{label}=\"{value}\" of {}", self.metric));
                    }
                }
                Some(_) => {}
            }
        }
        missing
    }
}

#[derive(Default)]
struct Named {
    selectors: Vec<Selector>,
    /// Of `by (…)`, `on (…)` and the like.
    labels: Vec<String>,
}

impl Named {
    fn by(expression: &str) -> Named {
        let tokens = tokens(expression);
        let mut named = Named::default();
        let mut at = 0;
        while at < tokens.len() {
            let next = tokens.get(at + 1).map(String::as_str);
            let token = tokens[at].as_str();
            at += 1;
            if token == "[" {
                at = after(&tokens, at, "]");
            } else if !is_word(token) || KEYWORDS.contains(&token) {
                continue;
            } else if GROUPINGS.contains(&token) && next == Some("(") {
                let end = after(&tokens, at, ")");
                let words = tokens[at..end].iter().filter(|token| is_word(token));
                named.labels.extend(words.cloned());
                at = end;
            } else if next == Some("{") {
                let end = after(&tokens, at, "}");
                named.selectors.push(selector(token, &tokens[at + 1..end]));
                at = end;
            } else if !next.is_some_and(|next| next == "(" || GROUPINGS.contains(&next))
                && !GROUPINGS.contains(&token)
            {
                named.selectors.push(selector(token, &[]));
            }
        }
        named
    }
}

fn selector(metric: &str, matchers: &[String]) -> Selector {
    let matchers = matchers.split(|token| token == "," || token == "}");
    let matchers = matchers.filter_map(|matcher| match matcher {
        [label, operator, value] => Some([label.clone(), operator.clone(), value.clone()]),
        _ => None,
    });
    Selector {
        metric: metric.to_owned(),
        matchers: matchers.collect(),
    }
}

/// The place after the next such token.
fn after(tokens: &[String], from: usize, token: &str) -> usize {
    let found = tokens[from..].iter().position(|found| found == token);
    from + found.unwrap_or_else(|| panic!("no {token} in {tokens:?}")) + 1
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Words, numbers and durations (with their units), operators, brackets; texts without their quotes. `$x` of Grafana counts as a number.
fn tokens(expression: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => 1 + rest[1..].find('"').expect("a text that ends") + 1,
            c if c.is_ascii_alphanumeric() || "_:$".contains(c) => {
                let inside = |c: char| c.is_ascii_alphanumeric() || "_:.$".contains(c);
                rest.find(|c| !inside(c)).unwrap_or(rest.len())
            }
            '=' | '!' | '<' | '>' => rest.find(|c| !"=!~<>".contains(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        tokens.push(rest[..length].trim_matches('"').to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Labels in `{{node}}` of a legend, or `{{ $labels.node }}` of an alert.
fn referred(text: &str) -> Vec<String> {
    let inside = text.split("{{").skip(1);
    let inside = inside.filter_map(|part| Some(part.split_once("}}")?.0.trim()));
    let labels = inside.filter(|inside| !inside.starts_with("$value"));
    labels
        .map(|inside| inside.trim_start_matches("$labels.").to_owned())
        .collect()
}

#[test]
fn what_is_not_shown_is_found() {
    let shown = Shown::on("# HELP x\nx_total{node=\"a, {b}\",role=\"primary\"} 1\nplain 2");
    let missing =
        |expression, references: &[&str]| shown.missing(expression, references).join("; ");
    let fine = [
        "sum by (node, instance) (rate(x_total{job=\"$job\", role=\"primary\"}[5m])) > 0.8 * plain",
        "count(x_total{role!=\"none\"} == 1 offset 10m) or vector(0)",
        "plain unless on (job) x_total{node=\"a, {b}\"} and ignoring (node) increase(plain[$__rate_interval])",
    ];
    for expression in fine {
        assert_eq!(
            missing(expression, &["{{node}}: {{ $value | humanize }}"]),
            ""
        );
    }
    let wrong = [
        ("rate(y_total[5m]) + plain", "", "metric y_total"),
        ("plain or y", "", "metric y"),
        ("x_total{rolle=\"primary\"}", "", "label rolle of x_total"),
        ("x_total{role=\"boss\"}", "", "role=\"boss\" of x_total"),
        (
            "sum by (nodes) (x_total)",
            "",
            "label nodes in sum by (nodes) (x_total)",
        ),
        ("x_total", "{{ $labels.lane }}", "label lane in x_total"),
        ("plain", "{{node}}", "label node in plain"),
    ];
    for (expression, reference, expected) in wrong {
        assert_eq!(missing(expression, &[reference]), expected);
    }
}
