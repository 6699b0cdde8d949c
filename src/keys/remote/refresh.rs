//! When to fetch: the state of one endpoint as a function of time and events, without a clock, a lock or a network.
//!
//! A set is fresh for its lifetime, and refreshed in the background shortly before that ends. A stale set stays in use for a
//! bounded time, but only while refreshes fail or are slow. After a long pause without requests a key may have been withdrawn,
//! so the first tokens wait for a refresh. An unknown key may force a refresh, once in an interval, and once more if it was first
//! named after the last fetch began. After each failure there is a pause, which grows.

use std::time::Duration;

use crate::keys::KeyWait;
use crate::runtime::clock::Moment;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A refresh that takes longer than this counts as failed for a stale set.
const SLOW_AFTER: Duration = Duration::from_secs(5);
/// A fetch that takes longer than this is lost: each has a total timeout well below.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// The number of a fetch, in the order of their starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    number: u64,
    started: Moment,
}

/// What to do about a token that needs keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// The set may be used.
    Use,
    /// There is no usable set, and one is being fetched.
    Wait,
    /// There is no usable set, and it is too early for another fetch.
    GiveUp,
}

/// What to do about a token whose key the set does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissReadiness {
    /// The key is unknown, and that is final for now.
    Unknown,
    /// The key was first named after the last fetch began, and it is too early for another: it may be a new one.
    MayBeNewer,
    /// A newer set is being fetched.
    Wait,
    /// The last refresh failed, so it is not known whether the key exists.
    GiveUp,
}

/// The state of one endpoint.
#[derive(Debug, Clone, Default)]
pub struct RefreshSchedule {
    /// When the set should be refreshed, and when it stops being fresh.
    set: Option<(Moment, Moment)>,
    /// When the fetch that brought it began.
    began: Option<Moment>,
    in_flight: Option<Ticket>,
    /// The fetch that was started with the server, for no token.
    at_start: Option<Ticket>,
    last_ticket: u64,
    answered: u64,
    failures: u32,
    retry_at: Moment,
    forced_at: Option<Moment>,
    /// When a further refresh was forced for a key that was first named after the last fetch.
    forced_for_new_at: Option<Moment>,
}

impl RefreshSchedule {
    /// Advice for a token, and the fetch to start.
    pub fn on_demand(&mut self, now: Moment, max_stale: Duration) -> (Readiness, Option<Ticket>) {
        let is_due = self.set.is_none_or(|(refresh_at, _)| now >= refresh_at);
        let start = if is_due { self.start(now) } else { None };
        let readiness = match (self.is_usable(now, max_stale), self.in_flight) {
            (true, _) => Readiness::Use,
            (false, Some(_)) => Readiness::Wait,
            (false, None) => Readiness::GiveUp,
        };
        (readiness, start)
    }

    /// Advice for a token whose key is not in the set, and the fetch to start. `named_at` is when a token first named that key;
    /// `None` if the key is in the set and the signature does not verify under it.
    ///
    /// The interval counts from the last refresh that a miss forced. The first miss always forces one, so a key that was published
    /// right after the first fetch is found at once. One more refresh in each interval is reserved for a key that was first named
    /// after the last fetch began, so that a token with a made-up key cannot delay it.
    pub fn on_miss(
        &mut self,
        now: Moment,
        interval: Duration,
        key_wait: KeyWait,
        named_at: Option<Moment>,
    ) -> (MissReadiness, Option<Ticket>) {
        let failing = self.is_failing();
        let is_new = named_at.is_some_and(|named_at| self.began.is_none_or(|began| began < named_at));
        let otherwise = match (failing, is_new) {
            (true, _) => MissReadiness::GiveUp,
            (false, true) => MissReadiness::MayBeNewer,
            (false, false) => MissReadiness::Unknown,
        };
        match key_wait {
            KeyWait::Never => return (otherwise, None),
            KeyWait::Waited if failing || !is_new => return (otherwise, None),
            KeyWait::MayWait | KeyWait::Waited => {}
        }
        if self.is_fetching(now) {
            return (MissReadiness::Wait, None);
        }
        let is_over = |at: Option<Moment>| at.is_none_or(|at| now >= at.saturating_add(interval));
        let is_due = failing || is_over(self.forced_at);
        let is_had = is_due || (is_new && is_over(self.forced_for_new_at));
        if !is_had {
            return (otherwise, None);
        }
        let Some(ticket) = self.start(now) else { return (otherwise, None) };
        if is_due {
            self.forced_at = Some(now);
        } else {
            self.forced_for_new_at = Some(now);
        }
        (MissReadiness::Wait, Some(ticket))
    }

    /// Whether the set may be used: it is fresh, or stale within the bound while it cannot be refreshed.
    #[must_use]
    pub fn is_usable(&self, now: Moment, max_stale: Duration) -> bool {
        self.set.is_some_and(|(_, stale_from)| {
            let is_within_bound = now < stale_from.saturating_add(max_stale);
            now < stale_from || (is_within_bound && (self.is_failing() || self.is_slow(now, stale_from)))
        })
    }

    /// Whether the running fetch began while the set was fresh, or takes longer than tokens wait for it.
    fn is_slow(&self, now: Moment, stale_from: Moment) -> bool {
        self.in_flight.is_some_and(|fetch| fetch.started < stale_from || now >= fetch.started + SLOW_AFTER)
    }

    /// When the set will be refreshed.
    #[must_use]
    pub fn refresh_at(&self) -> Option<Moment> {
        self.set.map(|(refresh_at, _)| refresh_at.max(self.retry_at))
    }

    /// When the running fetch began.
    #[must_use]
    pub fn in_flight_since(&self) -> Option<Moment> {
        self.in_flight.map(|fetch| fetch.started)
    }

    /// When the next fetch may start: after the pause of a failure, or in the next interval for unknown keys.
    #[must_use]
    pub fn fetches_again_at(&self, interval: Duration) -> Moment {
        match (self.forced_at, self.forced_for_new_at) {
            (Some(forced_at), Some(for_new_at)) if !self.is_failing() => {
                self.retry_at.max(forced_at.min(for_new_at).saturating_add(interval))
            }
            _ => self.retry_at,
        }
    }

    /// Whether a fetch is on its way.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// A fetch brought a good set with this lifetime. `jitter` is from 0 to 1. Returns whether it is the newest.
    pub fn succeeded(&mut self, ticket: Ticket, now: Moment, lifetime: Duration, jitter: f64) -> bool {
        if !self.answer(ticket) {
            return false;
        }
        // Earlier by a tenth to a fifth of the lifetime, so that many processes do not ask in the same second.
        let ahead = lifetime.mul_f64(0.1 + 0.1 * jitter);
        self.set = Some((now + lifetime.saturating_sub(ahead), now + lifetime));
        self.began = Some(ticket.started);
        self.failures = 0;
        self.retry_at = now;
        true
    }

    /// A fetch failed. `jitter` is from 0 to 1. Returns whether it is the newest.
    pub fn failed(&mut self, ticket: Ticket, now: Moment, jitter: f64) -> bool {
        if !self.answer(ticket) {
            return false;
        }
        // No token waited for this fetch, and the endpoint may be starting too, so there is no pause: the first token fetches again.
        if self.at_start == Some(ticket) {
            return true;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(5)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + pause.mul_f64(1.0 - 0.2 * jitter);
        true
    }

    /// The fetch to start when a server starts, where nothing was fetched yet.
    pub fn on_start(&mut self, now: Moment) -> Option<Ticket> {
        if self.set.is_some() || self.last_ticket > 0 {
            return None;
        }
        self.at_start = self.start(now);
        self.at_start
    }

    fn answer(&mut self, ticket: Ticket) -> bool {
        if self.in_flight == Some(ticket) {
            self.in_flight = None;
        }
        let newest = ticket.number > self.answered;
        if newest {
            self.answered = ticket.number;
        }
        newest
    }

    /// Whether the last fetch failed or was lost.
    fn is_failing(&self) -> bool {
        self.failures > 0
    }

    fn is_fetching(&self, now: Moment) -> bool {
        self.in_flight.is_some_and(|fetch| now < fetch.started + ABANDONED_AFTER)
    }

    fn start(&mut self, now: Moment) -> Option<Ticket> {
        if self.is_fetching(now) || now < self.retry_at {
            return None;
        }
        if self.in_flight.is_some() {
            self.failures = self.failures.saturating_add(1);
        }
        self.last_ticket += 1;
        let ticket = Ticket { number: self.last_ticket, started: now };
        self.in_flight = Some(ticket);
        Some(ticket)
    }

    /// The same set in a forked child, without the running fetch of the parent.
    #[must_use]
    pub fn in_child(&self) -> Self {
        Self { in_flight: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
