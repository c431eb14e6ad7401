//! Defects that have been fixed, which can be brought back one at a time into the simulated service, so that tests can show that the
//! simulator finds them.

/// Each is called a *door*, since a promise could be broken through it. Some have the number of the list by which they were fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Door 3: if asking the standbys fails, which happens after the commit, that counts as an error of the statement.
    ErrorAfterCommitIsNotApplied,
    /// Door 5: the highest timeline wins, whoever follows whom.
    HighestTimelineWins,
    /// Door 6: nodes of a dead branch answer for tokens.
    DeadBranchServesTokens,
    /// Door 7: a new connection of a pool does not check which server it has reached.
    AnyServerWillDo,
    /// Door 8: the primary is elected among those that have answered first.
    ElectsBeforeAllWereHeard,
    /// Door 9: a schema that was prepared once counts as prepared for ever.
    PreparedForEver,
    /// Door 10: the identity of the cluster is not remembered.
    ForgetsTheCluster,
    /// Door 11: the conclusions are not checked again just before a statement is sent.
    SendsWithoutASecondLook,
    /// Door 12: a standby's timeline is that of its control file.
    BelievesTheControlFile,
    /// The first primary that answers decides which cluster is ours.
    AnyClusterWillDo,
    /// A statement that fails on a primary whose schema was not verified is an internal error.
    UnpreparedPrimariesAnswer,
    /// A schema that was prepared counts as prepared on every timeline of the same number.
    PreparedByNumber,
    /// An answer for a token counts although its replica has been promoted meanwhile.
    PromotedReplicasAnswer,
    /// A branch is identified by the number of its timeline alone.
    NumbersAreBranches,
    /// A timeline that only a standby has shown is remembered like one that writes went to.
    ShownForEver,
    /// Door 14: the proof for a made-up token uses the connections that are kept for reads.
    ProofsTakeThePlaceOfReads,
    /// A probe keeps its connection although new connections fail, or reach a server that must not be used.
    ProbesStay,
    /// If it is unknown which standbys have a commit, that counts as if none needed to have it.
    UnknownCopiesAreLocal,
}

impl Mutant {
    pub const ALL: [Mutant; 18] = [
        Mutant::ErrorAfterCommitIsNotApplied,
        Mutant::HighestTimelineWins,
        Mutant::DeadBranchServesTokens,
        Mutant::AnyServerWillDo,
        Mutant::ElectsBeforeAllWereHeard,
        Mutant::PreparedForEver,
        Mutant::ForgetsTheCluster,
        Mutant::SendsWithoutASecondLook,
        Mutant::BelievesTheControlFile,
        Mutant::ProofsTakeThePlaceOfReads,
        Mutant::NumbersAreBranches,
        Mutant::ShownForEver,
        Mutant::PromotedReplicasAnswer,
        Mutant::PreparedByNumber,
        Mutant::UnpreparedPrimariesAnswer,
        Mutant::AnyClusterWillDo,
        Mutant::ProbesStay,
        Mutant::UnknownCopiesAreLocal,
    ];
}
