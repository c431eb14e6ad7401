use std::fmt;

/// What a node is now. Discovered by a probe, never assumed from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DbRole {
    Primary,
    Replica,
}

impl fmt::Display for DbRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DbRole::Primary => "primary",
            DbRole::Replica => "replica",
        })
    }
}
