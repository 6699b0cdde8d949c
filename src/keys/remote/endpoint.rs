//! One endpoint: the set that it gave last, swapped as a whole, and the one fetch that may be on its way.
//!
//! Whoever needs a key reads the set without waiting or locking while it is fresh. A fetch belongs to no caller: it ends
//! in the endpoint, whoever was waiting for it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::document::{Document, KeyInfo};
use super::fetch::{EntityTag, FetchError};
use super::schedule::{Advice, MissAdvice, Schedule, Ticket};
use crate::clock::Moment;
use crate::http::HttpError;
use crate::keys::{KeySet, KeySource, Keys, Patience};
use crate::per_process::PerProcess;
use crate::rejection::Unavailable;

/// What an endpoint answered.
#[derive(Debug)]
pub enum Answer {
    /// A set.
    Document {
        /// The keys.
        document: Document,
        /// Its entity tag.
        etag: Option<EntityTag>,
    },
    /// The set at hand is still the one.
    NotModified,
}

/// An answer, and how long it is fresh.
#[derive(Debug)]
pub struct Reply {
    /// What was answered.
    pub answer: Answer,
    /// For how long it is good.
    pub lifetime: Duration,
}

/// Takes the end of a fetch.
pub type Done = Box<dyn FnOnce(Result<Reply, FetchError>) + Send>;

/// Fetches sets. `fetch` returns at once and calls `done` later, once, from whatever thread.
pub trait Fetcher: Send + Sync + std::fmt::Debug {
    /// Starts one fetch of something newer than what is known.
    fn fetch(&self, known: Option<EntityTag>, done: Done);
}

/// Something that an operator should hear of.
#[derive(Debug)]
pub enum Event {
    /// A fetch failed after a good one, or as the first.
    Failing(FetchError),
    /// A fetch succeeded after a failed one.
    Recovered,
    /// A key of a new set cannot be used.
    Skipped(String),
}

/// Hears of events, with no lock held.
pub type Observer = Arc<dyn Fn(&str, &Event) + Send + Sync>;

/// What an endpoint gave last.
#[derive(Debug)]
struct Snapshot {
    keys: Arc<KeySet>,
    infos: Vec<KeyInfo>,
    etag: Option<EntityTag>,
    fetched_at: Moment,
    refresh_at: Moment,
}

/// What a process knows of its own fetches.
#[derive(Default)]
struct State {
    schedule: Schedule,
    waiting: Vec<Box<dyn FnOnce() + Send>>,
    last_error: Option<FetchError>,
    skipped: Vec<String>,
    fetches: u64,
    failures: u64,
}

impl State {
    /// That of a child: the parent's fetches and waiters are not the child's.
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
    state: PerProcess<State>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({})", self.name)
    }
}

/// What an endpoint holds, for people.
#[derive(Debug)]
pub struct Held {
    /// Where they come from: a URL, or an issuer.
    pub source: Box<str>,
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// How long ago they were fetched or found unchanged.
    pub age: Option<Duration>,
    /// In how long they will be refreshed; zero when that is due.
    pub next_refresh: Option<Duration>,
    /// Why the last fetch failed, if it did.
    pub last_error: Option<String>,
    /// How many fetches there were, and how many of them failed.
    pub fetches: (u64, u64),
}

impl Endpoint {
    /// An endpoint that nothing is known of yet.
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
            state: PerProcess::new(State::in_child),
        })
    }

    fn keys(self: &Arc<Self>, max_stale: Duration) -> Keys {
        let now = (self.clock)();
        let snapshot = self.snapshot.load();
        if let Some(fresh) = snapshot.as_ref().filter(|snapshot| now < snapshot.refresh_at) {
            return Keys::Snapshot(Arc::clone(&fresh.keys));
        }
        let (advice, ticket) = self.state.with(|state| state.schedule.on_demand(now, max_stale));
        self.start(ticket);
        match (advice, self.snapshot.load().as_ref()) {
            (Advice::Use, Some(snapshot)) => Keys::Snapshot(Arc::clone(&snapshot.keys)),
            (Advice::GiveUp, _) => Keys::Unavailable(Unavailable::Keys),
            // A fetch that ended as soon as it started has left its set.
            (_, Some(snapshot)) if self.state.with(|state| state.schedule.is_usable(now, max_stale)) => {
                Keys::Snapshot(Arc::clone(&snapshot.keys))
            }
            _ => Keys::Pending,
        }
    }

    fn keys_after_miss(self: &Arc<Self>, missed: &Arc<KeySet>, interval: Duration, patience: Patience) -> Keys {
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
        let (advice, ticket) = self.state.with(|state| state.schedule.on_miss(now, interval, patience));
        self.start(ticket);
        // The fetch may have ended since the first look, and then its set is already there.
        match (newer(self), advice) {
            (Some(keys), _) => Keys::Snapshot(keys),
            (None, MissAdvice::Unknown) => Keys::Snapshot(Arc::clone(missed)),
            (None, MissAdvice::GiveUp) => Keys::Unavailable(Unavailable::Keys),
            (None, MissAdvice::Wait) => Keys::Pending,
        }
    }

    /// Calls back when no fetch is on its way: at once if none is.
    pub fn when_settled(&self, wake: Box<dyn FnOnce() + Send>) {
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

    /// What the endpoint holds now.
    #[must_use]
    pub fn held(&self) -> Held {
        let now = (self.clock)();
        let snapshot = self.snapshot.load();
        let snapshot = snapshot.as_ref();
        self.state.with(|state| Held {
            source: self.name.clone(),
            keys: snapshot.map(|snapshot| snapshot.infos.clone()).unwrap_or_default(),
            age: snapshot.map(|snapshot| now.saturating_sub(snapshot.fetched_at)),
            next_refresh: state.schedule.refresh_at().map(|at| at.saturating_sub(now)),
            last_error: state.last_error.as_ref().map(ToString::to_string),
            fetches: (state.fetches, state.failures),
        })
    }

    fn start(self: &Arc<Self>, ticket: Option<Ticket>) {
        let Some(ticket) = ticket else { return };
        let known = self.snapshot.load().as_ref().and_then(|snapshot| snapshot.etag.clone());
        let mut fetch = Fetch { endpoint: Arc::clone(self), ticket, process: std::process::id(), ended: false };
        self.fetcher.fetch(known, Box::new(move |result| fetch.end(result)));
    }

    fn finish(&self, ticket: Ticket, result: Result<Reply, FetchError>) {
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

    fn settle(&self, state: &mut State, ticket: Ticket, now: Moment, result: Result<Reply, FetchError>) -> Vec<Event> {
        let was_failing = state.last_error.is_some();
        state.fetches += 1;
        let old = self.snapshot.load_full();
        let replaced = match result {
            Err(error) => Err(error),
            Ok(Reply { answer: Answer::Document { document, etag }, lifetime }) => {
                Ok((Arc::new(document.keys), document.infos, etag, document.skipped, lifetime))
            }
            // Without an entity tag nobody asked whether the set is still the one.
            Ok(Reply { answer: Answer::NotModified, lifetime }) => match old.filter(|old| old.etag.is_some()) {
                Some(old) => {
                    let keys = Arc::clone(&old.keys);
                    Ok((keys, old.infos.clone(), old.etag.clone(), state.skipped.clone(), lifetime))
                }
                None => Err(HttpError::Status(304).into()),
            },
        };
        match replaced {
            Err(error) => {
                state.failures += 1;
                if !state.schedule.failed(ticket, now, jitter()) {
                    return Vec::new();
                }
                state.last_error = Some(error.clone());
                if was_failing { Vec::new() } else { vec![Event::Failing(error)] }
            }
            Ok((keys, infos, etag, skipped, lifetime)) => {
                if !state.schedule.succeeded(ticket, now, lifetime, jitter()) {
                    return Vec::new();
                }
                let refresh_at = state.schedule.refresh_at().unwrap_or(now);
                self.snapshot.store(Some(Arc::new(Snapshot { keys, infos, etag, fetched_at: now, refresh_at })));
                state.last_error = None;
                let mut events: Vec<_> = skipped
                    .iter()
                    .filter(|reason| !state.skipped.contains(reason))
                    .cloned()
                    .map(Event::Skipped)
                    .collect();
                state.skipped = skipped;
                if was_failing {
                    events.push(Event::Recovered);
                }
                events
            }
        }
    }
}

/// One fetch that is on its way. One that is forgotten, such as by a panic, is a failed one: somebody may wait for it.
struct Fetch {
    endpoint: Arc<Endpoint>,
    ticket: Ticket,
    process: u32,
    ended: bool,
}

impl Fetch {
    fn end(&mut self, result: Result<Reply, FetchError>) {
        self.ended = true;
        // A fetch that was started before a fork tells the child nothing.
        if std::process::id() == self.process {
            self.endpoint.finish(self.ticket, result);
        }
    }
}

impl Drop for Fetch {
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

/// An endpoint as one verifier uses it.
#[derive(Debug)]
pub struct RemoteKeys {
    endpoint: Arc<Endpoint>,
    refresh_interval: Duration,
    max_stale: Duration,
}

impl RemoteKeys {
    /// Keys of this endpoint, with a forced refresh at most once in `refresh_interval`, used for `max_stale` beyond their
    /// lifetime while refreshes fail.
    #[must_use]
    pub fn new(endpoint: Arc<Endpoint>, refresh_interval: Duration, max_stale: Duration) -> Self {
        Self { endpoint, refresh_interval, max_stale }
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }
}

impl KeySource for RemoteKeys {
    fn keys(&self) -> Keys {
        self.endpoint.keys(self.max_stale)
    }

    fn keys_after_miss(&self, missed: &Arc<KeySet>, patience: Patience) -> Keys {
        self.endpoint.keys_after_miss(missed, self.refresh_interval, patience)
    }
}
