//! Every entry of the two tables.

use super::*;

fn failures() -> Vec<Failure> {
    let database = [
        DbError::Unreachable("x".into()),
        DbError::AnotherServer,
        DbError::Busy,
        DbError::Lost("x".into()),
        DbError::ReadOnly,
        DbError::StalePlans,
        DbError::Conflict("x".into()),
        DbError::LockTimeout,
        DbError::Cancelled("x".into()),
        DbError::Resources("x".into()),
        DbError::Statement("x".into()),
    ];
    let others = [
        Failure::Full,
        Failure::OutOfTime { sent: false },
        Failure::OutOfTime { sent: true },
        Failure::NodeDown { sent: false },
        Failure::NodeDown { sent: true },
        Failure::NoAnswer,
        Failure::WritesRefused(WhyRefused::SplitBrain),
        Failure::Apart,
        Failure::Panicked,
    ];
    let database = database.into_iter().map(Failure::Database);
    database.chain(others).collect()
}

#[test]
fn writes_go_on_as_the_table_says() {
    use NextWrite::{AfterLock, Again, Apart, Refuse};
    use Refusal::{Internal, OutOfTime, OutcomeUnknown, Overloaded};
    let no_room = Refuse(Refusal::Writes(WhyRefused::NoRoom));
    let split_brain = Refuse(Refusal::Writes(WhyRefused::SplitBrain));
    let (free, paid) = (Again { paid: false }, Again { paid: true });
    let (no, sent) = (Doubt::None, Doubt::Sent);
    // In the order of `failures`: without doubt, and with it.
    let table = [
        ((paid, no), (paid, sent)),
        ((paid, no), (paid, sent)),
        ((free, no), (free, sent)),
        ((paid, sent), (paid, sent)),
        ((paid, no), (paid, sent)),
        ((paid, no), (paid, sent)),
        ((paid, no), (paid, sent)),
        ((AfterLock, no), (AfterLock, sent)),
        ((paid, no), (paid, sent)),
        ((no_room, no), (paid, sent)),
        ((Refuse(Internal), no), (paid, sent)),
        ((Refuse(Overloaded), no), (free, sent)),
        ((Refuse(OutOfTime), no), (Refuse(OutcomeUnknown), sent)),
        (
            (Refuse(OutcomeUnknown), sent),
            (Refuse(OutcomeUnknown), sent),
        ),
        ((free, no), (free, sent)),
        ((paid, sent), (paid, sent)),
        ((paid, sent), (paid, sent)),
        ((split_brain, no), (free, sent)),
        ((Apart, no), (Apart, sent)),
        ((Refuse(Internal), no), (Refuse(OutcomeUnknown), sent)),
    ];
    assert_eq!(failures().len(), table.len());
    for (failure, (without, with)) in failures().iter().zip(table) {
        assert_eq!(
            write(&WriteResult::Failed(failure), no),
            without,
            "{failure:?}"
        );
        assert_eq!(
            write(&WriteResult::Failed(failure), sent),
            with,
            "{failure:?}"
        );
    }
}

#[test]
fn an_answer_to_a_write_counts_unless_an_earlier_attempt_could_undo_it() {
    use NextWrite::{Again, Answer};
    let free = Again { paid: false };
    let table = [
        (
            WriteResult::Answered { lasting: true },
            (Answer, Doubt::None),
            (Answer, Doubt::Sent),
        ),
        (
            WriteResult::Answered { lasting: false },
            (Answer, Doubt::None),
            (free, Doubt::Sent),
        ),
        (WriteResult::Raced, (free, Doubt::None), (free, Doubt::Sent)),
        (
            WriteResult::Uncounted { accepted: false },
            (free, Doubt::None),
            (free, Doubt::Sent),
        ),
        (
            WriteResult::Uncounted { accepted: true },
            (free, Doubt::Sent),
            (free, Doubt::Sent),
        ),
    ];
    for (result, without, with) in table {
        assert_eq!(write(&result, Doubt::None), without, "{result:?}");
        assert_eq!(write(&result, Doubt::Sent), with, "{result:?}");
    }
}

/// No answer may say that nothing happened, once something was sent.
#[test]
fn doubt_never_ends_in_a_refusal_that_says_not_applied() {
    for failure in failures() {
        if let (NextWrite::Refuse(refusal), _) = write(&WriteResult::Failed(&failure), Doubt::Sent)
        {
            assert_eq!(refusal, Refusal::OutcomeUnknown, "{failure:?}");
        }
    }
}

#[test]
fn reads_go_on_as_the_table_says() {
    use DbRole::{Primary, Replica};
    use NextRead::{Answer, Apart, Busy, Internal, Next, Prove, Remember, TooSlow, Wait};
    let (free, paid) = (Next { paid: false }, Next { paid: true });
    let lacks = NextRead::Primary;
    for (result, on_replica, on_primary, proven) in [
        (ReadResult::Found, Answer, Answer, Answer),
        (ReadResult::Absent, Remember, Answer, Answer),
        (
            ReadResult::TokenNotVisible { soon: false },
            lacks,
            Prove,
            Answer,
        ),
        (
            ReadResult::TokenNotVisible { soon: true },
            Wait,
            Prove,
            Answer,
        ),
        (ReadResult::Behind, lacks, free, free),
        (ReadResult::Uncounted, free, free, free),
        (ReadResult::Unprepared, paid, paid, paid),
    ] {
        assert_eq!(read(&result, Replica, false), on_replica, "{result:?}");
        assert_eq!(read(&result, Primary, false), on_primary, "{result:?}");
        assert_eq!(read(&result, Primary, true), proven, "{result:?}");
    }
    // In the order of `failures`: from a replica, from the primary, and from it where it has to prove what it says.
    let table = [
        (paid, paid, paid),
        (paid, paid, paid),
        (Busy, Busy, Busy),
        (paid, paid, paid),
        (paid, paid, paid),
        (paid, paid, paid),
        (paid, paid, paid),
        (free, free, free),
        (TooSlow, TooSlow, TooSlow),
        (paid, paid, paid),
        (paid, Internal, Internal),
        (Busy, Busy, Busy),
        (Busy, Busy, free),
        (free, free, free),
        (free, free, free),
        (free, free, free),
        (free, free, free),
        (free, free, free),
        (Apart, Apart, Apart),
        (Internal, Internal, Internal),
    ];
    assert_eq!(failures().len(), table.len());
    for (failure, (on_replica, on_primary, proven)) in failures().iter().zip(table) {
        let failed = ReadResult::Failed(failure);
        assert_eq!(read(&failed, Replica, false), on_replica, "{failure:?}");
        assert_eq!(read(&failed, Primary, false), on_primary, "{failure:?}");
        assert_eq!(read(&failed, Primary, true), proven, "{failure:?}");
    }
}
