//! A fair queue before an endpoint: a bounded number of questions runs at once, a bounded number waits, and one peer does not
//! starve the others.
//!
//! The queue serves one question of each peer after another. Where it is full, the newest question of the peer that has most
//! waiting makes room for one of a peer that has fewer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// How many questions to one endpoint run at once.
const MAX_CONCURRENT: usize = 64;
/// How many of them may be one peer's, where it is known.
const MAX_OF_ONE_PEER: usize = 56;
/// How many wait for a permit.
const MAX_WAITING: usize = 256;
/// How many bytes the tokens of the waiting questions have together.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// The address that sent the token, or empty where none is known.
type Peer = Box<str>;

/// The queue before one endpoint.
#[derive(Debug, Default)]
pub(super) struct FairQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    running: usize,
    running_of: HashMap<Peer, usize>,
    waiting: HashMap<Peer, VecDeque<Waiting>>,
    /// The peers with waiting questions, each once, in the order in which they are served.
    order: VecDeque<Peer>,
    waiting_count: usize,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    bytes: usize,
    permit: oneshot::Sender<Permit>,
}

/// Too many questions wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueFull;

/// Lets one question run until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    queue: Arc<FairQueue>,
    peer: Peer,
}

impl FairQueue {
    /// A permit for a question of this peer about a token of so many bytes, at once or later. The channel ends without one
    /// where the question had to make room for another peer's.
    ///
    /// # Errors
    /// The queue is full.
    pub(super) fn acquire(self: &Arc<Self>, peer: &str, bytes: usize) -> Result<oneshot::Receiver<Permit>, QueueFull> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        if state.may_run(peer) {
            state.begin(peer);
            drop(state);
            // The receiver is here.
            let _ = sender.send(Permit { queue: Arc::clone(self), peer: peer.into() });
            return Ok(receiver);
        }
        let replaced = state.make_room(peer, bytes)?;
        state.enqueue(peer, Waiting { bytes, permit: sender });
        drop(state);
        drop(replaced);
        Ok(receiver)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(self: &Arc<Self>, peer: &str) {
        let mut state = self.lock();
        state.running -= 1;
        if let Some(running) = state.running_of.get_mut(peer) {
            *running -= 1;
            if *running == 0 {
                state.running_of.remove(peer);
            }
        }
        while let Some((next, waiting)) = state.next() {
            state.begin(&next);
            let permit = Permit { queue: Arc::clone(self), peer: next };
            drop(state);
            // Where the waiter is gone, the permit is dropped here, and the next waiter gets one.
            let _ = waiting.permit.send(permit);
            state = self.lock();
        }
    }
}

impl State {
    fn may_run(&self, peer: &str) -> bool {
        let of_peer = self.running_of.get(peer).copied().unwrap_or(0);
        self.running < MAX_CONCURRENT && (peer.is_empty() || of_peer < MAX_OF_ONE_PEER)
    }

    fn begin(&mut self, peer: &str) {
        self.running += 1;
        *self.running_of.entry(peer.into()).or_default() += 1;
    }

    fn waiting_of(&self, peer: &str) -> usize {
        self.waiting.get(peer).map_or(0, VecDeque::len)
    }

    /// Makes room in the queue; returns the questions that have to leave it.
    fn make_room(&mut self, peer: &str, bytes: usize) -> Result<Vec<Waiting>, QueueFull> {
        let mut replaced = Vec::new();
        while self.waiting_count >= MAX_WAITING || self.waiting_bytes + bytes > MAX_WAITING_BYTES {
            let most = self.order.iter().max_by_key(|other| self.waiting_of(other)).cloned().ok_or(QueueFull)?;
            if self.waiting_of(&most) <= self.waiting_of(peer) + 1 {
                return Err(QueueFull);
            }
            replaced.extend(self.leave(&most, VecDeque::pop_back));
        }
        Ok(replaced)
    }

    fn enqueue(&mut self, peer: &str, waiting: Waiting) {
        self.waiting_count += 1;
        self.waiting_bytes += waiting.bytes;
        let queue = self.waiting.entry(peer.into()).or_default();
        if queue.is_empty() {
            self.order.push_back(peer.into());
        }
        queue.push_back(waiting);
    }

    /// Takes the next question that may run out of the queue.
    fn next(&mut self) -> Option<(Peer, Waiting)> {
        let at = self.order.iter().position(|peer| self.may_run(peer))?;
        let peer = self.order.remove(at)?;
        let waiting = self.leave(&peer, VecDeque::pop_front)?;
        if self.waiting_of(&peer) > 0 {
            self.order.push_back(peer.clone());
        }
        Some((peer, waiting))
    }

    fn leave(&mut self, peer: &str, which: fn(&mut VecDeque<Waiting>) -> Option<Waiting>) -> Option<Waiting> {
        let queue = self.waiting.get_mut(peer)?;
        let waiting = which(queue)?;
        if queue.is_empty() {
            self.waiting.remove(peer);
            self.order.retain(|other| **other != *peer);
        }
        self.waiting_count -= 1;
        self.waiting_bytes -= waiting.bytes;
        Some(waiting)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.queue.end(&self.peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Taken = oneshot::Receiver<Permit>;

    fn fill(queue: &Arc<FairQueue>, peer: &str, count: usize) -> Vec<Taken> {
        (0..count).map(|_| queue.acquire(peer, 10).unwrap()).collect()
    }

    fn has_permit(taken: &mut Taken) -> bool {
        taken.try_recv().map(std::mem::forget).is_ok()
    }

    #[test]
    fn what_runs_and_what_waits_is_bounded_and_the_rest_is_refused_at_once() {
        let queue = Arc::new(FairQueue::default());
        let mut taken = fill(&queue, "", MAX_CONCURRENT + MAX_WAITING);
        assert_eq!(
            taken.iter_mut().filter_map(|taken| taken.try_recv().ok()).map(std::mem::forget).count(),
            MAX_CONCURRENT
        );
        assert_eq!(queue.acquire("", 10).unwrap_err(), QueueFull);
        assert_eq!(queue.lock().waiting_bytes, 10 * MAX_WAITING);
    }

    #[test]
    fn the_bytes_that_wait_are_bounded() {
        let queue = Arc::new(FairQueue::default());
        let _running = fill(&queue, "", MAX_CONCURRENT);
        let _waiting: Vec<_> = (0..64).map(|_| queue.acquire("", 64 * 1024).unwrap()).collect();
        assert_eq!(queue.acquire("", 1).unwrap_err(), QueueFull);
    }

    #[test]
    fn a_permit_that_is_dropped_goes_to_the_next_waiter_and_nothing_is_left_at_the_end() {
        let queue = Arc::new(FairQueue::default());
        let mut taken = fill(&queue, "a", 100);
        let running: Vec<_> = taken.iter_mut().filter_map(|taken| taken.try_recv().ok()).collect();
        assert_eq!(running.len(), MAX_OF_ONE_PEER, "another peer runs at once");
        assert!(has_permit(&mut queue.acquire("b", 10).unwrap()));
        drop(running);
        let running: Vec<_> = taken.iter_mut().filter_map(|taken| taken.try_recv().ok()).collect();
        assert_eq!(running.len(), 100 - MAX_OF_ONE_PEER);
        drop((running, taken));
        let state = queue.lock();
        assert_eq!(
            (state.waiting_count, state.waiting_bytes, state.running),
            (0, 0, 1),
            "all but the permit that was kept"
        );
        assert!(state.order.is_empty() && state.waiting.is_empty());
    }

    #[test]
    fn peers_are_served_one_after_another_and_a_flood_makes_room() {
        let queue = Arc::new(FairQueue::default());
        let mut flood = fill(&queue, "flood", MAX_OF_ONE_PEER + MAX_WAITING);
        let mut running: Vec<_> = flood.iter_mut().filter_map(|taken| taken.try_recv().ok()).collect();
        let mut others = fill(&queue, "", MAX_CONCURRENT - MAX_OF_ONE_PEER);
        assert!(others.iter_mut().all(has_permit));
        assert_eq!(queue.acquire("flood", 10).unwrap_err(), QueueFull);
        let mut good = queue.acquire("good", 10).unwrap();
        let last = flood.last_mut().unwrap();
        assert_eq!(
            last.try_recv().unwrap_err(),
            oneshot::error::TryRecvError::Closed,
            "the newest of the flood made room"
        );
        drop(running.pop());
        drop(running.pop());
        assert!(has_permit(&mut good), "the second permit at the latest");
    }

    #[test]
    fn a_waiter_that_is_gone_passes_its_permit_on() {
        let queue = Arc::new(FairQueue::default());
        let mut taken = fill(&queue, "", MAX_CONCURRENT + 3);
        let mut last = taken.pop().unwrap();
        let running: Vec<_> = taken.iter_mut().take(1).filter_map(|taken| taken.try_recv().ok()).collect();
        drop(taken.split_off(MAX_CONCURRENT));
        drop(running);
        assert!(has_permit(&mut last));
    }
}
