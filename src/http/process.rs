//! The threads and clients of this process. Neither survive a fork, so a child makes its own.
//!
//! Where the system gives no thread, that is an error like any other. The runtime's own threads panic then, so that it
//! has none: it runs on one of ours, and what blocks has one for itself.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, oneshot};

use super::client::{Channel, Client, FetchPolicy};
use super::error::HttpError;

/// Does work that sends requests, on a thread of our own and for `total` at most, and hands its end to `done` there.
///
/// Where no thread can be had, `done` hears of it here and now. Work that panics drops `done`.
pub fn spawn<T, E, F>(
    policy: FetchPolicy,
    total: Duration,
    work: impl FnOnce(Client) -> F,
    done: impl FnOnce(Result<T, E>) + Send + 'static,
) where
    T: Send + 'static,
    E: From<HttpError> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let process = match Process::current() {
        Ok(process) => process,
        Err(error) => return done(Err(error.into())),
    };
    let work = work(Client::new(Arc::clone(&process), policy));
    process.runtime.spawn(async move {
        let ended = tokio::time::timeout(total, work).await;
        done(ended.unwrap_or_else(|_| Err(HttpError::Timeout.into())));
    });
}

/// Does work that blocks, on a thread of its own.
///
/// # Errors
/// There is no thread to be had, or the work panicked.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, done) = oneshot::channel();
    // Whoever asked may have gone.
    start_thread(move || drop(sender.send(work())))?;
    done.await.map_err(io::Error::other)
}

fn start_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("fastmcp-rs-http".to_owned()).spawn(work).map(drop)
}

/// What sending needs of a process.
#[derive(Debug)]
pub(super) struct Process {
    id: u32,
    runtime: Handle,
    plain: OnceCell<Channel>,
    ssrf_safe: OnceCell<Channel>,
    /// Dropped with the process, it ends the runtime and its thread.
    _running: oneshot::Sender<()>,
}

static CURRENT: ArcSwapOption<Process> = ArcSwapOption::const_empty();

impl Process {
    /// This process's own, made at its first use. Without a lock, for a fork could leave it locked.
    fn current() -> Result<Arc<Self>, HttpError> {
        let id = std::process::id();
        let is_own = |process: &&Arc<Self>| process.id == id;
        let found = CURRENT.load_full();
        if let Some(process) = found.as_ref().filter(is_own) {
            return Ok(Arc::clone(process));
        }
        let made = Arc::new(Self::start(id).map_err(|error| HttpError::no_client(&error))?);
        // Of two threads that come here at once, one is late, and what it made ends with it.
        let before = CURRENT.compare_and_swap(&found, Some(Arc::clone(&made)));
        if let Some(winner) = before.as_ref().filter(is_own) {
            return Ok(Arc::clone(winner));
        }
        // What a fork left behind cannot be shut down: its threads are not here.
        std::mem::forget(found);
        Ok(made)
    }

    fn start(id: u32) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (handle, (running, ended)) = (runtime.handle().clone(), oneshot::channel());
        start_thread(move || drop(runtime.block_on(ended)))?;
        Ok(Self { id, runtime: handle, plain: OnceCell::new(), ssrf_safe: OnceCell::new(), _running: running })
    }

    /// The client of this policy, made at its first use, on a thread that may take its time.
    pub(super) async fn channel(&self, policy: FetchPolicy) -> Result<&Channel, HttpError> {
        let channel = match policy {
            FetchPolicy::Plain => &self.plain,
            FetchPolicy::SsrfSafe => &self.ssrf_safe,
        };
        let open = || async {
            let opened = blocking(move || Channel::open(policy)).await;
            opened.unwrap_or_else(|error| Err(HttpError::no_client(&error)))
        };
        channel.get_or_try_init(open).await
    }
}
