//! The `Cache-Control` of an answer (RFC 9111 section 5.2.2).

use std::time::Duration;

/// Its `max-age`, if that is a number. A malformed header is ignored.
#[must_use]
pub fn max_age(cache_control: &str) -> Option<Duration> {
    cache_control.split(',').find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        let seconds = value.trim().trim_matches('"');
        if !name.trim().eq_ignore_ascii_case("max-age")
            || seconds.is_empty()
            || !seconds.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        // A number that does not fit is a very long time.
        Some(Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
    })
}

/// Whether it has `no-store` or `no-cache`.
#[must_use]
pub fn forbids(cache_control: &str) -> bool {
    let forbidding = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        ["no-store", "no-cache"].iter().any(|word| name.eq_ignore_ascii_case(word))
    };
    cache_control.split(',').any(forbidding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_among_others() {
        for (hint, seconds) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=\"60\", must-revalidate", Some(60)),
            ("max-age=0", Some(0)),
            ("max-age=99999999999999999999999", Some(u64::MAX)),
            ("no-store", None),
            ("max-age=-1", None),
            ("max-age=", None),
            ("max-age=soon", None),
            (",,=,", None),
        ] {
            assert_eq!(max_age(hint), seconds.map(Duration::from_secs), "{hint}");
        }
        for (hint, word) in [
            ("No-Store", true),
            ("private, no-cache=\"x\"", true),
            ("no-cache, no-store, max-age=0, must-revalidate", true),
            ("max-age=0, must-revalidate", false),
            ("", false),
        ] {
            assert_eq!(forbids(hint), word, "{hint}");
        }
    }
}
