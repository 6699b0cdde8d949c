//! Endpoints that the verifiers of a process share, so that a set is fetched once for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::endpoint::{Endpoint, Observer};
use super::fetch::{HttpFetcher, Origin};
use super::schedule::Moment;
use crate::http::FetchPolicy;

type Shared = HashMap<(Origin, FetchPolicy), Weak<Endpoint>>;

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

/// The endpoint of this origin under this policy, shared by whoever asks for the same.
#[must_use]
pub fn shared(origin: &Origin, policy: FetchPolicy, observer: Observer) -> Arc<Endpoint> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = shared.get_or_insert_default();
    let key = (origin.clone(), policy);
    if let Some(endpoint) = shared.get(&key).and_then(Weak::upgrade) {
        return endpoint;
    }
    shared.retain(|_, endpoint| endpoint.strong_count() > 0);
    let fetcher = HttpFetcher::new(origin.clone(), policy);
    let endpoint = Endpoint::new(origin.name(), Box::new(fetcher), Box::new(now), observer);
    shared.insert(key, Arc::downgrade(&endpoint));
    endpoint
}

/// Time since the machine started, sleep included where the system tells it: keys age while a machine sleeps.
#[must_use]
pub fn now() -> Moment {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Moment::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k17_moments_never_go_back() {
        let moments: Vec<_> = (0..10_000).map(|_| now()).collect();
        assert!(moments.is_sorted());
        assert!(moments[0] > Moment::ZERO);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn k17_moments_count_from_the_start_of_the_machine_and_through_its_sleep() {
        // The kernel's uptime is the time since the start, sleep included (proc(5)), whatever the wall clock says.
        let before = now();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        // It is given in hundredths of a second.
        let shown = |moment: Moment, error: f64| moment.as_secs_f64() + error;
        assert!(shown(before, -0.02) <= uptime && uptime <= shown(now(), 0.02), "{before:?} {uptime}");
    }
}
