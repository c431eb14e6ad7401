//! Faults under load, each healed in the end: no acknowledged write is lost, none is doubled, no read is older than its token.

use crate::faults::Stage;
use crate::faults::catalogue::{self as faults, Fault};
use crate::faults::history::{Create, Level, Outcome, Read, View, outcome};
use crate::faults::round::survives;

#[test]
fn a_killed_primary_and_a_promotion_lose_nothing_and_fail_no_write() {
    let fault = Fault {
        run: |stage, marker| {
            (faults::KILL_AND_PROMOTE.run)(stage, marker);
            // They are of random kinds, and the rarest is one of about thirty.
            stage.more_reads(300);
        },
        ..faults::KILL_AND_PROMOTE
    };
    let history = survives(&Stage::new(), &fault);
    // Otherwise the checker had nothing to look at.
    type IsAsked = fn(&Read) -> bool;
    let asked: [IsAsked; 6] = [
        |read| read.view == View::History && read.level == Level::Strong,
        |read| read.view == View::History && read.level == Level::Token,
        |read| read.view == View::Search && read.level == Level::Token,
        |read| read.view == View::Search && read.level == Level::Eventual,
        |read| matches!(read.view, View::Key(_)),
        |read| matches!(read.view, View::Status(_)),
    ];
    for (i, is_asked) in asked.iter().enumerate() {
        let mut reads = history.reads.iter().filter(|read| is_asked(read));
        assert!(reads.any(|read| !read.lines.is_empty()), "{i}");
    }
    let refused = |code| {
        let changes = history
            .changes
            .iter()
            .filter(|change| change.refusable == Some(code));
        let mut outcomes = changes.map(|change| outcome(&change.attempts));
        outcomes.any(|outcome| outcome == Outcome::NotApplied)
    };
    assert!(refused("precondition_failed") && refused("invalid_status_transition"));
    let creates = history
        .creates
        .iter()
        .filter(|create| create.refusable.is_some());
    let is_refused = |create: &Create| create.id().is_none();
    assert!(creates.clone().any(is_refused) && creates.clone().any(|create| !is_refused(create)));
}

#[test]
fn an_immediate_stop_and_a_promotion_lose_nothing_and_fail_no_write() {
    survives(&Stage::new(), &faults::IMMEDIATE_STOP);
}

#[test]
fn a_planned_switchover_fails_no_write_and_the_old_primary_comes_back_as_a_replica_on_its_address()
{
    survives(&Stage::new(), &faults::SWITCHOVER);
}

#[test]
fn a_frozen_primary_that_wakes_after_the_promotion_is_fenced() {
    survives(&Stage::new(), &faults::FREEZE_AND_PROMOTE);
}

#[test]
fn a_promotion_beside_a_running_primary_fences_it() {
    survives(&Stage::new(), &faults::PROMOTE_BESIDE);
}

#[test]
fn two_failovers_in_a_row_and_back_lose_nothing() {
    survives(&Stage::new(), &faults::TWO_AND_BACK);
}

#[test]
fn when_a_standby_was_cut_off_before_the_primary_is_lost_the_other_has_everything() {
    survives(&Stage::new(), &faults::CUT_AND_LOSE);
}

#[test]
fn a_replica_that_lags_shows_no_token_reader_an_older_state() {
    survives(&Stage::new(), &faults::REPLICA_LAGS);
}

#[test]
fn all_databases_down_lose_nothing() {
    survives(&Stage::new(), &faults::ALL_DOWN);
}

#[test]
fn a_killed_service_loses_nothing_and_doubles_nothing() {
    survives(&Stage::new(), &faults::SERVICE_KILLED);
}

#[test]
fn a_promoted_standby_that_is_not_the_furthest_has_all_that_was_acknowledged() {
    survives(&Stage::new(), &faults::NOT_THE_FURTHEST);
}

#[test]
fn a_standby_left_on_the_old_branch_serves_no_token_reader() {
    survives(&Stage::new(), &faults::LEFT_BEHIND);
}

#[test]
fn a_mistaken_promotion_takes_no_write_and_shows_no_consistent_reader_its_branch() {
    survives(&Stage::new(), &faults::MISTAKEN_PROMOTION);
}

#[test]
fn writes_are_called_replicated_only_while_they_are_though_the_names_come_and_go() {
    survives(&Stage::new(), &faults::NAMES_CLEARED);
}

#[test]
fn what_only_an_archiver_confirmed_is_called_local_under_load() {
    survives(&Stage::new(), &faults::ARCHIVER);
}

#[test]
fn a_role_that_commits_asynchronously_loses_nothing() {
    survives(&Stage::new(), &faults::ROLE_SAYS_OFF);
}

#[test]
fn a_primary_that_restarts_again_and_again_fails_no_write() {
    survives(&Stage::new(), &faults::RESTARTS);
}

#[test]
fn strangers_that_take_all_connections_lose_nothing() {
    survives(&Stage::new(), &faults::STRANGERS);
}

#[test]
fn a_log_pipe_that_stalls_fails_no_write_and_the_log_goes_on_afterwards() {
    survives(&Stage::new(), &faults::LOG_STALLS);
}

#[test]
fn a_service_that_was_stopped_for_a_while_loses_nothing_and_fails_no_write() {
    survives(&Stage::new(), &faults::SERVICE_SLEEPS);
}

#[test]
fn a_service_that_sleeps_through_a_failover_shows_nothing_older_and_fails_no_write() {
    survives(&Stage::new(), &faults::SERVICE_SLEEPS_THROUGH_A_FAILOVER);
}

#[test]
fn two_addresses_that_are_swapped_lose_nothing_and_fail_no_write() {
    survives(&Stage::behind_proxies(), &faults::ADDRESSES_SWAPPED);
}

#[test]
fn cut_answers_and_a_killed_primary_leave_no_doubt() {
    survives(&Stage::behind_proxies(), &faults::CUT_AND_KILL);
}
