//! `synchronous_standby_names` (PostgreSQL 15 manual, 20.6.2): which standbys confirm a commit.

/// What a commit waits for.
#[derive(Debug, PartialEq, Eq)]
pub struct Waits {
    /// `ANY`: whichever of them are the quickest confirm a commit. Otherwise the first of those that are connected do.
    pub any: bool,
    /// How many of them confirm a commit.
    pub count: usize,
    pub names: Vec<String>,
}

impl Waits {
    pub fn parse(setting: &str) -> Waits {
        let setting = setting.trim();
        let (head, list) = match setting.split_once('(') {
            Some((head, list)) => (head.trim(), list.trim_end_matches(')')),
            None => ("", setting),
        };
        let mut words = head.split_whitespace();
        let count = words.clone().next_back().and_then(|n| n.parse().ok());
        let names = list.split(',').map(|name| name.trim().trim_matches('"'));
        let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
        Waits {
            any: words.any(|word| word.eq_ignore_ascii_case("ANY")),
            count: count.unwrap_or(1),
            names: names.collect(),
        }
    }

    /// Without a standby of this name, which is not there. All nodes may have the same setting, and no node is its own standby.
    pub fn without(mut self, name: &str) -> Waits {
        self.names.retain(|other| !is_same(other, name));
        self
    }

    /// Whichever standbys confirm a commit, at least one of them counts.
    pub fn is_enough(&self, counting: &[String]) -> bool {
        let others = self.names.iter().filter(|name| !has(counting, name));
        !self.names.is_empty() && self.count > others.count() && !self.is_open()
    }

    /// A standby that counts may be among those that confirm a commit when all are connected. Otherwise each write hangs or is refused.
    pub fn can_be_enough(&self, counting: &[String]) -> bool {
        let counts = |name: &String| name == "*" || has(counting, name);
        self.confirming().iter().any(counts) && self.can_be_satisfied()
    }

    /// Those that confirm commits when all are connected.
    pub fn confirming(&self) -> &[String] {
        let all = self.names.len();
        &self.names[..if self.any { all } else { self.count.min(all) }]
    }

    /// There may be as many of these standbys as have to confirm a commit.
    fn can_be_satisfied(&self) -> bool {
        self.names.len() >= self.count || self.is_open()
    }

    /// A standby of any name may confirm a commit.
    fn is_open(&self) -> bool {
        self.names.iter().any(|name| name == "*")
    }
}

/// PostgreSQL compares the names of standbys so.
pub fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

pub fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|other| is_same(other, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each setting of eu-a: whether it is enough, and whether it can be.
    #[test]
    fn a_setting_is_enough_where_no_choice_of_standbys_is_without_one_that_counts() {
        let counting = ["us-a", "ap-a"].map(str::to_owned);
        for (setting, is, can_be) in [
            ("", false, false),
            ("*", false, true),
            ("ANY 1 (*)", false, true),
            ("us-a", true, true),
            ("eu-a", false, false),
            ("eu-b", false, false),
            ("eu-b, us-a", false, false),
            ("us-a, eu-b", false, true),
            ("FIRST 2 (eu-b, us-a, ap-a)", true, true),
            ("2 (eu-b, \"us-a\")", true, true),
            ("ANY 1 (\"us-a\", \"ap-a\")", true, true),
            ("ANY 1 (US-A)", true, true),
            ("any 1 (eu-a, us-a, ap-a)", true, true),
            ("ANY 1 (eu-b, us-a, ap-a)", false, true),
            ("ANY 1 (eu-b, eu-c)", false, false),
            ("ANY 2 (eu-b, eu-c, us-a)", false, true),
            ("ANY 2 (eu-a, us-a)", true, false),
        ] {
            let waits = Waits::parse(setting).without("EU-A");
            assert_eq!(waits.is_enough(&counting), is, "{setting}");
            assert_eq!(waits.can_be_enough(&counting), can_be, "{setting}");
        }
    }
}
