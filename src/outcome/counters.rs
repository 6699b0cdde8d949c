//! Counts of decisions, for `stats()` and metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;

/// How often each decision was made. Counting neither locks nor allocates.
#[derive(Debug)]
pub struct DecisionCounters {
    accepted: AtomicU64,
    rejected: [AtomicU64; Rejection::CODES.len()],
    unavailable: [AtomicU64; Unavailable::CODES.len()],
}

/// The decisions of this process.
pub static OF_PROCESS: DecisionCounters = DecisionCounters::new();

impl DecisionCounters {
    /// Counters at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            rejected: [const { AtomicU64::new(0) }; Rejection::CODES.len()],
            unavailable: [const { AtomicU64::new(0) }; Unavailable::CODES.len()],
        }
    }

    /// Counts an accepted token.
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal or an outage by its code.
    pub fn refused(&self, code: &str) {
        let find = |codes: &[&str]| codes.iter().position(|known| *known == code);
        let counter = match (find(&Rejection::CODES), find(&Unavailable::CODES)) {
            (Some(at), _) => self.rejected.get(at),
            (None, Some(at)) => self.unavailable.get(at),
            (None, None) => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many tokens were accepted.
    #[must_use]
    pub fn count_of_accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many tokens were rejected for each reason that occurred.
    pub fn counts_of_rejected(&self) -> impl Iterator<Item = (&'static str, u64)> {
        occurred(&Rejection::CODES, &self.rejected)
    }

    /// How many tokens got no decision, for each reason that occurred.
    pub fn counts_of_unavailable(&self) -> impl Iterator<Item = (&'static str, u64)> {
        occurred(&Unavailable::CODES, &self.unavailable)
    }
}

impl Default for DecisionCounters {
    fn default() -> Self {
        Self::new()
    }
}

fn occurred(codes: &'static [&'static str], counters: &[AtomicU64]) -> impl Iterator<Item = (&'static str, u64)> {
    let counts = counters.iter().map(|counter| counter.load(Ordering::Relaxed));
    codes.iter().copied().zip(counts).filter(|&(_, count)| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_has_its_count() {
        let counters = DecisionCounters::new();
        counters.accepted();
        for code in ["expired", "expired", "keys_unavailable", "denied", "no such code"] {
            counters.refused(code);
        }
        assert_eq!(counters.count_of_accepted(), 1);
        assert_eq!(counters.counts_of_rejected().collect::<Vec<_>>(), [("expired", 2), ("denied", 1)]);
        assert_eq!(counters.counts_of_unavailable().collect::<Vec<_>>(), [("keys_unavailable", 1)]);
    }
}
