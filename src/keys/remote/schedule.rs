//! When to fetch: the state of one endpoint as a function of time and events, without a clock, a lock or a network.
//!
//! A set is fresh for its lifetime, and refreshed in the background shortly before that ends. Past its end it is used on
//! for as long as its user allows, but only while refreshes fail or are slow: after a silence nobody knows whether a key
//! was withdrawn, so the first to come wait for a refresh. An unknown key may force a refresh, once in an interval.
//! Failures are cooled by a pause of their own, which grows.

use std::time::Duration;

use crate::clock::Moment;
use crate::keys::Patience;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A refresh that has not come back by now is as good as failed for a set that is stale.
const SLOW_AFTER: Duration = Duration::from_secs(5);
/// A fetch that has not come back by now never will: each has a total timeout well below.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// One fetch, in the order of their starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What to do about a token that needs keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The set at hand is good.
    Use,
    /// There is no good set, and one is on its way.
    Wait,
    /// There is no good set, and it is too early to ask again.
    GiveUp,
}

/// What to do about a token whose key the set does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissAdvice {
    /// The key is unknown, and that is final for now.
    Unknown,
    /// A newer set is on its way.
    Wait,
    /// The last refresh failed, so nobody can tell.
    GiveUp,
}

/// The state of one endpoint.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// When the set at hand should be refreshed, and when it stops being fresh.
    set: Option<(Moment, Moment)>,
    in_flight: Option<(Ticket, Moment)>,
    last_ticket: u64,
    answered: u64,
    failures: u32,
    retry_at: Moment,
    forced_at: Option<Moment>,
}

impl Schedule {
    /// Advice for a token, and the fetch to start.
    pub fn on_demand(&mut self, now: Moment, max_stale: Duration) -> (Advice, Option<Ticket>) {
        let is_due = self.set.is_none_or(|(refresh_at, _)| now >= refresh_at);
        let start = if is_due { self.start(now) } else { None };
        let advice = match (self.is_usable(now, max_stale), self.in_flight) {
            (true, _) => Advice::Use,
            (false, Some(_)) => Advice::Wait,
            (false, None) => Advice::GiveUp,
        };
        (advice, start)
    }

    /// Advice for a token whose key is not in the set at hand, and the fetch to start.
    ///
    /// The interval counts from the last refresh that a miss forced. The first one is always to be had, so a key that was
    /// published right after the first fetch is found at once.
    pub fn on_miss(&mut self, now: Moment, interval: Duration, patience: Patience) -> (MissAdvice, Option<Ticket>) {
        let failing = self.is_failing();
        if patience == Patience::None {
            return (if failing { MissAdvice::GiveUp } else { MissAdvice::Unknown }, None);
        }
        if self.is_fetching(now) {
            return (MissAdvice::Wait, None);
        }
        let spent = self.forced_at.is_some_and(|forced_at| now < forced_at.saturating_add(interval));
        if spent && !failing {
            return (MissAdvice::Unknown, None);
        }
        match self.start(now) {
            Some(ticket) => {
                self.forced_at = Some(now);
                (MissAdvice::Wait, Some(ticket))
            }
            None if failing => (MissAdvice::GiveUp, None),
            None => (MissAdvice::Unknown, None),
        }
    }

    /// Whether the set at hand may be used: fresh, or stale within the bound while it cannot be refreshed.
    #[must_use]
    pub fn is_usable(&self, now: Moment, max_stale: Duration) -> bool {
        self.set.is_some_and(|(_, stale_from)| {
            let is_within_bound = now < stale_from.saturating_add(max_stale);
            now < stale_from || (is_within_bound && (self.is_failing() || self.is_slow(now, stale_from)))
        })
    }

    /// Whether the fetch that is on its way was to end before the set did, or takes longer than is waited for.
    fn is_slow(&self, now: Moment, stale_from: Moment) -> bool {
        self.in_flight.is_some_and(|(_, started)| started < stale_from || now >= started + SLOW_AFTER)
    }

    /// When the set at hand will be refreshed.
    #[must_use]
    pub fn refresh_at(&self) -> Option<Moment> {
        self.set.map(|(refresh_at, _)| refresh_at.max(self.retry_at))
    }

    /// Whether a fetch is on its way.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// A fetch brought a good set, fresh for so long. `jitter` is from 0 to 1. Returns whether it is the newest.
    pub fn succeeded(&mut self, ticket: Ticket, now: Moment, lifetime: Duration, jitter: f64) -> bool {
        if !self.answer(ticket) {
            return false;
        }
        // Ahead of the end by a fifth to a tenth, so that a fleet does not ask in one second.
        let ahead = lifetime.mul_f64(0.1 + 0.1 * jitter);
        self.set = Some((now + lifetime.saturating_sub(ahead), now + lifetime));
        self.failures = 0;
        self.retry_at = now;
        true
    }

    /// A fetch failed. `jitter` is from 0 to 1. Returns whether it is the newest.
    pub fn failed(&mut self, ticket: Ticket, now: Moment, jitter: f64) -> bool {
        if !self.answer(ticket) {
            return false;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(5)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + pause.mul_f64(1.0 - 0.2 * jitter);
        true
    }

    fn answer(&mut self, ticket: Ticket) -> bool {
        if self.in_flight.is_some_and(|(current, _)| current == ticket) {
            self.in_flight = None;
        }
        let newest = ticket.0 > self.answered;
        if newest {
            self.answered = ticket.0;
        }
        newest
    }

    /// Whether the last fetch failed, or never came back.
    fn is_failing(&self) -> bool {
        self.failures > 0
    }

    fn is_fetching(&self, now: Moment) -> bool {
        self.in_flight.is_some_and(|(_, started)| now < started + ABANDONED_AFTER)
    }

    fn start(&mut self, now: Moment) -> Option<Ticket> {
        if self.is_fetching(now) || now < self.retry_at {
            return None;
        }
        if self.in_flight.is_some() {
            self.failures = self.failures.saturating_add(1);
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.in_flight = Some((ticket, now));
        Some(ticket)
    }

    /// The same set in a process that was forked off: whatever was in flight stayed with the parent.
    #[must_use]
    pub fn in_child(&self) -> Self {
        Self { in_flight: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lifetime::DEFAULT_LIFETIME;
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const INTERVAL: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Moment {
        Duration::from_secs(1_000_000 + seconds)
    }

    fn loaded(now: Moment) -> Schedule {
        let mut schedule = Schedule::default();
        let (_, ticket) = schedule.on_demand(now, DAY);
        assert!(schedule.succeeded(ticket.unwrap(), now, DEFAULT_LIFETIME, 0.0));
        schedule
    }

    #[test]
    fn k2_many_cold_callers_start_one_fetch() {
        let mut schedule = Schedule::default();
        assert!(matches!(schedule.on_demand(at(0), DAY), (Advice::Wait, Some(_))));
        for _ in 0..100 {
            assert_eq!(schedule.on_demand(at(0), DAY), (Advice::Wait, None));
        }
    }

    #[test]
    fn k4_and_k5_the_first_miss_fetches_and_the_next_waits_for_the_interval() {
        let mut schedule = loaded(at(0));
        let (advice, ticket) = schedule.on_miss(at(1), INTERVAL, Patience::MayWait);
        assert_eq!(advice, MissAdvice::Wait);
        assert_eq!(schedule.on_miss(at(1), INTERVAL, Patience::MayWait), (MissAdvice::Wait, None));
        schedule.succeeded(ticket.unwrap(), at(1), DEFAULT_LIFETIME, 0.0);
        for second in 2..31 {
            assert_eq!(schedule.on_miss(at(second), INTERVAL, Patience::MayWait), (MissAdvice::Unknown, None));
        }
        assert!(matches!(schedule.on_miss(at(31), INTERVAL, Patience::MayWait), (MissAdvice::Wait, Some(_))));
    }

    #[test]
    fn an_interval_of_zero_fetches_for_every_miss() {
        let mut schedule = loaded(at(0));
        for second in 1..5 {
            let (_, ticket) = schedule.on_miss(at(second), Duration::ZERO, Patience::MayWait);
            schedule.succeeded(ticket.unwrap(), at(second), DEFAULT_LIFETIME, 0.0);
        }
    }

    #[test]
    fn k6_failures_are_cooled_briefly_and_longer_each_time() {
        let mut schedule = Schedule::default();
        let mut fetches = 0;
        for tenth in 0..600 {
            let now = at(0) + Duration::from_millis(tenth * 100);
            let (advice, ticket) = schedule.on_demand(now, DAY);
            if let Some(ticket) = ticket {
                fetches += 1;
                schedule.failed(ticket, now, 0.0);
            } else {
                assert_eq!(advice, Advice::GiveUp);
            }
        }
        assert_eq!(fetches, 6, "at 0, 1, 3, 7, 15 and 31 seconds");
        let (advice, ticket) = schedule.on_demand(at(62), DAY);
        assert_eq!(advice, Advice::Wait);
        assert!(schedule.succeeded(ticket.unwrap(), at(62), DEFAULT_LIFETIME, 0.0));
        assert_eq!(schedule.on_demand(at(62), DAY).0, Advice::Use);
    }

    #[test]
    fn k8_a_set_is_refreshed_before_it_ends_while_it_is_used() {
        for (jitter, from) in [(0.0, 540), (1.0, 480)] {
            let mut schedule = Schedule::default();
            let (_, ticket) = schedule.on_demand(at(0), DAY);
            schedule.succeeded(ticket.unwrap(), at(0), DEFAULT_LIFETIME, jitter);
            assert_eq!(schedule.on_demand(at(from - 1), DAY), (Advice::Use, None));
            assert!(matches!(schedule.on_demand(at(from), DAY), (Advice::Use, Some(_))));
            assert_eq!(schedule.on_demand(at(from + 1), DAY), (Advice::Use, None));
        }
    }

    #[test]
    fn k12_a_set_that_ended_in_silence_is_not_used_before_a_refresh_failed() {
        let mut schedule = loaded(at(0));
        let (advice, ticket) = schedule.on_demand(at(600), DAY);
        assert_eq!((advice, ticket.is_some()), (Advice::Wait, true));
        assert_eq!(schedule.on_demand(at(601), DAY), (Advice::Wait, None));
        schedule.failed(ticket.unwrap(), at(601), 0.0);
        assert_eq!(schedule.on_demand(at(601), DAY), (Advice::Use, None));
        assert!(matches!(schedule.on_demand(at(603), DAY), (Advice::Use, Some(_))), "a retry keeps nobody waiting");
    }

    #[test]
    fn k8_a_slow_refresh_keeps_nobody_waiting() {
        let mut schedule = loaded(at(0));
        assert!(matches!(schedule.on_demand(at(599), DAY), (Advice::Use, Some(_))));
        assert_eq!(schedule.on_demand(at(600), DAY), (Advice::Use, None), "it was to end before the set did");
        assert_eq!(schedule.on_demand(at(600), Duration::ZERO).0, Advice::Wait, "unless no stale use is allowed");
        let mut schedule = loaded(at(0));
        assert!(matches!(schedule.on_demand(at(700), DAY), (Advice::Wait, Some(_))));
        assert_eq!(schedule.on_demand(at(704), DAY), (Advice::Wait, None));
        assert_eq!(schedule.on_demand(at(705), DAY), (Advice::Use, None), "or takes longer than is waited for");
    }

    #[test]
    fn k9_a_refresh_that_never_came_back_is_a_failed_one() {
        let mut schedule = loaded(at(0));
        assert!(matches!(schedule.on_demand(at(700), DAY), (Advice::Wait, Some(_))));
        let lost = 700 + ABANDONED_AFTER.as_secs();
        assert!(matches!(schedule.on_demand(at(lost), DAY), (Advice::Use, Some(_))));
        assert_eq!(schedule.on_demand(at(lost + 1), DAY), (Advice::Use, None), "nobody waits for the next one");
        assert_eq!(schedule.on_miss(at(lost + 1), INTERVAL, Patience::None), (MissAdvice::GiveUp, None));
    }

    #[test]
    fn k9_and_k10_a_stale_set_is_used_up_to_its_limit_and_not_beyond() {
        let mut schedule = loaded(at(0));
        let limit = 600 + 3600;
        let hour = Duration::from_secs(3600);
        for second in (560..limit).step_by(40) {
            let (advice, ticket) = schedule.on_demand(at(second), hour);
            assert_eq!(advice, Advice::Use);
            if let Some(ticket) = ticket {
                schedule.failed(ticket, at(second), 0.0);
            }
            assert_ne!(
                schedule.on_miss(at(second), INTERVAL, Patience::MayWait).0,
                MissAdvice::Unknown,
                "nobody can tell"
            );
        }
        assert_ne!(schedule.on_demand(at(limit), hour).0, Advice::Use);
        let mut schedule = loaded(at(0));
        assert_ne!(schedule.on_demand(at(600), Duration::ZERO).0, Advice::Use, "0 is no stale use at all");
    }

    #[test]
    fn k13_a_late_answer_loses() {
        let mut schedule = Schedule::default();
        let (_, first) = schedule.on_demand(at(0), DAY);
        let (_, second) = schedule.on_demand(at(61), DAY);
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(first < second, "an abandoned fetch makes room for another");
        assert!(schedule.succeeded(second, at(62), DEFAULT_LIFETIME, 0.0));
        assert!(!schedule.succeeded(first, at(63), DEFAULT_LIFETIME, 0.0));
        assert!(!schedule.failed(first, at(63), 0.0));
        assert_eq!(schedule.on_demand(at(64), DAY), (Advice::Use, None));
    }

    #[test]
    fn k18_a_child_does_not_wait_for_its_parents_fetch() {
        let mut schedule = Schedule::default();
        schedule.on_demand(at(0), DAY);
        assert!(schedule.in_child().on_demand(at(0), DAY).1.is_some());
        assert_eq!(loaded(at(0)).in_child().on_demand(at(1), DAY), (Advice::Use, None));
    }

    #[test]
    fn a_miss_during_a_failure_is_unavailable_not_unknown() {
        let mut schedule = loaded(at(0));
        let (_, ticket) = schedule.on_miss(at(1), INTERVAL, Patience::MayWait);
        schedule.failed(ticket.unwrap(), at(1), 0.0);
        assert_eq!(schedule.on_miss(at(1), INTERVAL, Patience::MayWait), (MissAdvice::GiveUp, None));
        assert!(
            matches!(schedule.on_miss(at(2), INTERVAL, Patience::MayWait), (MissAdvice::Wait, Some(_))),
            "after the pause, not the interval"
        );
        assert_eq!(schedule.on_demand(at(2), DAY).0, Advice::Use, "known keys go on");
    }
}
