//! Threads of our own, since the runtime's own panic where the system gives none.

use std::sync::OnceLock;
use std::{io, thread};

use tokio::sync::oneshot;

/// Does work that blocks, on a thread of its own.
///
/// # Errors
/// There is no thread to be had, or the work panicked.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, done) = oneshot::channel();
    // The caller may no longer wait.
    start_thread(move || drop(sender.send(work())))?;
    done.await.map_err(io::Error::other)
}

/// Runs the whole work of a thread for requests, which lasts as long as the process.
pub type Surrounding = fn(Box<dyn FnOnce() + Send>);

static SURROUNDING: OnceLock<Surrounding> = OnceLock::new();

/// Sets, once, what runs the work of each thread for requests that starts from now on.
pub fn surround_threads(surrounding: Surrounding) {
    SURROUNDING.get_or_init(|| surrounding);
}

/// Starts a thread for requests.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start_request_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    start_thread(move || SURROUNDING.get().copied().unwrap_or(|work| work())(Box::new(work)))
}

fn start_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("fastmcp-rs-http".to_owned()).spawn(work).map(drop)
}
