//! Times as JSON Web Tokens have them (RFC 7519 section 2).

use std::time::Duration;

use x509_cert::der::DateTime;

use super::json::Value;

/// Seconds since 1970-01-01T00:00:00Z, possibly with a fraction (RFC 7519 section 2).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// The first and the last second that Python's `datetime` can hold, in the years 1 and 9999.
    const RANGE: std::ops::RangeInclusive<f64> = -62_135_596_800.0..=253_402_300_799.0;

    /// A whole number of seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "seconds of any year that matters fit 53 bits")]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds as f64)
    }

    /// Seconds with a fraction. `None` unless they lie in the years 1 to 9999: a time in milliseconds does not.
    #[must_use]
    pub fn new(seconds: f64) -> Option<Self> {
        Self::RANGE.contains(&seconds).then_some(Self(seconds))
    }

    /// The seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0
    }

    /// The last whole second at or before this time.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the range is that of 38 bits")]
    pub fn whole_seconds(self) -> i64 {
        self.0.floor() as i64
    }

    /// This time plus a number of seconds.
    #[must_use]
    pub fn later(self, seconds: f64) -> Self {
        Self(self.0 + seconds)
    }

    /// This time by the calendar, to the second, such as `2027-01-15T08:00:00Z`. `None` before 1970.
    #[must_use]
    pub fn in_utc(self) -> Option<String> {
        let seconds = u64::try_from(self.whole_seconds()).ok()?;
        DateTime::from_unix_duration(Duration::from_secs(seconds)).ok().map(|time| time.to_string())
    }

    /// The time that a claim holds, if it holds one.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(seconds) => Self::new(Self::from_seconds(*seconds).0),
            Value::Float(seconds) => Self::new(*seconds),
            _ => None,
        }
    }
}
