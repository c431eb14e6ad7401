//! What to set on a node, and what that costs each create.

use super::durability::Durability;
use super::standby_names::Waits;
use std::time::Duration;

impl Durability<'_> {
    /// What to set on this node, for when it is the primary.
    pub fn advice(&self, at: usize) -> String {
        let waits = self.advised(at);
        if waits.names.is_empty() {
            return "no standby that counts, and has a name of its own, is there to be named"
                .into();
        }
        let quoted = waits.names.iter().map(|name| format!("\"{name}\""));
        let names = quoted.collect::<Vec<_>>().join(", ");
        let unless = match at == self.primary {
            true => "",
            false => " unless your orchestrator does so when it promotes,",
        };
        let (name, cost) = (&self.nodes[at].node.name, self.cost(at, &waits));
        format!("set,{unless}\n  on {name}: synchronous_standby_names = 'ANY 1 ({names})'\n{cost}")
    }

    /// Any one of the standbys that count.
    fn advised(&self, at: usize) -> Waits {
        let nameless = self.eligible(at).filter(|other| other.name.is_none());
        let nameless = nameless.map(|other| format!("<application_name of {}>", other.node.name));
        Waits {
            any: true,
            count: 1,
            names: self.counting(at).into_iter().chain(nameless).collect(),
        }
    }

    /// What a create waits for while this node is the primary, and how long that takes, if it can be measured from here.
    pub fn cost(&self, at: usize, waits: &Waits) -> String {
        let places = waits.names.iter().map(|name| {
            let region = self.by_name(name).and_then(|of| of.node.region.as_ref());
            region.map_or(name.clone(), |region| format!("{name} ({region})"))
        });
        let all = places.collect::<Vec<_>>().join(", ");
        let which = match waits.any {
            true => "nearest",
            false => "first connected",
        };
        let who = match waits.count {
            count if waits.names.len() <= count => all,
            1 => format!("the {which} of {all}"),
            count => format!("the {count} {which} of {all}"),
        };
        format!("a create waits for {who}{}", self.how_long(at, waits))
    }

    /// Only within the region of a node are the ways from there known, which are then about as long as those from here.
    fn how_long(&self, at: usize, waits: &Waits) -> String {
        let asked = &self.nodes[at];
        let (name, region) = (&asked.node.name, &asked.node.region);
        match (region, &asked.said) {
            (region, _) if self.here == region.as_deref() => {
                let wait = self.wait(waits).map(milliseconds);
                wait.map_or(String::new(), |wait| {
                    format!(": about {wait} there and back")
                })
            }
            (Some(region), Some(said)) => format!(
                ": a check in {region} measures how long; the way from here to {name} and back takes {}",
                milliseconds(said.rtt)
            ),
            _ => String::new(),
        }
    }

    /// None: too few of them have answered.
    fn wait(&self, waits: &Waits) -> Option<Duration> {
        let rtt = |name: &String| Some(self.by_name(name)?.said.as_ref()?.rtt);
        let mut rtts: Vec<Duration> = waits.confirming().iter().filter_map(rtt).collect();
        rtts.sort();
        rtts.get(waits.count.checked_sub(1)?).copied()
    }
}

fn milliseconds(duration: Duration) -> String {
    match duration.as_secs_f64() * 1e3 {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ways_are_told_more_exactly() {
        let told = [0.27, 9.4, 80.3].map(|ms| milliseconds(Duration::from_secs_f64(ms / 1e3)));
        assert_eq!(told, ["0.3 ms", "9.4 ms", "80 ms"]);
    }
}
