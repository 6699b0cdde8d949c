//! One endpoint: the set that it gave last, and the one fetch that may be on its way.
//!
//! A set is replaced as a whole, so a verifier reads a fresh one without waiting or locking. Cancelling a waiter does not cancel
//! the fetch.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::error::FetchError;
use super::fetcher::{EntityTag, FetchContent, FetchReply, Fetcher};
use super::key_set_document::KeyInfo;
use super::refresh::{MissReadiness, Readiness, RefreshSchedule, Ticket};
use super::sightings::Sightings;
use crate::discovery::FailureKind;
use crate::http::HttpError;
use crate::keys::{KeySet, KeySnapshot, KeyWait, Keys, Miss, SkippedKey};
use crate::outcome::unavailable::Unavailable;
use crate::runtime::clock::Moment;
use crate::runtime::per_process::{PerProcess, ProcessId};

/// A token that comes this soon after the start of the first fetch counts as the one that started it.
const SAME_MOMENT: Duration = Duration::from_millis(10);

/// An event that is reported to the operator.
#[derive(Debug)]
pub enum EndpointEvent {
    /// A fetch failed after a good one, or as the first.
    Failing(FetchError),
    /// A fetch succeeded after a failed one.
    Recovered,
    /// Something of a new set cannot be used, such as a key of it.
    Notice(String),
}

/// Is called with each event, without holding a lock.
pub type Observer = Arc<dyn Fn(&str, &EndpointEvent) + Send + Sync>;

/// What an endpoint gave last.
#[derive(Debug)]
struct Snapshot {
    keys: Arc<KeySnapshot>,
    infos: Vec<KeyInfo>,
    etag: Option<EntityTag>,
    fetched_at: Moment,
    refresh_at: Moment,
}

/// The state of a process's own fetches.
#[derive(Default)]
struct EndpointState {
    schedule: RefreshSchedule,
    sightings: Sightings,
    waiting: Vec<Box<dyn FnOnce() + Send>>,
    last_error: Option<FetchError>,
    notices: Vec<String>,
    fetches: u64,
    failures: u64,
}

impl EndpointState {
    /// The state of a forked child, without the fetches and waiters of its parent.
    fn in_child(&self) -> Self {
        Self { schedule: self.schedule.in_child(), last_error: self.last_error.clone(), ..Self::default() }
    }
}

/// One URL, or issuer, under one fetch policy.
pub struct Endpoint {
    name: Box<str>,
    fetcher: Box<dyn Fetcher>,
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    observer: Observer,
    snapshot: ArcSwapOption<Snapshot>,
    state: PerProcess<EndpointState>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({})", self.name)
    }
}

/// The state of an endpoint, for `keys()` and reports.
#[derive(Debug)]
pub struct EndpointStatus {
    /// Where they come from: a URL, or an issuer.
    pub source: Box<str>,
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// Those that cannot be used, and why.
    pub skipped: Vec<SkippedKey>,
    /// How long ago they were fetched or found unchanged.
    pub age: Option<Duration>,
    /// The time until they are refreshed; zero when that is due.
    pub next_refresh: Option<Duration>,
    /// Why the last fetch failed, if it did.
    pub last_error: Option<String>,
    /// The kind of that error.
    pub last_failure: Option<FailureKind>,
    /// How many fetches there were, and how many of them failed.
    pub fetches: (u64, u64),
}

impl Endpoint {
    /// An endpoint that was not asked yet.
    #[must_use]
    pub fn new(
        name: &str,
        fetcher: Box<dyn Fetcher>,
        clock: Box<dyn Fn() -> Moment + Send + Sync>,
        observer: Observer,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            fetcher,
            clock,
            observer,
            snapshot: ArcSwapOption::empty(),
            state: PerProcess::new(EndpointState::in_child),
        })
    }

    pub(super) fn keys(self: &Arc<Self>, max_stale: Duration) -> Keys {
        let now = (self.clock)();
        let snapshot = self.snapshot.load();
        if let Some(fresh) = snapshot.as_ref().filter(|snapshot| now < snapshot.refresh_at) {
            return Keys::Snapshot(Arc::clone(&fresh.keys));
        }
        let (readiness, ticket) = self.state.with(|state| state.schedule.on_demand(now, max_stale));
        self.start(ticket);
        match (readiness, self.snapshot.load().as_ref()) {
            (Readiness::Use, Some(snapshot)) => Keys::Snapshot(Arc::clone(&snapshot.keys)),
            (Readiness::GiveUp, _) => Keys::Unavailable(Unavailable::Keys),
            // The fetch may have ended at once, and then its set is there.
            (_, Some(snapshot)) if self.state.with(|state| state.schedule.is_usable(now, max_stale)) => {
                Keys::Snapshot(Arc::clone(&snapshot.keys))
            }
            _ => Keys::Pending,
        }
    }

    pub(super) fn key_is_awaited(&self, kid: Option<&str>) {
        let now = (self.clock)();
        self.state.with(|state| {
            // A fetch that this token started counts as one that began before the token came.
            let since = state.schedule.in_flight_since().filter(|&since| now < since + SAME_MOMENT);
            state.sightings.first_seen(kid, since.unwrap_or(now));
        });
    }

    pub(super) fn keys_after_miss(
        self: &Arc<Self>,
        missed: &Arc<KeySnapshot>,
        miss: Miss<'_>,
        interval: Duration,
        key_wait: KeyWait,
    ) -> Keys {
        let newer = |endpoint: &Self| {
            let snapshot = endpoint.snapshot.load();
            snapshot
                .as_ref()
                .filter(|snapshot| !Arc::ptr_eq(&snapshot.keys, missed))
                .map(|snapshot| Arc::clone(&snapshot.keys))
        };
        if let Some(keys) = newer(self) {
            return Keys::Snapshot(keys);
        }
        let now = (self.clock)();
        let (readiness, ticket) = self.state.with(|state| {
            let named_at = match miss {
                Miss::Key(kid) => Some(state.sightings.first_seen(kid, now)),
                Miss::Signature => None,
            };
            state.schedule.on_miss(now, interval, key_wait, named_at)
        });
        self.start(ticket);
        // The fetch may have ended since the first look, and then its set is there.
        match (newer(self), readiness) {
            (Some(keys), _) => Keys::Snapshot(keys),
            (None, MissReadiness::Unknown) => Keys::Snapshot(Arc::clone(missed)),
            (None, MissReadiness::MayBeNewer) => Keys::Unavailable(Unavailable::NewerKeys),
            (None, MissReadiness::GiveUp) => Keys::Unavailable(Unavailable::Keys),
            (None, MissReadiness::Wait) => Keys::Pending,
        }
    }

    /// Starts the first fetch when a server starts, so that an endpoint out of reach is reported at once.
    pub fn fetch_at_start(self: &Arc<Self>) {
        let now = (self.clock)();
        let ticket = self.state.with(|state| state.schedule.on_start(now));
        self.start(ticket);
    }

    /// Calls back when no fetch is on its way: at once if none is.
    pub fn on_idle(&self, wake: Box<dyn FnOnce() + Send>) {
        let settled = self.state.with(|state| {
            if state.schedule.is_in_flight() {
                state.waiting.push(wake);
                None
            } else {
                Some(wake)
            }
        });
        if let Some(wake) = settled {
            wake();
        }
    }

    /// The current state of the endpoint.
    #[must_use]
    pub fn status(&self) -> EndpointStatus {
        let now = (self.clock)();
        let snapshot = self.snapshot.load();
        let snapshot = snapshot.as_ref();
        self.state.with(|state| EndpointStatus {
            source: self.name.clone(),
            keys: snapshot.map(|snapshot| snapshot.infos.clone()).unwrap_or_default(),
            skipped: snapshot.map(|snapshot| snapshot.keys.keys.skipped().to_vec()).unwrap_or_default(),
            age: snapshot.map(|snapshot| now.saturating_sub(snapshot.fetched_at)),
            next_refresh: state.schedule.refresh_at().map(|at| at.saturating_sub(now)),
            last_error: state.last_error.as_ref().map(ToString::to_string),
            last_failure: state.last_error.as_ref().map(FetchError::kind),
            fetches: (state.fetches, state.failures),
        })
    }

    pub(super) fn retry_after(&self, interval: Duration) -> Duration {
        let now = (self.clock)();
        self.state.with(|state| state.schedule.fetches_again_at(interval).saturating_sub(now))
    }

    fn start(self: &Arc<Self>, ticket: Option<Ticket>) {
        let Some(ticket) = ticket else { return };
        let known = self.snapshot.load().as_ref().and_then(|snapshot| snapshot.etag.clone());
        let mut fetch =
            FetchInFlight { endpoint: Arc::clone(self), ticket, process: ProcessId::current(), ended: false };
        self.fetcher.fetch(known, Box::new(move |result| fetch.end(result)));
    }

    fn finish(&self, ticket: Ticket, result: Result<FetchReply, FetchError>) {
        let now = (self.clock)();
        let (events, waiting) =
            self.state.with(|state| (self.settle(state, ticket, now, result), std::mem::take(&mut state.waiting)));
        for event in events {
            (self.observer)(&self.name, &event);
        }
        for wake in waiting {
            wake();
        }
    }

    fn settle(
        &self,
        state: &mut EndpointState,
        ticket: Ticket,
        now: Moment,
        result: Result<FetchReply, FetchError>,
    ) -> Vec<EndpointEvent> {
        let was_failing = state.last_error.is_some();
        state.fetches += 1;
        let old = self.snapshot.load_full();
        let mut keys_error = None;
        let replaced = match result {
            Err(error) => Err(error),
            // The last good set stays in use, with what was known of the server.
            Ok(FetchReply { answer: FetchContent::ServerAlone { error, .. }, .. })
                if old.as_ref().is_some_and(|old| !old.keys.keys.is_empty()) =>
            {
                Err(*error)
            }
            Ok(FetchReply { answer: FetchContent::ServerAlone { server, error }, lifetime }) => {
                keys_error = Some(*error);
                let keys = KeySnapshot { keys: KeySet::default(), server: Some(server), lacks_keys: true };
                Ok((Arc::new(keys), Vec::new(), None, Vec::new(), lifetime))
            }
            Ok(FetchReply { answer: FetchContent::KeySet { document, server, etag }, lifetime }) => {
                // Tokens that were cached under a key stay valid as long as the endpoint publishes that key.
                let keys = match &old {
                    Some(old) => document.keys.keeping_prepared(&old.keys.keys),
                    None => document.keys,
                };
                Ok((
                    Arc::new(KeySnapshot { keys, server, lacks_keys: false }),
                    document.infos,
                    etag,
                    document.notices,
                    lifetime,
                ))
            }
            // Without an entity tag the request was not conditional.
            Ok(FetchReply { answer: FetchContent::NotModified, lifetime }) => {
                match old.filter(|old| old.etag.is_some()) {
                    Some(old) => {
                        let keys = Arc::clone(&old.keys);
                        Ok((keys, old.infos.clone(), old.etag.clone(), state.notices.clone(), lifetime))
                    }
                    None => Err(HttpError::Status(304).into()),
                }
            }
        };
        match replaced {
            Err(error) => {
                state.failures += 1;
                if !state.schedule.failed(ticket, now, jitter()) {
                    return Vec::new();
                }
                state.last_error = Some(error.clone());
                if was_failing { Vec::new() } else { vec![EndpointEvent::Failing(error)] }
            }
            Ok((keys, infos, etag, notices, lifetime)) => {
                if !state.schedule.succeeded(ticket, now, lifetime, jitter()) {
                    return Vec::new();
                }
                let refresh_at = state.schedule.refresh_at().unwrap_or(now);
                self.snapshot.store(Some(Arc::new(Snapshot { keys, infos, etag, fetched_at: now, refresh_at })));
                state.failures += u64::from(keys_error.is_some());
                state.last_error.clone_from(&keys_error);
                let mut events: Vec<_> = notices
                    .iter()
                    .filter(|notice| !state.notices.contains(notice))
                    .cloned()
                    .map(EndpointEvent::Notice)
                    .collect();
                state.notices = notices;
                match keys_error {
                    None if was_failing => events.push(EndpointEvent::Recovered),
                    Some(error) if !was_failing => events.push(EndpointEvent::Failing(error)),
                    _ => {}
                }
                events
            }
        }
    }
}

/// A running fetch. If it is dropped without an end, such as by a panic, it counts as failed, because tokens may wait for it.
struct FetchInFlight {
    endpoint: Arc<Endpoint>,
    ticket: Ticket,
    process: ProcessId,
    ended: bool,
}

impl FetchInFlight {
    fn end(&mut self, result: Result<FetchReply, FetchError>) {
        self.ended = true;
        // A fetch that the parent started is not the child's.
        if self.process.is_current() {
            self.endpoint.finish(self.ticket, result);
        }
    }
}

impl Drop for FetchInFlight {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Err(HttpError::NoClient("the fetch ended without an answer".to_owned()).into()));
        }
    }
}

/// A number from 0 to 1 that spreads the fetches of many processes.
fn jitter() -> f64 {
    let mut byte = [0];
    // Without random numbers the fetches are merely not spread.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}
