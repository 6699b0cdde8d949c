//! How long a set is fresh, as its endpoint says and within bounds (RFC 9111 section 5.2.2.1).

use std::time::Duration;

use crate::http::cache_control;

/// How long a set is fresh when its endpoint does not say.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);
/// The least and the most that an endpoint's `max-age` can make of it.
const LIFETIME_BOUNDS: (Duration, Duration) = (SHORTEST_LIFETIME, Duration::from_secs(3600));
/// The shortest time for which a set, or the lack of one, counts as known.
pub(super) const SHORTEST_LIFETIME: Duration = Duration::from_secs(30);

/// How long a set is fresh, from the endpoint's `Cache-Control` (RFC 9111 section 5.2.2.1), within bounds on both sides. A
/// malformed header is ignored.
#[must_use]
pub(super) fn lifetime(cache_control: Option<&str>) -> Duration {
    let max_age = cache_control.and_then(cache_control::max_age);
    max_age.map_or(DEFAULT_LIFETIME, |max_age| max_age.clamp(LIFETIME_BOUNDS.0, LIFETIME_BOUNDS.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_shorten_and_never_lengthen_without_bound() {
        for (hint, seconds) in [
            (None, 600),
            (Some("max-age=60"), 60),
            (Some("public, Max-Age=\"60\", must-revalidate"), 60),
            (Some("max-age=1"), 30),
            (Some("max-age=0"), 30),
            (Some("max-age=1000000000"), 3600),
            (Some("max-age=99999999999999999999999"), 3600),
            (Some("no-store"), 600),
            (Some("max-age=-1"), 600),
            (Some("max-age="), 600),
            (Some("max-age=soon"), 600),
            (Some(",,=,"), 600),
        ] {
            assert_eq!(lifetime(hint).as_secs(), seconds, "{hint:?}");
        }
    }
}
