//! The threads that requests run on. What one endpoint sends cannot keep the answers of another waiting: hyper reads informational
//! responses (RFC 9110 section 15.2) for as long as they come, and an endpoint may send them without an end.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::thread::start_request_thread;

/// The most threads. Endpoints that come later share them.
const MOST_LANES: usize = 16;
/// Of how many endpoints it is known which thread is theirs; those that come later are all on the first.
const MOST_ENDPOINTS: usize = 4096;

/// One runtime on a thread of ours each, by the endpoint that is asked.
#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<Assigned>);

#[derive(Debug, Default)]
struct Assigned {
    lanes: Vec<Lane>,
    lane_of: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// Dropped, it ends the runtime and its thread.
    _running: oneshot::Sender<()>,
}

impl Lanes {
    /// The runtime for requests to this endpoint.
    ///
    /// # Errors
    /// There is none yet, and the system gives no thread for one.
    pub(super) fn runtime_for(&self, endpoint: &str) -> io::Result<Handle> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = match state.lane_of.get(endpoint) {
            Some(&lane) => lane,
            None => state.assign(endpoint)?,
        };
        Ok(state.lanes[lane].runtime.clone())
    }
}

impl Assigned {
    fn assign(&mut self, endpoint: &str) -> io::Result<usize> {
        if self.lane_of.len() >= MOST_ENDPOINTS {
            return Ok(0);
        }
        let mut lane = self.lane_of.len() % MOST_LANES;
        if lane >= self.lanes.len() {
            match Lane::start() {
                Ok(started) => {
                    lane = self.lanes.len();
                    self.lanes.push(started);
                }
                // Any other will do, and the next endpoint may find a thread again.
                Err(_) if !self.lanes.is_empty() => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        self.lane_of.insert(endpoint.into(), lane);
        Ok(lane)
    }
}

impl Lane {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, (running, ended)) = (runtime.handle().clone(), oneshot::channel());
        start_request_thread(move || drop(runtime.block_on(ended)))?;
        Ok(Self { runtime: handle, _running: running })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_has_a_thread_until_there_are_many() {
        let lanes = Lanes::default();
        let id = |endpoint: &str| lanes.runtime_for(endpoint).unwrap().id();
        let first: Vec<_> = (0..MOST_LANES).map(|number| id(&number.to_string())).collect();
        for (number, lane) in first.iter().enumerate() {
            assert_eq!(first.iter().filter(|other| *other == lane).count(), 1);
            assert_eq!(id(&number.to_string()), *lane, "an endpoint keeps its thread");
        }
        assert_eq!(id("one more"), first[0]);
        for number in 0..2 * MOST_ENDPOINTS {
            id(&format!("of many {number}"));
        }
        let state = lanes.0.lock().unwrap();
        assert_eq!((state.lanes.len(), state.lane_of.len()), (MOST_LANES, MOST_ENDPOINTS));
    }
}
