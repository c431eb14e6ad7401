//! The state of the service, in one word, and what to do about it. Pure.

use crate::db::status::{WhyRefused, WriteStatus};

/// From the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Healthy,
    Degraded,
    WritesHeld,
    NotReplicated,
    NoRoom,
    SplitBrain,
    Down,
}

/// What the state follows from.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub reads: bool,
    pub writes: WriteStatus,
    /// Every node is up, in its role, and not late.
    pub all_in_place: bool,
}

/// What the page says of a state.
pub struct Told {
    pub word: &'static str,
    /// A class of the style sheet.
    pub class: &'static str,
    pub sentence: &'static str,
    pub what_to_do: &'static str,
    /// A heading of docs/operation.md.
    pub section: &'static str,
}

impl State {
    pub fn of(facts: Facts) -> State {
        match (facts.reads, facts.writes) {
            (_, WriteStatus::Refused(WhyRefused::SplitBrain)) => State::SplitBrain,
            (false, _) => State::Down,
            (true, WriteStatus::Refused(WhyRefused::NotReplicated)) => State::NotReplicated,
            (true, WriteStatus::Refused(WhyRefused::NoRoom)) => State::NoRoom,
            (true, WriteStatus::Held) => State::WritesHeld,
            (true, WriteStatus::Available) if facts.all_in_place => State::Healthy,
            (true, WriteStatus::Available) => State::Degraded,
        }
    }

    pub fn told(self) -> Told {
        const STATUS: &str = "What `/health` and `/status` say";
        const FAULTS: &str = "Faults, and what clients see";
        match self {
            State::Healthy => Told {
                word: "healthy",
                class: "healthy",
                sentence: "Every node is in its place. Reads and writes are served.",
                what_to_do: "Nothing to do.",
                section: STATUS,
            },
            State::Degraded => Told {
                word: "degraded",
                class: "degraded",
                sentence: "Reads and writes are served, but not every node is of full use.",
                what_to_do: "Repair what is named here; it is taken back by itself.",
                section: STATUS,
            },
            State::WritesHeld => Told {
                word: "writes held",
                class: "held",
                sentence: "Writes wait for a primary, up to their deadline. Reads are served.",
                what_to_do: "Let your orchestrator promote a standby: the service follows by itself.",
                section: FAULTS,
            },
            State::NotReplicated => Told {
                word: "writes refused",
                class: "refused",
                sentence: "No synchronous standby would have what is written, and replication is required. Reads are served.",
                what_to_do: "Bring a synchronous standby back.",
                section: STATUS,
            },
            State::NoRoom => Told {
                word: "writes refused",
                class: "refused",
                sentence: "The primary has no disk or no memory for what is written. Reads are served.",
                what_to_do: "Make room on its server: the next write finds it.",
                section: FAULTS,
            },
            State::SplitBrain => Told {
                word: "split brain",
                class: "split",
                sentence: "Two primaries live, and nobody can tell which is the right one. Writes are refused, so that neither gets what \
                           the other has not.",
                what_to_do: "Stop the wrong one; its data may have to be looked at.",
                section: FAULTS,
            },
            State::Down => Told {
                word: "down",
                class: "down",
                sentence: "No database can be used. Reads fail, and writes wait up to their deadline.",
                what_to_do: "Start a database server, or look at the network between it and this instance.",
                section: FAULTS,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::operation::anchor_of;
    use super::*;
    use WriteStatus::{Available, Held, Refused};

    const ALL: [State; 7] = [
        State::Healthy,
        State::Degraded,
        State::WritesHeld,
        State::NotReplicated,
        State::NoRoom,
        State::SplitBrain,
        State::Down,
    ];

    #[test]
    fn each_combination_of_facts_has_its_word() {
        let of = |reads, writes, all_in_place| {
            State::of(Facts {
                reads,
                writes,
                all_in_place,
            })
        };
        assert_eq!(of(true, Available, true), State::Healthy);
        assert_eq!(of(true, Available, false), State::Degraded);
        assert_eq!(of(false, Held, false), State::Down);
        for all_in_place in [true, false] {
            let refused = |why| of(true, Refused(why), all_in_place);
            assert_eq!(of(true, Held, all_in_place), State::WritesHeld);
            assert_eq!(refused(WhyRefused::NotReplicated), State::NotReplicated);
            assert_eq!(refused(WhyRefused::NoRoom), State::NoRoom);
            for reads in [true, false] {
                let split = of(reads, Refused(WhyRefused::SplitBrain), all_in_place);
                assert_eq!(split, State::SplitBrain);
            }
        }
    }

    #[test]
    fn every_state_leads_to_a_section_of_the_manual() {
        for told in ALL.map(State::told) {
            assert!(anchor_of(told.section).is_some(), "{}", told.section);
        }
    }
}
