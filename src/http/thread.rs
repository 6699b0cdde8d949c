//! Threads of our own, since the runtime's own panic where the system gives none.

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

pub(super) fn start_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("fastmcp-rs-http".to_owned()).spawn(work).map(drop)
}
