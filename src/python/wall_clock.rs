//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::jose::jwt::NumericDate;

/// The one place where the clock is read. A clock before 1970 or past 9999 makes every token with an expiry expired.
pub(super) fn now() -> NumericDate {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| NumericDate::new(since.as_secs_f64()))
        .unwrap_or_else(|| NumericDate::from_seconds(i64::MAX))
}
