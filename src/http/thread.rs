//! Starts threads without tokio, which panics if the system gives none.

use std::sync::OnceLock;
use std::{io, thread};

use tokio::sync::oneshot;

/// Runs blocking work on a thread of its own.
///
/// # Errors
/// The system gives no thread, or the work panicked.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, done) = oneshot::channel();
    // Sending fails if the caller no longer waits.
    start_thread(move || drop(sender.send(work())))?;
    done.await.map_err(io::Error::other)
}

/// Runs the whole work of a request thread, which lasts as long as the process. Python's side keeps a thread state around it.
pub type ThreadWrapper = fn(Box<dyn FnOnce() + Send>);

static THREAD_WRAPPER: OnceLock<ThreadWrapper> = OnceLock::new();

/// Sets the wrapper of every request thread that starts from now on. Only the first call counts.
pub fn wrap_request_threads(wrapper: ThreadWrapper) {
    THREAD_WRAPPER.get_or_init(|| wrapper);
}

/// Starts a request thread.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start_request_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    start_thread(move || THREAD_WRAPPER.get().copied().unwrap_or(|work| work())(Box::new(work)))
}

fn start_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("fastmcp-rs-http".to_owned()).spawn(work).map(drop)
}
