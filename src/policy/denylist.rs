//! Tokens, subjects and clients that are refused although everything else about the token is right.
//!
//! A list drops an entry only when no token can match it any more, and refuses a new one when it is full. A list that is read
//! from a source stays in use for a bounded time while it cannot be read again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use crate::config::{self, ConfigError};
use crate::jose::jwt::NumericDate;

/// The most entries of a list.
pub const MOST_ENTRIES: usize = 100_000;
/// For how many intervals a list stays in use that cannot be read again.
const INTERVALS_OF_GRACE: f64 = 5.0;
/// How long an entry is kept after its end, in seconds: no leeway is longer.
const LONGEST_LEEWAY: f64 = 600.0;

/// What an entry denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denied {
    /// The token with this `jti`.
    Token,
    /// The tokens of this subject.
    Subject,
    /// The tokens that were issued to this client.
    Client,
}

/// An entry of a list.
#[derive(Debug)]
pub struct DenyEntry {
    value: Box<str>,
    denied: Denied,
    /// The issuer of the tokens; `None` for any.
    issuer: Option<Box<str>>,
    /// Only those issued before this.
    issued_before: Option<NumericDate>,
    /// When no token can match any more.
    expires: Option<NumericDate>,
    /// Whether a token matched that expires after the end of the entry, so that the entry has to stay.
    stays: AtomicBool,
}

impl DenyEntry {
    /// An entry that denies this token, subject or client.
    ///
    /// # Errors
    /// A text that no token could have.
    pub fn new(
        denied: Denied,
        value: Box<str>,
        issuer: Option<Box<str>>,
        issued_before: Option<NumericDate>,
        expires: Option<NumericDate>,
    ) -> Result<Self, ConfigError> {
        let name = match denied {
            Denied::Token => "jti",
            Denied::Subject => "subject",
            Denied::Client => "client_id",
        };
        for (name, text) in [(name, Some(&value)), ("issuer", issuer.as_ref())] {
            if text.is_some_and(|text| text.is_empty()) {
                return Err(ConfigError::new(format!("{name} is empty, which no token matches")));
            }
            text.map_or(Ok(()), |text| config::check_visible(name, text))?;
        }
        Ok(Self { value, denied, issuer, issued_before, expires, stays: AtomicBool::new(false) })
    }

    fn is_over(&self, now: NumericDate) -> bool {
        self.expires.is_some_and(|expires| now > expires.later(LONGEST_LEEWAY)) && !self.stays.load(Ordering::Relaxed)
    }

    fn matches(&self, denied: Denied, token: &Identity<'_>) -> bool {
        let is_of_issuer = self.issuer.as_deref().is_none_or(|issuer| token.issuer == Some(issuer));
        // A token without `iat` may be an old one.
        let is_old = self.issued_before.is_none_or(|before| token.issued.is_none_or(|issued| issued < before));
        let matches = self.denied == denied && is_of_issuer && is_old;
        if matches && self.expires.is_some_and(|expires| token.expires.is_none_or(|until| until > expires)) {
            self.stays.store(true, Ordering::Relaxed);
        }
        matches
    }

    /// Whether another entry says the same, apart from times.
    fn is_like(&self, other: &Self) -> bool {
        self.denied == other.denied && self.issuer == other.issuer && self.issued_before == other.issued_before
    }
}

/// What a list compares of a token.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'t> {
    /// `jti`
    pub jti: Option<&'t str>,
    /// The subject.
    pub subject: Option<&'t str>,
    /// The client.
    pub client: Option<&'t str>,
    /// `iss`
    pub issuer: Option<&'t str>,
    /// `iat`
    pub issued: Option<NumericDate>,
    /// `exp`
    pub expires: Option<NumericDate>,
}

/// What a list says about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenylistStatus {
    /// Nothing.
    NotDenied,
    /// It is denied.
    Denied,
    /// The list was not read yet, or too long ago.
    Unread,
}

/// The list is full, and no entry can be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

#[derive(Debug, Default)]
struct DenyEntries {
    by_value: HashMap<Box<str>, Vec<DenyEntry>>,
    count: usize,
}

impl DenyEntries {
    fn insert(&mut self, entry: DenyEntry, now: NumericDate) -> Result<(), Full> {
        if self.count >= MOST_ENTRIES {
            self.by_value.retain(|_, entries| {
                entries.retain(|entry| !entry.is_over(now));
                !entries.is_empty()
            });
            self.count = self.by_value.values().map(Vec::len).sum();
        }
        let known =
            self.by_value.get_mut(&entry.value).and_then(|entries| entries.iter_mut().find(|one| one.is_like(&entry)));
        if let Some(known) = known {
            // The longer of the two.
            known.expires = known.expires.zip(entry.expires).map(|(one, other)| if one > other { one } else { other });
            return Ok(());
        }
        if self.count >= MOST_ENTRIES {
            return Err(Full);
        }
        self.count += 1;
        self.by_value.entry(entry.value.clone()).or_default().push(entry);
        Ok(())
    }

    fn deny(&self, token: &Identity<'_>, now: NumericDate) -> bool {
        let named = [(Denied::Token, token.jti), (Denied::Subject, token.subject), (Denied::Client, token.client)];
        !self.by_value.is_empty()
            && named.into_iter().any(|(denied, value)| {
                let entries = value.and_then(|value| self.by_value.get(value)).map(Vec::as_slice).unwrap_or_default();
                entries.iter().any(|entry| entry.matches(denied, token) && !entry.is_over(now))
            })
    }
}

/// A list that is read from a source.
#[derive(Debug)]
struct ListSource {
    interval: f64,
    /// What was read last, and when; `None` before that.
    read: RwLock<Option<(DenyEntries, NumericDate)>>,
    /// When it is read again.
    due: Mutex<Option<NumericDate>>,
}

/// The entries of this process, and those that are read from a source.
#[derive(Debug, Default)]
pub struct DenyList {
    own: RwLock<DenyEntries>,
    source: Option<ListSource>,
}

impl DenyList {
    /// A list that is also read from a source, in this interval in seconds. Until it was read once, there is no decision.
    #[must_use]
    pub fn with_source(interval: f64) -> Self {
        let source = ListSource { interval, read: RwLock::default(), due: Mutex::default() };
        Self { source: Some(source), ..Self::default() }
    }

    /// Adds an entry, which takes effect at once.
    ///
    /// # Errors
    /// The list is full.
    pub fn add(&self, entry: DenyEntry, now: NumericDate) -> Result<(), Full> {
        self.own.write().unwrap_or_else(PoisonError::into_inner).insert(entry, now)
    }

    /// Takes the entries that were read from the source, in place of those before.
    ///
    /// # Errors
    /// There are too many entries. The ones before stay.
    pub fn replace(&self, entries: Vec<DenyEntry>, now: NumericDate) -> Result<(), Full> {
        let Some(source) = &self.source else { return Ok(()) };
        let mut read = DenyEntries::default();
        for entry in entries {
            read.insert(entry, now)?;
        }
        *source.read.write().unwrap_or_else(PoisonError::into_inner) = Some((read, now));
        Ok(())
    }

    /// Whether the list has to be read now. Returns true once in an interval.
    #[must_use]
    pub fn is_due(&self, now: NumericDate) -> bool {
        let Some(source) = &self.source else { return false };
        let mut due = source.due.lock().unwrap_or_else(PoisonError::into_inner);
        // If the clock was set back, the list is read now instead of late.
        let is_due = due.is_none_or(|due| now >= due || due.seconds() - now.seconds() > source.interval);
        if is_due {
            *due = Some(now.later(source.interval));
        }
        is_due
    }

    /// What the list says about a token.
    #[must_use]
    pub fn denylist_status(&self, token: &Identity<'_>, now: NumericDate) -> DenylistStatus {
        if self.own.read().unwrap_or_else(PoisonError::into_inner).deny(token, now) {
            return DenylistStatus::Denied;
        }
        let Some(source) = &self.source else { return DenylistStatus::NotDenied };
        let read = source.read.read().unwrap_or_else(PoisonError::into_inner);
        match read.as_ref() {
            Some((entries, _)) if entries.deny(token, now) => DenylistStatus::Denied,
            Some((_, at)) if now <= at.later(source.interval * INTERVALS_OF_GRACE) => DenylistStatus::NotDenied,
            _ => DenylistStatus::Unread,
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner).count;
        let read = self.source.as_ref().map(|source| source.read.read().unwrap_or_else(PoisonError::into_inner));
        own + read.and_then(|read| read.as_ref().map(|(entries, _)| entries.count)).unwrap_or_default()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> NumericDate {
        NumericDate::from_seconds(seconds)
    }

    fn entry(
        denied: Denied,
        value: &str,
        issuer: Option<&str>,
        before: Option<i64>,
        expires: Option<i64>,
    ) -> DenyEntry {
        DenyEntry::new(denied, value.into(), issuer.map(Into::into), before.map(at), expires.map(at)).unwrap()
    }

    const TOKEN: Identity<'_> = Identity {
        jti: Some("t"),
        subject: Some("s"),
        client: Some("c"),
        issuer: Some("i"),
        issued: None,
        expires: None,
    };

    fn of(entry: DenyEntry, token: Identity<'_>) -> DenylistStatus {
        let list = DenyList::default();
        list.add(entry, at(0)).unwrap();
        list.denylist_status(&token, at(100))
    }

    #[test]
    fn an_entry_denies_what_it_names_of_the_issuer_that_it_names() {
        for (denied, value) in [(Denied::Token, "t"), (Denied::Subject, "s"), (Denied::Client, "c")] {
            assert_eq!(of(entry(denied, value, None, None, None), TOKEN), DenylistStatus::Denied);
            assert_eq!(of(entry(denied, value, Some("i"), None, None), TOKEN), DenylistStatus::Denied);
            assert_eq!(of(entry(denied, value, Some("j"), None, None), TOKEN), DenylistStatus::NotDenied);
            assert_eq!(of(entry(denied, "x", None, None, None), TOKEN), DenylistStatus::NotDenied);
            let unnamed = Identity { jti: None, subject: None, client: None, ..TOKEN };
            assert_eq!(of(entry(denied, value, None, None, None), unnamed), DenylistStatus::NotDenied);
        }
        assert_eq!(
            of(entry(Denied::Subject, "t", None, None, None), TOKEN),
            DenylistStatus::NotDenied,
            "a jti is no subject"
        );
    }

    #[test]
    fn issued_before_denies_older_tokens_and_those_that_do_not_say() {
        let issued = |issued| Identity { issued, ..TOKEN };
        let before = || entry(Denied::Subject, "s", None, Some(50), None);
        assert_eq!(of(before(), issued(Some(at(49)))), DenylistStatus::Denied);
        assert_eq!(of(before(), issued(Some(at(50)))), DenylistStatus::NotDenied);
        assert_eq!(of(before(), issued(None)), DenylistStatus::Denied);
    }

    #[test]
    fn an_entry_goes_when_no_token_can_match_and_stays_for_one_that_lives_longer() {
        let list = DenyList::default();
        list.add(entry(Denied::Token, "t", None, None, Some(100)), at(0)).unwrap();
        let until = |seconds| Identity { expires: Some(at(seconds)), ..TOKEN };
        assert_eq!(list.denylist_status(&until(100), at(700)), DenylistStatus::Denied, "the longest leeway");
        assert_eq!(list.denylist_status(&until(100), at(701)), DenylistStatus::NotDenied);
        assert_eq!(list.denylist_status(&TOKEN, at(99)), DenylistStatus::Denied);
        assert_eq!(list.denylist_status(&TOKEN, at(10_000)), DenylistStatus::Denied, "a token without exp keeps it");
    }

    #[test]
    fn a_full_list_forgets_what_is_over_and_takes_no_more() {
        let list = DenyList::default();
        for number in 0..MOST_ENTRIES {
            let expires = (number < 10).then_some(100);
            list.add(entry(Denied::Token, &format!("{number}"), None, None, expires), at(0)).unwrap();
        }
        let further = |name| entry(Denied::Token, name, None, None, None);
        assert_eq!(list.add(further("x"), at(500)), Err(Full));
        assert_eq!(list.add(further("77"), at(500)), Ok(()), "one that is known takes no place");
        assert_eq!(list.add(further("x"), at(701)), Ok(()));
        assert_eq!(list.len(), MOST_ENTRIES - 9);
        assert_eq!(list.denylist_status(&Identity { jti: Some("11"), ..TOKEN }, at(701)), DenylistStatus::Denied);
    }

    #[test]
    fn of_two_entries_about_the_same_the_longer_counts() {
        for (first, second, at_1000) in [
            (Some(100), Some(900), DenylistStatus::Denied),
            (Some(100), None, DenylistStatus::Denied),
            (None, Some(100), DenylistStatus::Denied),
        ] {
            let list = DenyList::default();
            for expires in [first, second] {
                list.add(entry(Denied::Token, "t", None, None, expires), at(0)).unwrap();
            }
            assert_eq!(
                (list.len(), list.denylist_status(&Identity { expires: Some(at(50)), ..TOKEN }, at(1000))),
                (1, at_1000)
            );
        }
    }

    #[test]
    fn a_list_from_elsewhere_serves_for_five_intervals() {
        let list = DenyList::with_source(60.0);
        assert_eq!(list.denylist_status(&TOKEN, at(0)), DenylistStatus::Unread);
        list.add(entry(Denied::Subject, "own", None, None, None), at(0)).unwrap();
        assert_eq!(list.denylist_status(&Identity { subject: Some("own"), ..TOKEN }, at(0)), DenylistStatus::Denied);
        list.replace(vec![entry(Denied::Client, "other", None, None, None)], at(0)).unwrap();
        assert_eq!(list.denylist_status(&TOKEN, at(300)), DenylistStatus::NotDenied);
        assert_eq!(list.denylist_status(&TOKEN, at(301)), DenylistStatus::Unread);
        let other = Identity { client: Some("other"), ..TOKEN };
        assert_eq!(
            list.denylist_status(&other, at(10_000)),
            DenylistStatus::Denied,
            "what it said of a token it still says"
        );
        list.replace(Vec::new(), at(10_000)).unwrap();
        assert_eq!(list.denylist_status(&other, at(10_000)), DenylistStatus::NotDenied);
        let many = (0..=MOST_ENTRIES).map(|number| entry(Denied::Token, &number.to_string(), None, None, None));
        assert_eq!(list.replace(many.collect(), at(20_000)), Err(Full));
        assert_eq!(list.denylist_status(&other, at(10_001)), DenylistStatus::NotDenied, "what was read before stays");
    }

    #[test]
    fn it_is_due_once_in_an_interval() {
        let list = DenyList::with_source(60.0);
        let due = |seconds| list.is_due(at(seconds));
        assert_eq!([due(0), due(0), due(59), due(60), due(61), due(120)], [true, false, false, true, false, true]);
        assert!(due(0), "the clock was set back");
        assert!(!DenyList::default().is_due(at(0)));
    }

    #[test]
    fn what_no_token_matches_is_an_error() {
        for (value, issuer) in [("", None), ("a\n", None), ("a", Some("")), ("a", Some("\0"))] {
            assert!(DenyEntry::new(Denied::Client, value.into(), issuer.map(Into::into), None, None).is_err());
        }
    }
}
