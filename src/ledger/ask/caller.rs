//! Who asks.

/// Whose transactions a request sees and makes, and what the history says of its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant: every row belongs to one, and every statement names it.
    pub owner: String,
    /// The client's name.
    pub client: String,
    pub request_id: String,
}

impl Caller {
    pub fn actor(&self) -> String {
        format!("api:{}", self.client)
    }
}
