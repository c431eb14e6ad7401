//! Who asks: in each region clients that know only its instance, as long as that is there. Tokens and transactions pass between regions.

use crate::faults::changers::change;
use crate::faults::clients::write;
use crate::faults::readers::{read, read_strongly, read_with_a_bound, read_with_tokens};
use crate::faults::round::Group;
use crate::support::Region;

/// In each region.
#[derive(Clone, Copy)]
pub struct Crowd {
    pub writers: usize,
    pub changers: usize,
    pub token_readers: usize,
    pub strong_readers: usize,
    pub bounded_readers: usize,
    pub readers: usize,
}

impl Crowd {
    pub const SMALL: Crowd = Crowd {
        writers: 2,
        changers: 1,
        token_readers: 1,
        strong_readers: 1,
        bounded_readers: 1,
        readers: 1,
    };

    pub fn groups(self) -> Vec<Group> {
        Region::ALL
            .into_iter()
            .flat_map(|region| self.groups_in(region))
            .collect()
    }

    fn groups_in(self, region: Region) -> [Group; 6] {
        let here = |size, kind| Group {
            size,
            home: Some(region as usize),
            kind,
        };
        [
            here(self.writers, write),
            here(self.changers, change),
            here(self.token_readers, read_with_tokens),
            here(self.strong_readers, read_strongly),
            here(self.bounded_readers, read_with_a_bound),
            here(self.readers, read),
        ]
    }
}
