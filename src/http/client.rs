//! The threads and clients of this process. Neither survive a fork, so a child makes its own.
//!
//! If the system gives no thread, the request fails with an error. tokio's own threads would panic, so its runtimes have none:
//! each runs on a thread of `endpoint_threads`, and work that blocks gets a thread of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::OnceCell;

use super::endpoint_threads::EndpointThreads;
use super::error::HttpError;
use super::message::{Request, Response};
use super::public_address::SsrfPolicy;
use super::thread::blocking;
use super::transport::Transport;
use crate::runtime::per_process::ProcessId;

/// Runs work that sends requests on the thread of its `endpoint`, for `total` at most, and calls `done` with the result there.
///
/// If the system gives no thread, `done` gets the error at once. Work that panics drops `done`.
pub fn spawn<T, E, F>(
    policy: SsrfPolicy,
    total: Duration,
    endpoint: &str,
    work: impl FnOnce(Client) -> F,
    done: impl FnOnce(Result<T, E>) + Send + 'static,
) where
    T: Send + 'static,
    E: From<HttpError> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let process = Process::current();
    let runtime = match process.threads.runtime_for(endpoint) {
        Ok(runtime) => runtime,
        Err(error) => return done(Err(HttpError::no_client(&error).into())),
    };
    let work = work(Client::new(process, policy));
    runtime.spawn(async move {
        let ended = tokio::time::timeout(total, work).await;
        done(ended.unwrap_or_else(|_| Err(HttpError::Timeout.into())));
    });
}

/// What sending needs of a process.
#[derive(Debug)]
pub(super) struct Process {
    id: ProcessId,
    threads: EndpointThreads,
    plain: OnceCell<Transport>,
    ssrf_safe: OnceCell<Transport>,
}

static CURRENT: ArcSwapOption<Process> = ArcSwapOption::const_empty();

impl Process {
    /// This process's own, made at its first use. Without a lock, for a fork could leave it locked.
    fn current() -> Arc<Self> {
        let is_own = |process: &&Arc<Self>| process.id.is_current();
        let found = CURRENT.load_full();
        if let Some(process) = found.as_ref().filter(is_own) {
            return Arc::clone(process);
        }
        let made = Arc::new(Self::new());
        // Of two threads that come here at once, one is late, and what it made ends with it.
        let before = CURRENT.compare_and_swap(&found, Some(Arc::clone(&made)));
        if let Some(winner) = before.as_ref().filter(is_own) {
            return Arc::clone(winner);
        }
        // What a fork left behind cannot be shut down: its threads are not here.
        std::mem::forget(found);
        made
    }

    fn new() -> Self {
        Self {
            id: ProcessId::current(),
            threads: EndpointThreads::default(),
            plain: OnceCell::new(),
            ssrf_safe: OnceCell::new(),
        }
    }

    /// The client of this policy, made at its first use, on a thread that may take its time.
    pub(super) async fn transport(&self, policy: SsrfPolicy) -> Result<&Transport, HttpError> {
        let transport = match policy {
            SsrfPolicy::TrustedUrl => &self.plain,
            SsrfPolicy::PublicOnly => &self.ssrf_safe,
        };
        let open = || async {
            let opened = blocking(move || Transport::open(policy)).await;
            opened.unwrap_or_else(|error| Err(HttpError::no_client(&error)))
        };
        transport.get_or_try_init(open).await
    }
}

/// Sends requests under one policy.
#[derive(Debug, Clone)]
pub struct Client {
    process: Arc<Process>,
    policy: SsrfPolicy,
}

impl Client {
    pub(super) fn new(process: Arc<Process>, policy: SsrfPolicy) -> Self {
        Self { process, policy }
    }

    /// Sends a request, and waits for the head of the answer: any status is one.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.process.transport(self.policy).await?.send(request).await
    }
}
