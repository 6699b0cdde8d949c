//! Times in words.

use crate::jose::json::Object;
use crate::jose::jwt::NumericDate;

/// A time that the claims hold.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimTime {
    /// The claim.
    pub claim: &'static str,
    /// The time by the calendar, where a calendar has it.
    pub at: Option<String>,
    /// What it means now, such as `expired 3 minutes ago`.
    pub words: String,
}

/// The times of a claims set.
pub(super) fn of(claims: &Object, now: NumericDate) -> Vec<ClaimTime> {
    let time = |claim, words: fn(f64) -> String| {
        let at = NumericDate::from_value(claims.get(claim)?)?;
        Some(ClaimTime { claim, at: at.in_utc(), words: words(at.seconds() - now.seconds()) })
    };
    [time("iat", issued), time("nbf", valid), time("exp", expires)].into_iter().flatten().collect()
}

fn issued(ahead: f64) -> String {
    if ahead > 0.0 { format!("issued {} in the future", span(ahead)) } else { format!("issued {} ago", span(-ahead)) }
}

fn valid(ahead: f64) -> String {
    if ahead > 0.0 {
        format!("not valid for another {}", span(ahead))
    } else {
        format!("valid since {} ago", span(-ahead))
    }
}

fn expires(ahead: f64) -> String {
    if ahead > 0.0 { format!("expires in {}", span(ahead)) } else { format!("expired {} ago", span(-ahead)) }
}

/// A length of time in its largest unit that counts to at least two, rounded down.
pub(super) fn span(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second")];
    let least = |&&(size, _): &&(f64, &str)| seconds >= 2.0 * size || size <= 1.0;
    let (size, unit) = UNITS.iter().find(least).unwrap_or(&UNITS[3]);
    let count = (seconds / size).floor();
    if (count - 1.0).abs() < 0.5 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_in_the_unit_that_fits() {
        for (seconds, words) in [
            (0.0, "0 seconds"),
            (0.9, "0 seconds"),
            (1.0, "1 second"),
            (59.0, "59 seconds"),
            (119.0, "119 seconds"),
            (120.0, "2 minutes"),
            (180.0, "3 minutes"),
            (7_199.0, "119 minutes"),
            (7_200.0, "2 hours"),
            (172_799.0, "47 hours"),
            (172_800.0, "2 days"),
            (31_536_000.0, "365 days"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }

    #[test]
    fn each_time_says_what_it_means_now() {
        let claims = crate::jose::json::parse_object(br#"{"exp":820,"nbf":1300,"iat":"x"}"#);
        let times = of(&claims.unwrap(), NumericDate::from_seconds(1_000));
        let found: Vec<_> = times.iter().map(|time| (time.claim, time.at.as_deref(), &*time.words)).collect();
        assert_eq!(
            found,
            [
                ("nbf", Some("1970-01-01T00:21:40Z"), "not valid for another 5 minutes"),
                ("exp", Some("1970-01-01T00:13:40Z"), "expired 3 minutes ago"),
            ]
        );
        assert_eq!(
            (issued(-1.0), valid(-60.0)),
            ("issued 1 second ago".to_owned(), "valid since 60 seconds ago".to_owned())
        );
        assert_eq!(
            (issued(5.0), expires(5.0)),
            ("issued 5 seconds in the future".to_owned(), "expires in 5 seconds".to_owned())
        );
    }
}
