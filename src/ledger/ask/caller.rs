//! Who makes a request.

/// The owner whose transactions a request reads and makes, and what the history says about its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant: every row belongs to one, and every statement names the owner.
    pub owner: String,
    pub author: Author,
    pub request_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A client, by its name.
    Client(String),
    /// A source of callbacks, by its name.
    Source(String),
}

impl Caller {
    pub fn actor(&self) -> String {
        match &self.author {
            Author::Client(name) => format!("api:{name}"),
            Author::Source(name) => format!("callback:{name}"),
        }
    }
}
