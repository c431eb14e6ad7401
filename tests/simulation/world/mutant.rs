//! Defects that were mended, brought back one at a time into the simulated service, so that a test can show that the simulator notices it.

/// Some have the number that they had in the list by which they were mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Door 3: an error of the look at the standbys, which comes after the commit, counts as an error of the statement.
    ErrorAfterCommitIsNotApplied,
    /// Door 5: the highest timeline counts, whoever follows whom.
    HighestTimelineWins,
    /// Door 6: nodes of a dead branch answer for tokens.
    DeadBranchServesTokens,
    /// Door 7: a new connection of a pool does not say which server it has reached.
    AnyServerWillDo,
    /// Door 8: whoever answers first is judged alone.
    ElectsBeforeAllWereHeard,
    /// Door 9: a schema that was once made ready is ready for ever.
    PreparedForEver,
    /// Door 10: the cluster's identity is not remembered.
    ForgetsTheCluster,
    /// Door 11: nobody looks again before a statement is sent.
    SendsWithoutASecondLook,
    /// Door 12: a standby's timeline is that of its control file.
    BelievesTheControlFile,
    /// The first primary that answers tells which cluster is ours.
    AnyClusterWillDo,
    /// What a primary cannot do whose schema has not been looked at is an internal error.
    UnpreparedPrimariesAnswer,
    /// A schema that was made ready is ready on every timeline of the same number.
    PreparedByNumber,
    /// An answer for a token counts although its replica has been promoted meanwhile.
    PromotedReplicasAnswer,
    /// A branch is told by the number of its timeline alone.
    NumbersAreBranches,
    /// What a standby has shown is remembered like what writes went to.
    ShownForEver,
    /// Door 14: the proof of a made-up token takes the place of a read.
    ProofsTakeThePlaceOfReads,
    /// A probe keeps its connection, although new ones cannot be made, or its server is not to be used.
    ProbesStay,
    /// A commit of which nobody could say who has it counts as one that nobody must have.
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
