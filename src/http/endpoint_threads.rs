//! The threads that requests run on, one for each endpoint. An endpoint that sends without end must not delay the answers of
//! another: hyper reads informational responses (RFC 9110 section 15.2) for as long as they come.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::thread::start_request_thread;

/// The most threads. Further endpoints share them.
const MOST_THREADS: usize = 16;
/// The most endpoints with a thread that is theirs for good. Further endpoints use the first thread.
const MOST_ENDPOINTS: usize = 4096;

/// The threads, each with a runtime, and the endpoint that each serves.
#[derive(Debug, Default)]
pub(super) struct EndpointThreads(Mutex<Assigned>);

#[derive(Debug, Default)]
struct Assigned {
    threads: Vec<RequestThread>,
    thread_of: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
struct RequestThread {
    runtime: Handle,
    /// When it is dropped, the runtime and its thread end.
    _running: oneshot::Sender<()>,
}

impl EndpointThreads {
    /// The runtime for requests to this endpoint.
    ///
    /// # Errors
    /// There is no thread yet, and the system gives none.
    pub(super) fn runtime_for(&self, endpoint: &str) -> io::Result<Handle> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = match state.thread_of.get(endpoint) {
            Some(&thread) => thread,
            None => state.assign(endpoint)?,
        };
        Ok(state.threads[thread].runtime.clone())
    }
}

impl Assigned {
    fn assign(&mut self, endpoint: &str) -> io::Result<usize> {
        if self.thread_of.len() >= MOST_ENDPOINTS {
            return Ok(0);
        }
        let mut thread = self.thread_of.len() % MOST_THREADS;
        if thread >= self.threads.len() {
            match RequestThread::start() {
                Ok(started) => {
                    thread = self.threads.len();
                    self.threads.push(started);
                }
                // The first thread serves as well. The endpoint is not assigned to it, so the next request tries again.
                Err(_) if !self.threads.is_empty() => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        self.thread_of.insert(endpoint.into(), thread);
        Ok(thread)
    }
}

impl RequestThread {
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
        let threads = EndpointThreads::default();
        let id = |endpoint: &str| threads.runtime_for(endpoint).unwrap().id();
        let first: Vec<_> = (0..MOST_THREADS).map(|number| id(&number.to_string())).collect();
        for (number, thread) in first.iter().enumerate() {
            assert_eq!(first.iter().filter(|other| *other == thread).count(), 1);
            assert_eq!(id(&number.to_string()), *thread, "an endpoint keeps its thread");
        }
        assert_eq!(id("one more"), first[0]);
        for number in 0..2 * MOST_ENDPOINTS {
            id(&format!("of many {number}"));
        }
        let state = threads.0.lock().unwrap();
        assert_eq!((state.threads.len(), state.thread_of.len()), (MOST_THREADS, MOST_ENDPOINTS));
    }
}
