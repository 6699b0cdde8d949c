//! A fair queue before an endpoint: a bounded number of questions runs at once, a bounded number waits, and one flow does not
//! starve the others.
//!
//! The queue serves one question of each flow after another. Every second permit is for tokens that were active when the
//! endpoint was last asked, where such wait. Where the queue is full, the newest question of the flow that has most waiting
//! makes room for one of a flow that has fewer, and any of an unknown token for one of a known token.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::quality::RandomState;
use tokio::sync::oneshot;

use super::queue_flow::QueueFlow;
use crate::runtime::bounded_map::BoundedMap;

/// How many questions to one endpoint run at once.
const MAX_CONCURRENT: usize = 64;
/// How many of them may be one flow's.
const MAX_OF_ONE_FLOW: usize = 56;
/// How many wait for a permit.
const MAX_WAITING: usize = 256;
/// How many bytes the tokens of the waiting questions have together.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// How many tokens that were active are known, by a keyed hash.
const MAX_KNOWN: usize = 4096;

/// The queue before one endpoint.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    state: Mutex<State>,
    hasher: RandomState,
}

#[derive(Debug)]
struct State {
    running: usize,
    running_of: HashMap<QueueFlow, usize>,
    waiting: HashMap<QueueFlow, VecDeque<Waiting>>,
    /// The flows with waiting questions, each once, in the order in which they are served: of unknown tokens, and of known ones.
    order: [VecDeque<QueueFlow>; 2],
    last_was_known: bool,
    waiting_count: usize,
    waiting_bytes: usize,
    known: BoundedMap<u64, ()>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            running: 0,
            running_of: HashMap::new(),
            waiting: HashMap::new(),
            order: Default::default(),
            last_was_known: false,
            waiting_count: 0,
            waiting_bytes: 0,
            known: BoundedMap::new(MAX_KNOWN, MAX_KNOWN),
        }
    }
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
    flow: QueueFlow,
}

/// A token as it is known here: by a keyed hash, and without the token.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenMark {
    hash: u64,
    bytes: usize,
}

impl FairQueue {
    /// How a token is known here.
    pub(super) fn mark(&self, token: &str) -> TokenMark {
        TokenMark { hash: self.hasher.hash_one(token), bytes: token.len() }
    }

    /// A permit for a question about a token that came from this address, which is empty where none is known, at once or
    /// later. The channel ends without one where the question had to make room for another flow's.
    ///
    /// # Errors
    /// The queue is full.
    pub(super) fn acquire(
        self: &Arc<Self>,
        address: &str,
        token: TokenMark,
    ) -> Result<oneshot::Receiver<Permit>, QueueFull> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        let flow = QueueFlow::new(address, state.known.get(&token.hash).is_some());
        if state.may_run(&flow) {
            state.begin(&flow);
            drop(state);
            // The receiver is here.
            let _ = sender.send(Permit { queue: Arc::clone(self), flow });
            return Ok(receiver);
        }
        let replaced = state.make_room(&flow, token.bytes)?;
        state.enqueue(flow, Waiting { bytes: token.bytes, permit: sender });
        drop(state);
        drop(replaced);
        Ok(receiver)
    }

    /// Notes whether a token is active, as the endpoint has just answered.
    pub(super) fn note(&self, token: TokenMark, is_active: bool) {
        let mut state = self.lock();
        if is_active {
            let _: Vec<()> = state.known.insert(token.hash, (), 1);
        } else {
            state.known.remove(&token.hash);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(self: &Arc<Self>, flow: &QueueFlow) {
        let mut state = self.lock();
        state.running -= 1;
        if let Some(running) = state.running_of.get_mut(flow) {
            *running -= 1;
            if *running == 0 {
                state.running_of.remove(flow);
            }
        }
        while let Some((next, waiting)) = state.next() {
            state.begin(&next);
            let permit = Permit { queue: Arc::clone(self), flow: next };
            drop(state);
            // Where the waiter is gone, the permit is dropped here, and the next waiter gets one.
            let _ = waiting.permit.send(permit);
            state = self.lock();
        }
    }
}

impl State {
    fn may_run(&self, flow: &QueueFlow) -> bool {
        self.running < MAX_CONCURRENT && self.running_of.get(flow).is_none_or(|running| *running < MAX_OF_ONE_FLOW)
    }

    fn begin(&mut self, flow: &QueueFlow) {
        self.running += 1;
        *self.running_of.entry(flow.clone()).or_default() += 1;
    }

    fn waiting_of(&self, flow: &QueueFlow) -> usize {
        self.waiting.get(flow).map_or(0, VecDeque::len)
    }

    /// Makes room in the queue; returns the questions that have to leave it.
    fn make_room(&mut self, flow: &QueueFlow, bytes: usize) -> Result<Vec<Waiting>, QueueFull> {
        let mut replaced = Vec::new();
        while self.waiting_count >= MAX_WAITING || self.waiting_bytes + bytes > MAX_WAITING_BYTES {
            let [unknown, known] = &self.order;
            let yields = flow.is_known && !unknown.is_empty();
            let others = unknown.iter().chain(known.iter().filter(|_| !yields));
            let most = others.max_by_key(|other| self.waiting_of(other)).cloned().ok_or(QueueFull)?;
            if !yields && self.waiting_of(&most) <= self.waiting_of(flow) + 1 {
                return Err(QueueFull);
            }
            replaced.extend(self.leave(&most, VecDeque::pop_back));
        }
        Ok(replaced)
    }

    fn enqueue(&mut self, flow: QueueFlow, waiting: Waiting) {
        self.waiting_count += 1;
        self.waiting_bytes += waiting.bytes;
        let queue = self.waiting.entry(flow.clone()).or_default();
        queue.push_back(waiting);
        if queue.len() == 1 {
            self.order_of(flow.is_known).push_back(flow);
        }
    }

    fn order_of(&mut self, is_known: bool) -> &mut VecDeque<QueueFlow> {
        &mut self.order[usize::from(is_known)]
    }

    /// Takes the next question that may run out of the queue.
    fn next(&mut self) -> Option<(QueueFlow, Waiting)> {
        let classes = [!self.last_was_known, self.last_was_known];
        let flow = classes.into_iter().find_map(|is_known| {
            let order = &self.order[usize::from(is_known)];
            let at = order.iter().position(|flow| self.may_run(flow))?;
            self.order_of(is_known).remove(at)
        })?;
        self.last_was_known = flow.is_known;
        let waiting = self.leave(&flow, VecDeque::pop_front)?;
        if self.waiting_of(&flow) > 0 {
            self.order_of(flow.is_known).push_back(flow.clone());
        }
        Some((flow, waiting))
    }

    fn leave(&mut self, flow: &QueueFlow, which: fn(&mut VecDeque<Waiting>) -> Option<Waiting>) -> Option<Waiting> {
        let queue = self.waiting.get_mut(flow)?;
        let waiting = which(queue)?;
        if queue.is_empty() {
            self.waiting.remove(flow);
            self.order_of(flow.is_known).retain(|other| other != flow);
        }
        self.waiting_count -= 1;
        self.waiting_bytes -= waiting.bytes;
        Some(waiting)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.queue.end(&self.flow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Taken = oneshot::Receiver<Permit>;

    const TOKEN: &str = "0123456789";

    fn acquire(queue: &Arc<FairQueue>, address: &str, token: &str) -> Result<Taken, QueueFull> {
        queue.acquire(address, queue.mark(token))
    }

    fn fill(queue: &Arc<FairQueue>, address: &str, count: usize) -> Vec<Taken> {
        (0..count).map(|_| acquire(queue, address, TOKEN).unwrap()).collect()
    }

    fn has_permit(taken: &mut Taken) -> bool {
        taken.try_recv().map(std::mem::forget).is_ok()
    }

    fn made_room(taken: &mut Taken) -> bool {
        matches!(taken.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }

    /// Takes the permits of those that have one by now.
    fn running(taken: &mut [Taken]) -> Vec<Permit> {
        taken.iter_mut().filter_map(|taken| taken.try_recv().ok()).collect()
    }

    #[test]
    fn what_runs_and_what_waits_is_bounded_and_the_rest_is_refused_at_once() {
        let queue = Arc::new(FairQueue::default());
        let mut taken = fill(&queue, "", MAX_OF_ONE_FLOW + MAX_WAITING);
        assert_eq!(running(&mut taken).into_iter().map(std::mem::forget).count(), MAX_OF_ONE_FLOW);
        assert_eq!(acquire(&queue, "", TOKEN).unwrap_err(), QueueFull);
        assert_eq!(queue.lock().waiting_bytes, TOKEN.len() * MAX_WAITING);
        let mut others = fill(&queue, "192.0.2.1", MAX_CONCURRENT - MAX_OF_ONE_FLOW + 1);
        let mut one_too_many = others.pop().unwrap();
        assert!(others.iter_mut().all(has_permit) && !has_permit(&mut one_too_many));
    }

    #[test]
    fn the_bytes_that_wait_are_bounded() {
        let queue = Arc::new(FairQueue::default());
        let _running = fill(&queue, "", MAX_OF_ONE_FLOW);
        let token = "t".repeat(64 * 1024);
        let _waiting: Vec<_> = (0..64).map(|_| acquire(&queue, "", &token).unwrap()).collect();
        assert_eq!(acquire(&queue, "", "t").unwrap_err(), QueueFull);
    }

    #[test]
    fn a_permit_that_is_given_back_goes_to_the_next_and_in_the_end_nothing_is_left() {
        let queue = Arc::new(FairQueue::default());
        let mut taken = fill(&queue, "a", 100);
        let first = running(&mut taken);
        assert_eq!(first.len(), MAX_OF_ONE_FLOW, "others find a permit at once");
        assert!(has_permit(&mut acquire(&queue, "b", TOKEN).unwrap()));
        drop(first);
        let second = running(&mut taken);
        assert_eq!(second.len(), 100 - MAX_OF_ONE_FLOW);
        drop((second, taken));
        let state = queue.lock();
        assert_eq!((state.waiting_count, state.waiting_bytes, state.running), (0, 0, 1), "but for that which was kept");
        assert!(state.order.iter().all(VecDeque::is_empty) && state.waiting.is_empty());
    }

    #[test]
    fn flows_are_served_in_turn_and_a_flood_makes_room() {
        let queue = Arc::new(FairQueue::default());
        let mut flood = fill(&queue, "flood", MAX_OF_ONE_FLOW + MAX_WAITING);
        let mut permits_of_flood = running(&mut flood);
        let mut others = fill(&queue, "", MAX_CONCURRENT - MAX_OF_ONE_FLOW);
        assert!(others.iter_mut().all(has_permit));
        assert_eq!(acquire(&queue, "flood", TOKEN).unwrap_err(), QueueFull);
        let mut good = acquire(&queue, "good", TOKEN).unwrap();
        assert!(made_room(flood.last_mut().unwrap()), "the newest of the flood made room");
        drop(permits_of_flood.pop());
        drop(permits_of_flood.pop());
        assert!(has_permit(&mut good), "the second permit at the latest");
    }

    #[test]
    fn a_token_that_was_active_does_not_wait_behind_made_up_ones_of_its_own_address() {
        let queue = Arc::new(FairQueue::default());
        queue.note(queue.mark("of a user"), true);
        let mut flood = fill(&queue, "proxy", MAX_OF_ONE_FLOW + MAX_WAITING);
        let mut users: Vec<_> = (0..=8).map(|_| acquire(&queue, "proxy", "of a user").unwrap()).collect();
        let mut ninth = users.pop().unwrap();
        assert!(users.iter_mut().all(has_permit), "some permits are kept for others than the flood");
        assert!(made_room(flood.last_mut().unwrap()) && !has_permit(&mut ninth));
        let mut permits_of_flood = running(&mut flood);
        drop(permits_of_flood.pop());
        assert!(has_permit(&mut ninth), "the next permit");
        flood.push(acquire(&queue, "proxy", TOKEN).unwrap());
        queue.note(queue.mark("of a user"), false);
        assert_eq!(acquire(&queue, "proxy", "of a user").unwrap_err(), QueueFull, "it was revoked");
    }

    #[test]
    fn a_token_that_was_active_does_not_wait_behind_those_of_many_addresses() {
        let queue = Arc::new(FairQueue::default());
        queue.note(queue.mark("of a user"), true);
        let many = |from: usize, count: usize| -> Vec<_> {
            (from..from + count).map(|number| acquire(&queue, &number.to_string(), TOKEN).unwrap()).collect()
        };
        let mut flood = many(0, MAX_CONCURRENT + MAX_WAITING);
        let mut permits_of_flood = running(&mut flood);
        assert_eq!(acquire(&queue, "a user", "new").unwrap_err(), QueueFull);
        let mut known: Vec<_> = (0..3).map(|_| acquire(&queue, "a user", "of a user").unwrap()).collect();
        for _ in 0..5 {
            drop(permits_of_flood.pop());
        }
        assert!(known.iter_mut().all(has_permit), "each second permit");
        assert_eq!(running(&mut flood).into_iter().map(std::mem::forget).count(), 2, "and the others have theirs");
    }

    #[test]
    fn a_caller_that_stopped_waiting_passes_the_permit_on() {
        let queue = Arc::new(FairQueue::default());
        let mut taken = fill(&queue, "", MAX_OF_ONE_FLOW + 3);
        let mut last = taken.pop().unwrap();
        let first = running(&mut taken[..1]);
        drop(taken.split_off(MAX_OF_ONE_FLOW));
        drop(first);
        assert!(has_permit(&mut last));
    }
}
