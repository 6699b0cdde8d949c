use super::super::freshness::DEFAULT_LIFETIME;
use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const INTERVAL: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> Moment {
    Duration::from_secs(1_000_000 + seconds)
}

fn loaded(now: Moment) -> RefreshSchedule {
    let mut schedule = RefreshSchedule::default();
    let (_, ticket) = schedule.on_demand(now, DAY);
    assert!(schedule.succeeded(ticket.unwrap(), now, DEFAULT_LIFETIME, 0.0));
    schedule
}

#[test]
fn many_cold_callers_start_one_fetch() {
    let mut schedule = RefreshSchedule::default();
    assert!(matches!(schedule.on_demand(at(0), DAY), (Readiness::Wait, Some(_))));
    for _ in 0..100 {
        assert_eq!(schedule.on_demand(at(0), DAY), (Readiness::Wait, None));
    }
}

#[test]
fn the_first_miss_fetches_and_the_next_waits_for_the_interval() {
    let mut schedule = loaded(at(0));
    let (readiness, ticket) = schedule.on_miss(at(1), INTERVAL, KeyWait::MayWait, None);
    assert_eq!(readiness, MissReadiness::Wait);
    assert_eq!(schedule.on_miss(at(1), INTERVAL, KeyWait::MayWait, None), (MissReadiness::Wait, None));
    schedule.succeeded(ticket.unwrap(), at(1), DEFAULT_LIFETIME, 0.0);
    for second in 2..31 {
        assert_eq!(schedule.on_miss(at(second), INTERVAL, KeyWait::MayWait, None), (MissReadiness::Unknown, None));
    }
    assert!(matches!(schedule.on_miss(at(31), INTERVAL, KeyWait::MayWait, None), (MissReadiness::Wait, Some(_))));
}

#[test]
fn an_interval_of_zero_fetches_for_every_miss() {
    let mut schedule = loaded(at(0));
    for second in 1..5 {
        let (_, ticket) = schedule.on_miss(at(second), Duration::ZERO, KeyWait::MayWait, None);
        schedule.succeeded(ticket.unwrap(), at(second), DEFAULT_LIFETIME, 0.0);
    }
}

#[test]
fn failures_are_cooled_briefly_and_longer_each_time() {
    let mut schedule = RefreshSchedule::default();
    let mut fetches = 0;
    for tenth in 0..600 {
        let now = at(0) + Duration::from_millis(tenth * 100);
        let (readiness, ticket) = schedule.on_demand(now, DAY);
        if let Some(ticket) = ticket {
            fetches += 1;
            schedule.failed(ticket, now, 0.0);
        } else {
            assert_eq!(readiness, Readiness::GiveUp);
        }
    }
    assert_eq!(fetches, 6, "at 0, 1, 3, 7, 15 and 31 seconds");
    let (readiness, ticket) = schedule.on_demand(at(62), DAY);
    assert_eq!(readiness, Readiness::Wait);
    assert!(schedule.succeeded(ticket.unwrap(), at(62), DEFAULT_LIFETIME, 0.0));
    assert_eq!(schedule.on_demand(at(62), DAY).0, Readiness::Use);
}

#[test]
fn a_set_is_refreshed_before_it_ends_while_it_is_used() {
    for (jitter, from) in [(0.0, 540), (1.0, 480)] {
        let mut schedule = RefreshSchedule::default();
        let (_, ticket) = schedule.on_demand(at(0), DAY);
        schedule.succeeded(ticket.unwrap(), at(0), DEFAULT_LIFETIME, jitter);
        assert_eq!(schedule.on_demand(at(from - 1), DAY), (Readiness::Use, None));
        assert!(matches!(schedule.on_demand(at(from), DAY), (Readiness::Use, Some(_))));
        assert_eq!(schedule.on_demand(at(from + 1), DAY), (Readiness::Use, None));
    }
}

#[test]
fn a_set_that_ended_in_silence_is_not_used_before_a_refresh_failed() {
    let mut schedule = loaded(at(0));
    let (readiness, ticket) = schedule.on_demand(at(600), DAY);
    assert_eq!((readiness, ticket.is_some()), (Readiness::Wait, true));
    assert_eq!(schedule.on_demand(at(601), DAY), (Readiness::Wait, None));
    schedule.failed(ticket.unwrap(), at(601), 0.0);
    assert_eq!(schedule.on_demand(at(601), DAY), (Readiness::Use, None));
    assert!(matches!(schedule.on_demand(at(603), DAY), (Readiness::Use, Some(_))), "no token waits for a retry");
}

#[test]
fn no_token_waits_for_a_slow_refresh() {
    let mut schedule = loaded(at(0));
    assert!(matches!(schedule.on_demand(at(599), DAY), (Readiness::Use, Some(_))));
    assert_eq!(schedule.on_demand(at(600), DAY), (Readiness::Use, None), "it was to end before the set did");
    assert_eq!(schedule.on_demand(at(600), Duration::ZERO).0, Readiness::Wait, "unless no stale use is allowed");
    let mut schedule = loaded(at(0));
    assert!(matches!(schedule.on_demand(at(700), DAY), (Readiness::Wait, Some(_))));
    assert_eq!(schedule.on_demand(at(704), DAY), (Readiness::Wait, None));
    assert_eq!(schedule.on_demand(at(705), DAY), (Readiness::Use, None), "or takes longer than is waited for");
}

#[test]
fn a_refresh_that_never_came_back_is_a_failed_one() {
    let mut schedule = loaded(at(0));
    assert!(matches!(schedule.on_demand(at(700), DAY), (Readiness::Wait, Some(_))));
    let lost = 700 + ABANDONED_AFTER.as_secs();
    assert!(matches!(schedule.on_demand(at(lost), DAY), (Readiness::Use, Some(_))));
    assert_eq!(schedule.on_demand(at(lost + 1), DAY), (Readiness::Use, None), "no token waits for the next one");
    assert_eq!(schedule.on_miss(at(lost + 1), INTERVAL, KeyWait::Never, None), (MissReadiness::GiveUp, None));
}

#[test]
fn a_stale_set_is_used_up_to_its_limit_and_not_beyond() {
    let mut schedule = loaded(at(0));
    let limit = 600 + 3600;
    let hour = Duration::from_secs(3600);
    for second in (560..limit).step_by(40) {
        let (readiness, ticket) = schedule.on_demand(at(second), hour);
        assert_eq!(readiness, Readiness::Use);
        if let Some(ticket) = ticket {
            schedule.failed(ticket, at(second), 0.0);
        }
        assert_ne!(
            schedule.on_miss(at(second), INTERVAL, KeyWait::MayWait, None).0,
            MissReadiness::Unknown,
            "it is not known whether the key exists"
        );
    }
    assert_ne!(schedule.on_demand(at(limit), hour).0, Readiness::Use);
    let mut schedule = loaded(at(0));
    assert_ne!(schedule.on_demand(at(600), Duration::ZERO).0, Readiness::Use, "0 is no stale use at all");
}

#[test]
fn a_late_answer_loses() {
    let mut schedule = RefreshSchedule::default();
    let (_, first) = schedule.on_demand(at(0), DAY);
    let (_, second) = schedule.on_demand(at(61), DAY);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first < second, "an abandoned fetch makes room for another");
    assert!(schedule.succeeded(second, at(62), DEFAULT_LIFETIME, 0.0));
    assert!(!schedule.succeeded(first, at(63), DEFAULT_LIFETIME, 0.0));
    assert!(!schedule.failed(first, at(63), 0.0));
    assert_eq!(schedule.on_demand(at(64), DAY), (Readiness::Use, None));
}

#[test]
fn a_child_does_not_wait_for_its_parents_fetch() {
    let mut schedule = RefreshSchedule::default();
    schedule.on_demand(at(0), DAY);
    assert!(schedule.in_child().on_demand(at(0), DAY).1.is_some());
    assert_eq!(loaded(at(0)).in_child().on_demand(at(1), DAY), (Readiness::Use, None));
}

#[test]
fn a_miss_during_a_failure_is_unavailable_not_unknown() {
    let mut schedule = loaded(at(0));
    let (_, ticket) = schedule.on_miss(at(1), INTERVAL, KeyWait::MayWait, None);
    schedule.failed(ticket.unwrap(), at(1), 0.0);
    assert_eq!(schedule.on_miss(at(1), INTERVAL, KeyWait::MayWait, None), (MissReadiness::GiveUp, None));
    assert_eq!(schedule.fetches_again_at(INTERVAL), at(2));
    assert!(
        matches!(schedule.on_miss(at(2), INTERVAL, KeyWait::MayWait, None), (MissReadiness::Wait, Some(_))),
        "after the pause, not the interval"
    );
    assert_eq!(schedule.on_demand(at(2), DAY).0, Readiness::Use, "known keys go on");
}

#[test]
fn a_key_that_was_named_after_the_last_fetch_began_has_a_refresh_of_its_own() {
    let mut schedule = loaded(at(0));
    // A made-up key takes the refresh of the interval.
    let (_, ticket) = schedule.on_miss(at(1), INTERVAL, KeyWait::MayWait, Some(at(1)));
    // Another waiter joins it. A fetch that began before its key was named must not decide about it.
    assert_eq!(schedule.on_miss(at(2), INTERVAL, KeyWait::MayWait, Some(at(2))), (MissReadiness::Wait, None));
    schedule.succeeded(ticket.unwrap(), at(3), DEFAULT_LIFETIME, 0.0);
    assert_eq!(schedule.on_miss(at(3), INTERVAL, KeyWait::Waited, Some(at(1))), (MissReadiness::Unknown, None));
    assert_eq!(schedule.fetches_again_at(INTERVAL), at(3), "one is left");
    let (readiness, ticket) = schedule.on_miss(at(3), INTERVAL, KeyWait::Waited, Some(at(2)));
    assert_eq!((readiness, ticket.is_some()), (MissReadiness::Wait, true));
    schedule.succeeded(ticket.unwrap(), at(4), DEFAULT_LIFETIME, 0.0);
    assert_eq!(schedule.on_miss(at(4), INTERVAL, KeyWait::Never, Some(at(2))), (MissReadiness::Unknown, None));
    // Both are spent: a further key may be a new one, and a caller that waited twice gets this answer.
    for key_wait in [KeyWait::MayWait, KeyWait::Waited, KeyWait::Never] {
        for second in 4..31 {
            let named_at = Some(at(4) + Duration::from_millis(1));
            assert_eq!(schedule.on_miss(at(second), INTERVAL, key_wait, named_at), (MissReadiness::MayBeNewer, None));
        }
    }
    assert_eq!(schedule.fetches_again_at(INTERVAL), at(31), "a caller that waits until then has its answer");
    assert_eq!(schedule.on_miss(at(30), INTERVAL, KeyWait::MayWait, None), (MissReadiness::Unknown, None));
    let (readiness, ticket) = schedule.on_miss(at(31), INTERVAL, KeyWait::MayWait, Some(at(5)));
    assert_eq!((readiness, ticket.is_some()), (MissReadiness::Wait, true), "until the interval is over");
}

#[test]
fn a_fetch_at_the_start_of_a_server_that_fails_delays_no_token() {
    let mut schedule = RefreshSchedule::default();
    let ticket = schedule.on_start(at(0)).unwrap();
    assert!(schedule.on_start(at(0)).is_none(), "one is on its way");
    assert_eq!(schedule.on_demand(at(0), Duration::ZERO), (Readiness::Wait, None), "and tokens wait for it");
    assert!(schedule.failed(ticket, at(1), 0.0));
    let (readiness, ticket) = schedule.on_demand(at(1), Duration::ZERO);
    assert_eq!((readiness, ticket.is_some()), (Readiness::Wait, true));
    assert!(schedule.failed(ticket.unwrap(), at(1), 0.0));
    assert_eq!(schedule.on_demand(at(1), Duration::ZERO), (Readiness::GiveUp, None));
    assert!(schedule.on_start(at(99)).is_none(), "tokens have asked since");
}

#[test]
fn a_failed_signature_has_no_refresh_beside_that_of_the_interval() {
    let mut schedule = loaded(at(0));
    let (_, ticket) = schedule.on_miss(at(1), INTERVAL, KeyWait::MayWait, None);
    schedule.succeeded(ticket.unwrap(), at(1), DEFAULT_LIFETIME, 0.0);
    assert_eq!(schedule.on_miss(at(2), INTERVAL, KeyWait::MayWait, None), (MissReadiness::Unknown, None));
}
