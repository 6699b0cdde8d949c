use super::*;

const START: Moment = Duration::from_secs(1_000);

fn cache(lifetime: u64, stale: u64, local: Option<u64>) -> AnswerCache<u32> {
    let [lifetime, stale] = [lifetime, stale].map(Duration::from_secs);
    let local = local.map(Duration::from_secs);
    AnswerCache::new(CacheSettings { lifetime, stale, local, most_entries: 10 })
}

fn at(seconds: u64) -> Moment {
    START + Duration::from_secs(seconds)
}

fn put(cache: &AnswerCache<u32>, token: &str, value: u32, max_age: Option<u64>) {
    let question = cache.question(token.as_bytes(), START);
    let _ = cache.insert(&question, value, 100, Duration::ZERO, max_age.map(Duration::from_secs));
}

fn got(cache: &AnswerCache<u32>, token: &str, seconds: u64) -> Option<u32> {
    cache.get(token.as_bytes(), at(seconds), |_| true)
}

#[test]
fn an_answer_serves_for_its_lifetime_and_for_that_token() {
    let cache = cache(60, 0, None);
    put(&cache, "a", 1, None);
    assert_eq!([0, 59, 60, 61].map(|second| got(&cache, "a", second)), [Some(1), Some(1), None, None]);
    assert_eq!(got(&cache, "b", 0), None);
    assert_eq!(cache.get(b"a", at(0), |_| false), None, "it is no longer valid");
    let counts = cache.counts();
    assert_eq!((counts.entries, counts.hits, counts.misses), (0, 2, 4));
    assert_eq!(cache.answered_meanwhile(&cache.question(b"a", at(0))), None);
}

#[test]
fn the_endpoints_max_age_shortens_and_never_lengthens() {
    let cache = cache(60, 600, None);
    put(&cache, "a", 1, Some(10));
    put(&cache, "b", 2, Some(1_000));
    put(&cache, "c", 3, None);
    put(&cache, "c", 4, Some(0));
    assert_eq!([9, 10].map(|second| got(&cache, "a", second)), [Some(1), None]);
    assert_eq!([59, 60].map(|second| got(&cache, "b", second)), [Some(2), None]);
    assert_eq!(got(&cache, "c", 0), None, "nor is the answer before it");
    assert_eq!(cache.out_of_reach(&cache.question(b"c", START), START), None);
}

#[test]
fn an_answer_from_elsewhere_brings_its_age() {
    let cache = cache(60, 100, Some(5));
    let insert = |token: &str, age: u64| {
        let _ = cache.insert(&cache.question(token.as_bytes(), START), 1, 1, Duration::from_secs(age), None);
    };
    insert("a", 0);
    insert("b", 58);
    insert("c", 60);
    insert("d", u64::MAX);
    assert_eq!([4, 5].map(|second| got(&cache, "a", second)), [Some(1), None], "another process may know more");
    assert_eq!([1, 2].map(|second| got(&cache, "b", second)), [Some(1), None]);
    assert_eq!(got(&cache, "c", 0), None);
    let serves = |token: &str, second| cache.out_of_reach(&cache.question(token.as_bytes(), START), at(second));
    assert_eq!([99, 100].map(|second| serves("c", second)), [Some(1), None]);
    assert_eq!(serves("d", 0), None);
    assert_eq!(serves("a", 159), Some(1));
}

#[test]
fn while_the_endpoint_is_out_of_reach_an_answer_serves_longer() {
    let cache = cache(60, 40, None);
    put(&cache, "a", 1, None);
    assert_eq!((got(&cache, "a", 70), cache.serves_stale()), (None, false));
    let question = cache.question(b"a", at(70));
    assert_eq!((cache.out_of_reach(&question, at(71)), cache.serves_stale()), (Some(1), true));
    assert_eq!([75, 76].map(|second| got(&cache, "a", second)), [Some(1), None], "it is left alone for five seconds");
    assert_eq!(cache.out_of_reach(&question, at(100)), None);
    let _ = cache.out_of_reach(&question, at(99));
    cache.within_reach();
    assert_eq!((got(&cache, "a", 99), cache.serves_stale()), (None, false));
    assert_eq!(cache.counts().stale, 3);
}

#[test]
fn without_more_time_nothing_serves_past_its_lifetime() {
    let cache = cache(60, 0, None);
    put(&cache, "a", 1, None);
    let question = cache.question(b"a", at(60));
    assert_eq!((cache.out_of_reach(&question, at(60)), cache.serves_stale()), (None, false));
}

#[test]
fn what_is_invalidated_is_gone_with_what_is_on_its_way() {
    let cache = cache(60, 60, None);
    put(&cache, "a", 1, None);
    put(&cache, "b", 2, None);
    let under_way = cache.question(b"a", START);
    cache.invalidate(b"a");
    assert_eq!([got(&cache, "a", 0), got(&cache, "b", 0)], [None, Some(2)]);
    let _ = cache.insert(&under_way, 1, 1, Duration::ZERO, None);
    assert_eq!(got(&cache, "a", 0), None, "that answer may be from before");
    assert_ne!(cache.question(b"a", START).generation, under_way.generation, "no caller joins that question any more");
    put(&cache, "a", 3, None);
    assert_eq!(got(&cache, "a", 0), Some(3));

    let under_way = cache.question(b"b", START);
    cache.invalidate_all();
    let _ = cache.insert(&under_way, 2, 1, Duration::ZERO, None);
    assert_eq!([got(&cache, "a", 0), got(&cache, "b", 0)], [None, None]);
    assert_eq!(cache.counts().entries, 0);
}

#[test]
fn what_is_discarded_may_come_back() {
    let cache = cache(60, 0, None);
    put(&cache, "a", 1, None);
    let under_way = cache.question(b"a", START);
    cache.discard(b"a");
    assert_eq!(got(&cache, "a", 0), None);
    let _ = cache.insert(&under_way, 2, 1, Duration::ZERO, None);
    assert_eq!(got(&cache, "a", 0), Some(2));
}

#[test]
fn a_question_that_was_answered_meanwhile_is_not_asked() {
    let cache = cache(60, 0, None);
    let question = cache.question(b"a", START);
    assert_eq!(cache.answered_meanwhile(&question), None);
    put(&cache, "a", 1, None);
    assert_eq!(cache.answered_meanwhile(&question), Some(1));
    cache.asked();
    assert_eq!(cache.counts().questions, 1);
}

#[test]
fn it_is_bounded() {
    let cache = cache(60, 0, None);
    for token in 0..100 {
        put(&cache, &token.to_string(), token, None);
    }
    let counts = cache.counts();
    assert_eq!((counts.entries, counts.bytes), (10, 10 * (100 + ENTRY_BYTES)));
    put(&cache, "99", 1, None);
    let _ = cache.insert(&cache.question(b"99", START), 2, LARGEST_ENTRY, Duration::ZERO, None);
    assert_eq!(got(&cache, "99", 0), None, "neither what is too large nor what it replaces");
    let of_size = |most_entries| CacheSettings { most_entries, ..*cache.settings() };
    let none = AnswerCache::new(of_size(0));
    put(&none, "a", 1, None);
    assert_eq!(got(&none, "a", 0), None);
    let large = AnswerCache::new(of_size(DEFAULT_ENTRIES));
    for token in 0..3_000_u32 {
        let _ =
            large.insert(&large.question(&token.to_le_bytes(), START), token, LARGEST_ENTRY / 2, Duration::ZERO, None);
    }
    assert!(large.counts().bytes <= 32_000_000);
}

#[test]
fn an_answer_that_grew_weighs_more_and_is_the_same_otherwise() {
    let cache = cache(60, 0, None);
    for token in 0..10 {
        put(&cache, &token.to_string(), token, None);
    }
    let before = cache.counts();
    let weigh = |token: &[u8], bytes, value| cache.update_size(token, bytes, |found| *found == value);
    assert!(weigh(b"3", 1_100, 3));
    assert_eq!((cache.counts().entries, cache.counts().bytes), (10, before.bytes + 1_000));
    assert_eq!([59, 60].map(|second| got(&cache, "3", second)), [Some(3), None]);
    assert!(!weigh(b"4", LARGEST_ENTRY, 4), "it would be too large");
    assert!(!weigh(b"5", 1_100, 6), "another answer came meanwhile");
    assert!(!weigh(b"none", 1_100, 4));
    assert_eq!(cache.counts().bytes, before.bytes + 1_000);
    assert_eq!([4, 5].map(|token| got(&cache, &token.to_string(), 0)), [Some(4), Some(5)]);
}

#[test]
fn what_is_added_to_answers_drives_none_out() {
    let cache = AnswerCache::new(CacheSettings { most_entries: DEFAULT_ENTRIES, ..*cache(60, 0, None).settings() });
    let mut grew = 0;
    for number in 0..DEFAULT_ENTRIES {
        let token = number.to_le_bytes();
        let _ = cache.insert(&cache.question(&token, START), 1, 1_400, Duration::ZERO, None);
        grew += usize::from(cache.update_size(&token, 3_900, |_| true));
    }
    assert_eq!(cache.counts().entries, DEFAULT_ENTRIES);
    assert!((3_000..DEFAULT_ENTRIES).contains(&grew), "{grew}");
}
