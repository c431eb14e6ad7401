//! What a read demands of the state that it shows.

use super::token::Token;

/// How new the state must be that a read shows. For example, a write is acknowledged at t = 0 s, and the nearest replica shows it at t = 2
/// s. A read at t = 1 s on that replica shows the state before the write. The client says whether it accepts that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// Whatever the nearest healthy node shows; the answer says how late that may be.
    Eventual,
    /// At least the writes that these tokens name: a node that does not show all of them must not answer.
    Session(Vec<Token>),
    /// The state as of now, from the primary, and the writes that these tokens name.
    Strong(Vec<Token>),
}

impl Consistency {
    /// The name that clients use.
    pub fn as_str(&self) -> &'static str {
        match self {
            Consistency::Eventual => "eventual",
            Consistency::Session(_) => "session",
            Consistency::Strong(_) => "strong",
        }
    }

    pub fn tokens(&self) -> &[Token] {
        match self {
            Consistency::Eventual => &[],
            Consistency::Session(tokens) | Consistency::Strong(tokens) => tokens,
        }
    }

    pub fn is_strong(&self) -> bool {
        matches!(self, Consistency::Strong(_))
    }

    /// The same tokens, and the state as of now.
    pub fn strong(self) -> Consistency {
        match self {
            Consistency::Eventual => Consistency::Strong(Vec::new()),
            Consistency::Session(tokens) | Consistency::Strong(tokens) => {
                Consistency::Strong(tokens)
            }
        }
    }
}
