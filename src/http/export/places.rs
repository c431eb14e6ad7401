//! How many exports may be under way.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

use crate::http::answer::{Problem, codes};

/// Each holds one page in memory, and no connection while its client reads.
const MAX_EXPORTS: usize = 32;
/// An export takes as long as its client wants, and one owner's clients that read slowly must not keep all others from theirs.
const MAX_EXPORTS_OF_AN_OWNER: usize = 16;

/// The exports under way of each owner that has any.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<HashMap<String, usize>>>);

/// The place of one export, free again when this is dropped.
pub struct Place {
    places: Places,
    owner: String,
}

impl Places {
    pub fn take(&self, owner: &str) -> Result<Place, Problem> {
        let mut taken = self.0.lock();
        let of_owner = taken.get(owner).copied().unwrap_or(0);
        if taken.values().sum::<usize>() >= MAX_EXPORTS || of_owner >= MAX_EXPORTS_OF_AN_OWNER {
            let detail = format!(
                "as many exports are under way as there may be at a time: {MAX_EXPORTS}, and {MAX_EXPORTS_OF_AN_OWNER} of one owner"
            );
            return Err(Problem::new(&codes::OVERLOADED, detail));
        }
        taken.insert(owner.to_owned(), of_owner + 1);
        Ok(Place {
            places: self.clone(),
            owner: owner.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        let left = taken.get(&self.owner).map_or(0, |count| count - 1);
        if left == 0 {
            taken.remove(&self.owner);
        } else {
            taken.insert(std::mem::take(&mut self.owner), left);
        }
    }
}
