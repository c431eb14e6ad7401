use super::*;
use crate::db::NodeOptions;
use crate::db::url::DatabaseUrl;
use std::time::Duration;

/// Name, region, and the milliseconds to it from here.
const NODES: [(&str, &str, u64); 4] = [
    ("eu-a", "eu", 1),
    ("eu-b", "eu", 2),
    ("us-a", "us", 80),
    ("ap-a", "ap", 160),
];
/// The settings that docs/regions.md recommends.
const RIGHT: [&str; 4] = [
    r#"ANY 1 ("us-a", "ap-a")"#,
    r#"ANY 1 ("us-a", "ap-a")"#,
    r#"ANY 1 ("eu-a", "eu-b", "ap-a")"#,
    r#"ANY 1 ("eu-a", "eu-b", "us-a")"#,
];

fn nodes(of: &[(&str, &str, u64)]) -> Vec<NodeOptions> {
    let node = |(name, region, _): &(&str, &str, u64)| NodeOptions {
        name: format!("node {name}"),
        region: Some((*region).into()),
        url: DatabaseUrl::parse("postgres://synapse@localhost/synapse").unwrap(),
    };
    of.iter().map(node).collect()
}

/// The first of these nodes is the primary.
fn asked<'n>(
    nodes: &'n [NodeOptions],
    of: &[(&str, &str, u64)],
    settings: &[&str],
) -> Vec<Asked<'n>> {
    let each = nodes.iter().zip(of).zip(settings);
    let asked = each.map(|((node, (name, _, ms)), setting)| Asked {
        node,
        name: Some((*name).into()),
        followers: Vec::new(),
        survives: true,
        said: Some(Said {
            setting: (*setting).into(),
            rtt: Duration::from_millis(*ms),
        }),
    });
    asked.collect()
}

fn durability<'n>(require: Require, nodes: &'n [Asked<'n>]) -> Durability<'n> {
    Durability {
        require,
        here: Some("eu"),
        primary: 0,
        nodes,
    }
}

fn verdict(require: Require, at: usize, setting: &str) -> Verdict {
    let options = nodes(&NODES);
    let mut settings = RIGHT;
    settings[at] = setting;
    let asked = asked(&options, &NODES, &settings);
    let durability = durability(require, &asked);
    durability.verdict(at, &durability.waits(at, setting))
}

#[test]
fn each_node_is_judged_as_if_it_were_the_primary() {
    use Require::{Node, Region};
    use Verdict::{Enough, Loose, Lost, Never};
    for (at, setting) in RIGHT.iter().enumerate() {
        assert_eq!(verdict(Region, at, setting), Enough, "{at}");
        assert_eq!(verdict(Region, at, ""), Never, "{at}");
        assert_eq!(verdict(Node, at, ""), Never, "{at}");
        let uniform = "ANY 1 (eu-a, eu-b, us-a, ap-a)";
        assert_eq!(verdict(Node, at, uniform), Enough, "{at}");
    }
    for (require, at, setting, is) in [
        (Region, 0, "ANY 1 (us-a)", Enough),
        (Region, 0, "ANY 1 (eu-b)", Never),
        (Region, 0, "*", Loose),
        (Region, 1, "ANY 1 (us-a, eu-a)", Loose),
        // The loss of eu takes both away, and ap-a is left.
        (Region, 2, "ANY 1 (eu-a, eu-b)", Lost),
        (Region, 2, "ANY 2 (eu-a, eu-b, ap-a)", Lost),
        (Region, 2, "ANY 1 (ap-a)", Enough),
        // The loss of the primary alone leaves eu-b.
        (Node, 2, "ANY 1 (eu-a, eu-b)", Enough),
        (Node, 2, "ANY 1 (eu-a)", Lost),
        (Node, 0, "ANY 1 (eu-b)", Enough),
    ] {
        assert_eq!(verdict(require, at, setting), is, "{at} '{setting}'");
    }
}

/// In two regions the loss of the primary's takes all that would count, whatever is set.
#[test]
fn what_cannot_be_set_otherwise_is_no_fault() {
    let two = &NODES[..3];
    let options = nodes(two);
    let settings = ["ANY 1 (us-a)", "ANY 1 (us-a)", "ANY 1 (eu-a, eu-b)"];
    let asked = asked(&options, two, &settings);
    assert_eq!(durability(Require::Region, &asked).check(), [""; 0]);
}

#[test]
fn only_what_the_primary_waits_for_can_be_an_error() {
    let options = nodes(&NODES);
    let check = |settings: [&str; 4]| {
        let asked = asked(&options, &NODES, &settings);
        durability(Require::Region, &asked).check()
    };
    assert_eq!(check(RIGHT), [""; 0]);
    let errors = check(["*", "ANY 1 (*)", "", RIGHT[3]]);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("commits of node eu-a wait"));
    assert!(errors[0].contains(&format!(
        "set,\n  on node eu-a: synchronous_standby_names = '{}'",
        RIGHT[0]
    )));
}

#[test]
fn a_create_costs_the_way_to_the_standbys_that_confirm_it() {
    let options = nodes(&NODES);
    let asked = asked(&options, &NODES, &RIGHT);
    let durability = durability(Require::Region, &asked);
    let cost = |at, setting: &str| durability.cost(at, &Waits::parse(setting));
    assert_eq!(
        cost(0, RIGHT[0]),
        "a create waits for the nearest of us-a (us), ap-a (ap): about 80 ms there and back"
    );
    assert_eq!(
        cost(0, "FIRST 1 (ap-a, us-a)"),
        "a create waits for the first connected of ap-a (ap), us-a (us): about 160 ms there and back"
    );
    assert_eq!(
        cost(0, "ANY 2 (us-a, ap-a)"),
        "a create waits for us-a (us), ap-a (ap): about 160 ms there and back"
    );
    assert_eq!(
        cost(2, "ANY 2 (eu-a, eu-b, ap-a)"),
        "a create waits for the 2 nearest of eu-a (eu), eu-b (eu), ap-a (ap): a check in us measures how long; the way from here to \
         node us-a and back takes 80 ms"
    );
}

#[test]
fn names_that_nobody_has_alone_or_that_are_unknown_are_not_named() {
    let of = [("eu-a", "eu", 1), ("b", "us", 80), ("b", "ap", 160)];
    let options = nodes(&of);
    let mut asked = asked(&options, &of, &["", "", ""]);
    let advice = |require, asked: &[Asked]| durability(require, asked).advice(0);
    assert!(advice(Require::Region, &asked).starts_with("no standby that counts"));
    assert!(advice(Require::Node, &asked).contains(r#"ANY 1 ("b", "b")"#));
    asked[1].name = None;
    let advice = advice(Require::Region, &asked);
    assert!(
        advice.contains(r#"ANY 1 ("b", "<application_name of node b>")"#),
        "{advice}"
    );
    // What is set may be its name.
    let durability = durability(Require::Region, &asked);
    let set = |setting| durability.verdict(0, &Waits::parse(setting));
    assert_eq!(set("us-a"), Verdict::Loose);
    assert_eq!(set(""), Verdict::Never);
}

#[test]
fn a_standby_that_a_crash_costs_what_it_has_flushed_counts_for_none_that_it_costs_nothing() {
    let options = nodes(&NODES);
    let mut asked = asked(&options, &NODES, &RIGHT);
    asked[2].survives = false;
    let counting = |asked: &[Asked], at| durability(Require::Region, asked).counting(at);
    assert_eq!(counting(&asked, 0), ["ap-a"]);
    asked[0].survives = false;
    assert_eq!(counting(&asked, 0), ["us-a", "ap-a"]);
}
