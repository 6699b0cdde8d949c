//! The policy stage: what a token whose signature holds must also satisfy.
//!
//! It depends on time and configuration, so its outcome is never remembered. The checks are a list, in the order in
//! which a token meets them.

use std::sync::Arc;

use crate::checks::{Check, Comparison, Trail, Untraced};
use crate::config::ConfigError;
use crate::jose::json::Value;
use crate::jose::jws::Header;
use crate::jose::jwt::{Claims, NumericDate};
use crate::rejection::Rejection;

/// How long after its `nbf` a token may still be early, in seconds, unless `leeway` says otherwise.
const DEFAULT_NOT_BEFORE_LEEWAY: f64 = 30.0;
/// The widest leeway, in seconds.
const MAX_LEEWAY: f64 = 600.0;

/// What an operator demands of a token's claims.
#[derive(Debug, Clone)]
pub struct Policy {
    issuers: Option<Vec<Box<str>>>,
    audiences: Option<Vec<Box<str>>>,
    clients: Option<Vec<Box<str>>>,
    required_scopes: Vec<Box<str>>,
    typ: Option<Box<str>>,
    expiry_leeway: f64,
    not_before_leeway: f64,
    allow_bound_tokens: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            issuers: None,
            audiences: None,
            clients: None,
            required_scopes: Vec::new(),
            typ: None,
            expiry_leeway: 0.0,
            not_before_leeway: DEFAULT_NOT_BEFORE_LEEWAY,
            allow_bound_tokens: false,
        }
    }
}

impl Policy {
    /// This policy, with these issuers: literal strings, one of which `iss` must be. `None` accepts any.
    ///
    /// # Errors
    /// An empty list or text, which looks like a check and would be none.
    pub fn with_issuers(self, issuers: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        Ok(Self { issuers: not_empty("issuer", issuers)?, ..self })
    }

    /// This policy, with these audiences: literal strings, one of which `aud` must name. `None` accepts any.
    ///
    /// # Errors
    /// An empty list or text.
    pub fn with_audiences(self, audiences: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        Ok(Self { audiences: not_empty("audience", audiences)?, ..self })
    }

    /// This policy, with these clients: literal strings, one of which the token must have been issued to. `None` accepts
    /// any.
    ///
    /// # Errors
    /// An empty list or text.
    pub fn with_clients(self, clients: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        Ok(Self { clients: not_empty("client_id", clients)?, ..self })
    }

    /// This policy, with these scopes, all of which the token must grant. An empty list demands none.
    ///
    /// # Errors
    /// A scope that no token could grant, because it is empty or holds a space (RFC 6749 section 3.3).
    pub fn with_required_scopes(self, required_scopes: Vec<Box<str>>) -> Result<Self, ConfigError> {
        if required_scopes.iter().any(|scope| scope.is_empty() || scope.contains(char::is_whitespace)) {
            return Err(ConfigError::new(
                "required_scopes holds an empty scope or one with a space: give a list with one scope an item",
            ));
        }
        Ok(Self { required_scopes, ..self })
    }

    /// This policy, with this `typ`, which the header must have.
    ///
    /// # Errors
    /// An empty text, and `JWT`, which tells nothing about a token (RFC 8725bis section 3.11).
    pub fn with_typ(self, typ: Option<Box<str>>) -> Result<Self, ConfigError> {
        let typ_says_nothing = |typ: &str| typ.trim().is_empty() || media_type(typ) == "application/jwt";
        if typ.as_deref().is_some_and(typ_says_nothing) {
            return Err(ConfigError::new(
                "typ is empty or \"JWT\", which every token may carry: name a type such as \"at+jwt\"",
            ));
        }
        Ok(Self { typ, ..self })
    }

    /// This policy, with a tolerance in seconds for clocks that differ, for `exp` and `nbf` both. `None` keeps the
    /// defaults: none for `exp`, 30 seconds for `nbf`.
    ///
    /// # Errors
    /// Not a number from 0 to 600.
    pub fn with_leeway(self, leeway: Option<f64>) -> Result<Self, ConfigError> {
        match leeway {
            None => Ok(Self { expiry_leeway: 0.0, not_before_leeway: DEFAULT_NOT_BEFORE_LEEWAY, ..self }),
            Some(leeway) if (0.0..=MAX_LEEWAY).contains(&leeway) => {
                Ok(Self { expiry_leeway: leeway, not_before_leeway: leeway, ..self })
            }
            Some(_) => Err(ConfigError::new("leeway must be a number of seconds from 0 to 600")),
        }
    }

    /// This policy, accepting tokens that are bound to a proof of possession, or not.
    #[must_use]
    pub fn with_bound_tokens(self, allow_bound_tokens: bool) -> Self {
        Self { allow_bound_tokens, ..self }
    }

    /// The expected issuers.
    #[must_use]
    pub fn issuers(&self) -> Option<&[Box<str>]> {
        self.issuers.as_deref()
    }

    /// Whether a token's issuer is an expected one (RFC 7519 section 4.1.1), compared as literal strings.
    #[must_use]
    pub fn accepts_issuer(&self, issuer: Option<&str>) -> bool {
        self.issuers().is_none_or(|issuers| issuer.is_some_and(|issuer| issuers.iter().any(|ours| **ours == *issuer)))
    }

    /// The expected audiences.
    #[must_use]
    pub fn audiences(&self) -> Option<&[Box<str>]> {
        self.audiences.as_deref()
    }

    /// The expected clients.
    #[must_use]
    pub fn clients(&self) -> Option<&[Box<str>]> {
        self.clients.as_deref()
    }

    /// The scopes that a token must grant.
    #[must_use]
    pub fn required_scopes(&self) -> &[Box<str>] {
        &self.required_scopes
    }

    /// How long past its `exp` a token is accepted, in seconds.
    #[must_use]
    pub fn expiry_leeway(&self) -> f64 {
        self.expiry_leeway
    }

    /// Checks that every required scope is among those granted.
    ///
    /// # Errors
    /// `InsufficientScope` with what is missing.
    pub fn check_scopes(&self, granted: &[Box<str>]) -> Result<(), Rejection> {
        let missing: Vec<Box<str>> =
            self.required_scopes.iter().filter(|required| !granted.contains(required)).cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(Rejection::InsufficientScope { missing }) }
    }

    /// Runs every check of the policy stage on a claims set that somebody vouches for.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn judge(
        &self,
        vouched: Arc<Vouched>,
        overrides: &dyn Overrides,
        now: NumericDate,
    ) -> Result<Verified, Box<Refused>> {
        self.judge_along(vouched, overrides, now, &mut Untraced)
    }

    /// Does the same, and reports each check.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn judge_along(
        &self,
        vouched: Arc<Vouched>,
        overrides: &dyn Overrides,
        now: NumericDate,
        trail: &mut impl Trail,
    ) -> Result<Verified, Box<Refused>> {
        let header = match &vouched.by {
            Voucher::Signature(header) => Some(header),
            Voucher::Answer => None,
        };
        let server = vouched.issuer.as_deref();
        let mut case =
            Case { header, claims: &vouched.claims, server, policy: self, overrides, now, scopes: Vec::new() };
        let outcome = case.run(trail);
        let scopes = case.scopes;
        match outcome {
            Ok(()) => Ok(Verified { vouched, scopes, expiry_leeway: self.expiry_leeway }),
            Err((rejection, comparison)) => Err(Box::new(Refused { rejection, comparison, vouched })),
        }
    }

    /// Reports what each check says of claims that nobody vouches for. Nothing comes of it.
    pub fn look_at(&self, header: &Header, claims: &Claims, now: NumericDate, trail: &mut impl Trail) {
        let header = Some(header);
        let mut case = Case { header, claims, server: None, policy: self, overrides: &Plain, now, scopes: Vec::new() };
        // The report is all there is to it.
        let _ = case.run(trail);
    }
}

fn not_empty(name: &str, texts: Option<Vec<Box<str>>>) -> Result<Option<Vec<Box<str>>>, ConfigError> {
    if texts.as_ref().is_some_and(|texts| texts.is_empty() || texts.iter().any(|text| text.trim().is_empty())) {
        return Err(ConfigError::new(format!(
            "{name} is empty: give the expected {name}, a list of them, or None to accept any"
        )));
    }
    Ok(texts)
}

/// A claims set that somebody vouches for. Nothing is said yet about the claims.
#[derive(Debug)]
pub struct Vouched {
    /// What vouches for it.
    pub by: Voucher,
    /// Whose signature or answer that is, where it is known: no other issuer's token can be meant (RFC 8725bis section
    /// 3.8). The policy's issuers, where there are any, stand in its place.
    pub issuer: Option<Arc<str>>,
    /// The claims set.
    pub claims: Claims,
}

impl Vouched {
    /// What it takes in memory, in bytes, by estimate.
    #[must_use]
    pub fn memory(&self) -> usize {
        let header = match &self.by {
            Voucher::Signature(header) => header.parameters().memory(),
            Voucher::Answer => 0,
        };
        size_of::<Self>() + header + self.claims.object().memory()
    }

    /// The key id that the header names, where there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        match &self.by {
            Voucher::Signature(header) => header.kid(),
            Voucher::Answer => None,
        }
    }
}

/// What vouches for a claims set.
#[derive(Debug)]
pub enum Voucher {
    /// A signature that holds, under this protected header.
    Signature(Header),
    /// The answer of a server that was asked about the token (RFC 7662 section 2.2).
    Answer,
}

/// A token that passed every check: only [`Policy::judge`] makes one.
#[derive(Debug)]
pub struct Verified {
    vouched: Arc<Vouched>,
    scopes: Vec<Box<str>>,
    expiry_leeway: f64,
}

impl Verified {
    /// What vouches for the claims, and for which.
    #[must_use]
    pub fn vouched(&self) -> &Arc<Vouched> {
        &self.vouched
    }

    /// The claims set.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.vouched.claims
    }

    /// The scopes that the token grants, as the last word on them has it.
    #[must_use]
    pub fn scopes(&self) -> &[Box<str>] {
        &self.scopes
    }

    /// When this verifier stops accepting the token: `exp` and the leeway.
    #[must_use]
    pub fn accepted_until(&self) -> Option<NumericDate> {
        self.claims().expires().map(|expires| expires.later(self.expiry_leeway))
    }
}

/// A claims set that somebody vouches for and that does not hold.
#[derive(Debug)]
pub struct Refused {
    /// The check that failed.
    pub rejection: Rejection,
    /// What it compared.
    pub comparison: Option<Comparison>,
    /// The claims set.
    pub vouched: Arc<Vouched>,
}

/// What a subclass may decide in the verifier's place. `None` leaves the decision where it is.
pub trait Overrides {
    /// Whether the token's issuer is acceptable.
    fn accepts_issuer(&self, _claims: &Claims) -> Option<Result<bool, CustomCheckFailed>> {
        None
    }

    /// The scopes that the token grants.
    fn scopes(&self, _claims: &Claims) -> Option<Result<Vec<Box<str>>, CustomCheckFailed>> {
        None
    }
}

/// No overrides.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Overrides for Plain {}

/// An override raised an exception, or gave an answer of the wrong type.
#[derive(Debug, Clone, Copy)]
pub struct CustomCheckFailed;

impl From<CustomCheckFailed> for Rejection {
    fn from(_: CustomCheckFailed) -> Self {
        Self::CustomCheckFailed
    }
}

struct Case<'a> {
    /// The protected header, unless a server's answer takes the place of a signature.
    header: Option<&'a Header>,
    claims: &'a Claims,
    /// Whose signature or answer it is, where that is known.
    server: Option<&'a str>,
    policy: &'a Policy,
    overrides: &'a dyn Overrides,
    now: NumericDate,
    scopes: Vec<Box<str>>,
}

type Run = fn(&mut Case<'_>) -> Result<(), Rejection>;

/// The checks of the policy stage, in order.
const CHECKS: [(Check, Run); 8] = [
    (Check::Type, check_type),
    (Check::Expiry, check_expiry),
    (Check::NotBefore, check_not_before),
    (Check::Issuer, check_issuer),
    (Check::Audience, check_audience),
    (Check::Client, check_client),
    (Check::Binding, check_binding),
    (Check::Scope, check_scope),
];

impl Case<'_> {
    /// Runs the checks up to the first that fails, or all of them if the trail goes on. The error is the first one's.
    fn run(&mut self, trail: &mut impl Trail) -> Result<(), (Rejection, Option<Comparison>)> {
        let mut decided = Ok(());
        for (check, run) in CHECKS {
            let outcome = run(self);
            trail.ended(check, outcome.as_ref().err(), || self.compare(check));
            if let (Ok(()), Err(rejection)) = (&decided, outcome) {
                let comparison = if rejection == Rejection::CustomCheckFailed { None } else { self.compare(check) };
                decided = Err((rejection, comparison));
            }
            if decided.is_err() && !trail.goes_on() {
                break;
            }
        }
        decided
    }

    /// What came and what is expected, where a check compares texts.
    fn compare(&self, check: Check) -> Option<Comparison> {
        let claims = self.claims;
        Some(match check {
            Check::Type => {
                let named = self.header?.typ().into_iter();
                let used = claims.object().get("token_use").and_then(Value::as_str);
                Comparison::new(named.chain(used), self.policy.typ.as_deref())
            }
            Check::Issuer => Comparison::new(claims.issuer(), self.expected_issuers()),
            Check::Audience => Comparison::new(claims.audiences(), texts(self.policy.audiences())),
            Check::Client => Comparison::new(claims.issued_to(), texts(self.policy.clients())),
            Check::Scope => Comparison::new(texts(Some(&self.scopes)), texts(Some(&self.policy.required_scopes))),
            _ => return None,
        })
    }

    /// The issuers of which one has to be that of the claims.
    fn expected_issuers(&self) -> Vec<&str> {
        match self.policy.issuers() {
            Some(issuers) => texts(Some(issuers)).collect(),
            None => self.server.into_iter().collect(),
        }
    }
}

fn texts(texts: Option<&[Box<str>]>) -> impl Iterator<Item = &str> {
    texts.unwrap_or_default().iter().map(|text| &**text)
}

/// A `typ` in full: without case, `application/` implied where there is no slash (RFC 7515 section 4.1.9).
fn media_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    if typ.contains('/') { typ } else { format!("application/{typ}") }
}

/// Words in the names of tokens that are no access tokens.
const OTHER_KINDS: [&str; 6] = ["refresh", "offline", "id", "logout", "code", "assertion"];

/// RFC 8725bis section 3.11. Where a type is required, a `token_use` that says otherwise refuses as well: some issuers name
/// the kind of a token there. A server that is asked answers about tokens of every kind, so what its answer calls
/// another kind is refused without being asked to.
fn check_type(case: &mut Case<'_>) -> Result<(), Rejection> {
    let member = |name: &str| case.claims.object().get(name);
    let fits = match (case.header, case.policy.typ.as_deref()) {
        (Some(_), None) => true,
        (Some(header), Some(required)) => {
            let named = header.typ().is_some_and(|typ| media_type(typ) == media_type(required));
            named && member("token_use").is_none_or(|used| used.as_str() == Some("access"))
        }
        (None, _) => ["token_type", "token_use", "typ"].into_iter().filter_map(member).all(|named| {
            named.as_str().is_some_and(|named| {
                let mut words = named.split(|c: char| !c.is_ascii_alphanumeric());
                words.all(|word| !OTHER_KINDS.iter().any(|other| word.eq_ignore_ascii_case(other)))
            })
        }),
    };
    if fits { Ok(()) } else { Err(Rejection::WrongType) }
}

/// RFC 7519 section 4.1.4: at `exp` the token is already expired.
fn check_expiry(case: &mut Case<'_>) -> Result<(), Rejection> {
    match case.claims.expires() {
        Some(at) if case.now >= at.later(case.policy.expiry_leeway) => Err(Rejection::Expired { at }),
        _ => Ok(()),
    }
}

/// RFC 7519 section 4.1.5.
fn check_not_before(case: &mut Case<'_>) -> Result<(), Rejection> {
    match case.claims.not_before() {
        Some(from) if from > case.now.later(case.policy.not_before_leeway) => Err(Rejection::NotYetValid { from }),
        _ => Ok(()),
    }
}

/// RFC 7519 section 4.1.1. An answer that names no issuer is the word of the server that was asked.
fn check_issuer(case: &mut Case<'_>) -> Result<(), Rejection> {
    let issuer = case.claims.issuer();
    let accepted = match case.overrides.accepts_issuer(case.claims) {
        Some(answer) => answer?,
        None if issuer.is_none() && case.header.is_none() => true,
        None if case.policy.issuers().is_some() => case.policy.accepts_issuer(issuer),
        None => case.server.is_none_or(|expected| issuer == Some(expected)),
    };
    if accepted { Ok(()) } else { Err(Rejection::IssuerMismatch) }
}

/// RFC 7519 section 4.1.3: one of the token's audiences is one of ours.
fn check_audience(case: &mut Case<'_>) -> Result<(), Rejection> {
    let Some(expected) = case.policy.audiences() else { return Ok(()) };
    let named = case.claims.audiences().any(|audience| expected.iter().any(|ours| **ours == *audience));
    if named { Ok(()) } else { Err(Rejection::AudienceMismatch) }
}

/// RFC 9068 section 2.2, RFC 7662 section 2.2: a server may know tokens that it issued to others.
fn check_client(case: &mut Case<'_>) -> Result<(), Rejection> {
    let Some(clients) = case.policy.clients.as_deref() else { return Ok(()) };
    let ours = case.claims.issued_to().is_some_and(|client| clients.iter().any(|ours| **ours == *client));
    if ours { Ok(()) } else { Err(Rejection::ClientMismatch) }
}

/// RFC 9449 section 7.1, RFC 8705 section 3: a token bound to a key is not a bearer token.
fn check_binding(case: &mut Case<'_>) -> Result<(), Rejection> {
    if case.claims.is_bound() && !case.policy.allow_bound_tokens { Err(Rejection::BoundToken) } else { Ok(()) }
}

/// RFC 6750 section 3.1.
fn check_scope(case: &mut Case<'_>) -> Result<(), Rejection> {
    let claims = case.claims;
    case.scopes = match case.overrides.scopes(claims) {
        Some(answer) => answer?,
        None => claims.scopes().into_iter().map(Box::from).collect(),
    };
    case.policy.check_scopes(&case.scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// Takes one fault away from a header or from claims.
    type Mend<'m> = &'m dyn Fn(&mut String, &mut Vec<String>);

    fn judge(policy: &Policy, header: &str, claims: &str) -> Result<Verified, Rejection> {
        judge_with(policy, &Plain, header, claims)
    }

    fn judge_with(
        policy: &Policy,
        overrides: &dyn Overrides,
        header: &str,
        claims: &str,
    ) -> Result<Verified, Rejection> {
        let vouched = Vouched {
            by: Voucher::Signature(Header::parse(format!(r#"{{"alg":"HS256"{header}}}"#).as_bytes())?),
            issuer: None,
            claims: Claims::parse(format!("{{{claims}}}").as_bytes())?,
        };
        policy.judge(Arc::new(vouched), overrides, NumericDate::from_seconds(NOW)).map_err(|refused| refused.rejection)
    }

    fn code(policy: &Policy, claims: &str) -> &'static str {
        code_of(judge(policy, "", claims))
    }

    fn code_of(outcome: Result<Verified, Rejection>) -> &'static str {
        outcome.map_or_else(|rejection| rejection.code(), |_| "accepted")
    }

    fn boxed(texts: &[&str]) -> Vec<Box<str>> {
        texts.iter().map(|&text| text.into()).collect()
    }

    #[test]
    fn at_exp_the_token_is_expired() {
        let policy = Policy::default();
        assert_eq!(code(&policy, &format!("\"exp\":{}", NOW + 1)), "accepted");
        assert_eq!(code(&policy, &format!("\"exp\":{NOW}.5")), "accepted");
        for exp in [NOW, NOW - 1, 0, -1] {
            assert_eq!(code(&policy, &format!("\"exp\":{exp}")), "expired");
        }
        assert_eq!(code(&policy, ""), "accepted");
    }

    #[test]
    fn nbf_has_thirty_seconds_and_leeway_sets_both() {
        let policy = Policy::default();
        assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 30)), "accepted");
        assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 31)), "not_yet_valid");
        assert_eq!(code(&policy, &format!("\"iat\":{}", NOW + 1000)), "accepted");
        let policy = policy.with_leeway(Some(60.0)).unwrap();
        assert_eq!(code(&policy, &format!("\"exp\":{}", NOW - 59)), "accepted");
        assert_eq!(code(&policy, &format!("\"exp\":{}", NOW - 60)), "expired");
        assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 60)), "accepted");
        assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 61)), "not_yet_valid");
        let policy = policy.with_leeway(Some(0.0)).unwrap();
        assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 1)), "not_yet_valid");
    }

    #[test]
    fn leeway_is_a_number_from_0_to_600() {
        for bad in [-1.0, -0.001, 600.1, 31_536_000.0, f64::NAN, f64::INFINITY] {
            assert!(Policy::default().with_leeway(Some(bad)).is_err(), "{bad}");
        }
        assert!(Policy::default().with_leeway(Some(600.0)).is_ok());
    }

    #[test]
    fn issuers_are_literal_strings() {
        let policy =
            Policy::default().with_issuers(Some(boxed(&["https://good.example", "https://b.example"]))).unwrap();
        assert_eq!(code(&policy, r#""iss":"https://good.example""#), "accepted");
        assert_eq!(code(&policy, r#""iss":"https://b.example""#), "accepted");
        for iss in [
            "",
            "https://good.exampl",
            "https://good.example/",
            "https://good.example.evil",
            "HTTPS://GOOD.EXAMPLE",
            "good",
        ] {
            assert_eq!(code(&policy, &format!("\"iss\":\"{iss}\"")), "issuer_mismatch", "{iss}");
        }
        assert_eq!(code(&policy, ""), "issuer_mismatch");
        assert_eq!(code(&Policy::default(), r#""iss":"any""#), "accepted");
    }

    #[test]
    fn one_audience_of_the_token_is_one_of_ours() {
        let policy = Policy::default().with_audiences(Some(boxed(&["good", "fine"]))).unwrap();
        for aud in [r#""good""#, r#"["x","good"]"#, r#"["fine"]"#] {
            assert_eq!(code(&policy, &format!("\"aud\":{aud}")), "accepted", "{aud}");
        }
        for aud in [r#""""#, "[]", r#"[""]"#, r#""goo""#, r#""good2""#, r#""Good""#, r#""good fine""#] {
            assert_eq!(code(&policy, &format!("\"aud\":{aud}")), "audience_mismatch", "{aud}");
        }
        assert_eq!(code(&policy, ""), "audience_mismatch");
    }

    #[test]
    fn empty_expectations_are_errors() {
        for empty in [&[][..], &[""], &["a", ""], &[" "]] {
            assert!(Policy::default().with_issuers(Some(boxed(empty))).is_err());
            assert!(Policy::default().with_audiences(Some(boxed(empty))).is_err());
        }
        assert!(Policy::default().with_required_scopes(vec![]).is_ok());
        for scopes in [&[""][..], &["read write"], &["a\t"]] {
            assert!(Policy::default().with_required_scopes(boxed(scopes)).is_err());
        }
    }

    #[test]
    fn all_required_scopes_are_granted() {
        let policy = Policy::default().with_required_scopes(boxed(&["read", "write"])).unwrap();
        assert_eq!(code(&policy, r#""scope":"write x read""#), "accepted");
        let missing = |claims| judge(&policy, "", claims).unwrap_err();
        assert_eq!(missing(r#""scope":"read""#), Rejection::InsufficientScope { missing: boxed(&["write"]) });
        for claims in [
            "",
            r#""scope":"READ WRITE""#,
            r#""scope":["read write"]"#,
            r#""scope":"read\twrite""#,
            r#""scope":"","scp":"read write""#,
        ] {
            assert_eq!(missing(claims).code(), "insufficient_scope", "{claims}");
        }
    }

    #[test]
    fn typ_is_compared_as_a_media_type() {
        let policy = Policy::default().with_typ(Some("at+jwt".into())).unwrap();
        let outcome = |typ: &str| judge(&policy, typ, "").map_or_else(|rejection| rejection.code(), |_| "accepted");
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
            assert_eq!(outcome(&format!(",\"typ\":\"{typ}\"")), "accepted", "{typ}");
        }
        for typ in [
            "",
            ",\"typ\":\"JWT\"",
            ",\"typ\":\"rt+jwt\"",
            ",\"typ\":\"x/at+jwt\"",
            ",\"typ\":\"\"",
            ",\"typ\":\"dpop+jwt\"",
        ] {
            assert_eq!(outcome(typ), "wrong_type", "{typ}");
        }
        let used =
            |token_use: &str| code_of(judge(&policy, ",\"typ\":\"at+jwt\"", &format!("\"token_use\":{token_use}")));
        assert_eq!(used("\"access\""), "accepted");
        for other in ["\"refresh\"", "\"id\"", "\"\"", "1", "null"] {
            assert_eq!(used(other), "wrong_type", "{other}");
        }
        for bad in ["", " ", "JWT", "jwt", "application/jwt", "Application/JWT"] {
            assert!(Policy::default().with_typ(Some(bad.into())).is_err());
        }
    }

    #[test]
    fn a_bound_token_is_no_bearer_token() {
        for cnf in [r#"{"jkt":"x"}"#, r#"{"x5t#S256":"x"}"#, "{}"] {
            let claims = format!("\"cnf\":{cnf}");
            assert_eq!(code(&Policy::default(), &claims), "bound_token");
            assert_eq!(code(&Policy::default().with_bound_tokens(true), &claims), "accepted");
        }
    }

    #[test]
    fn the_first_check_that_fails_gives_the_reason() {
        let demanding = Policy::default()
            .with_typ(Some("at+jwt".into()))
            .and_then(|policy| policy.with_issuers(Some(boxed(&["i"]))))
            .and_then(|policy| policy.with_audiences(Some(boxed(&["a"]))))
            .and_then(|policy| policy.with_clients(Some(boxed(&["c"]))))
            .and_then(|policy| policy.with_required_scopes(boxed(&["s"])))
            .unwrap();
        let mut header = String::new();
        let mut claims = vec![format!("\"exp\":{NOW}"), format!("\"nbf\":{}", NOW + 100), "\"cnf\":{}".to_owned()];
        let mut codes = Vec::new();
        let mends: [Mend<'_>; 8] = [
            &|header, _| header.push_str(r#","typ":"at+jwt""#),
            &|_, claims| claims[0] = "\"x\":1".to_owned(),
            &|_, claims| claims[1] = "\"y\":1".to_owned(),
            &|_, claims| claims.push("\"iss\":\"i\"".to_owned()),
            &|_, claims| claims.push("\"aud\":\"a\"".to_owned()),
            &|_, claims| claims.push("\"client_id\":\"c\"".to_owned()),
            &|_, claims| claims[2] = "\"z\":1".to_owned(),
            &|_, claims| claims.push("\"scope\":\"s\"".to_owned()),
        ];
        for mend in mends {
            codes.push(judge(&demanding, &header, &claims.join(",")).unwrap_err().code());
            mend(&mut header, &mut claims);
        }
        assert!(judge(&demanding, &header, &claims.join(",")).is_ok());
        assert_eq!(
            codes,
            [
                "wrong_type",
                "expired",
                "not_yet_valid",
                "issuer_mismatch",
                "audience_mismatch",
                "client_mismatch",
                "bound_token",
                "insufficient_scope"
            ]
        );
        assert_eq!(CHECKS.len(), codes.len());
    }

    #[test]
    fn an_override_has_the_last_word_and_its_failure_refuses() {
        struct Says(Option<bool>, Option<&'static [&'static str]>);
        impl Overrides for Says {
            fn accepts_issuer(&self, _: &Claims) -> Option<Result<bool, CustomCheckFailed>> {
                Some(self.0.ok_or(CustomCheckFailed))
            }
            fn scopes(&self, _: &Claims) -> Option<Result<Vec<Box<str>>, CustomCheckFailed>> {
                Some(self.1.map(boxed).ok_or(CustomCheckFailed))
            }
        }
        let policy = Policy::default().with_required_scopes(boxed(&["s"])).unwrap();
        let outcome = |says: &Says| judge_with(&policy, says, "", r#""iss":"i","scope":"s""#);
        let verified = outcome(&Says(Some(true), Some(&["s", "t"]))).unwrap();
        assert_eq!(verified.scopes(), boxed(&["s", "t"]));
        assert_eq!(outcome(&Says(Some(false), Some(&["s"]))).unwrap_err(), Rejection::IssuerMismatch);
        assert_eq!(outcome(&Says(Some(true), Some(&[]))).unwrap_err().code(), "insufficient_scope");
        assert_eq!(outcome(&Says(None, Some(&["s"]))).unwrap_err(), Rejection::CustomCheckFailed);
        assert_eq!(outcome(&Says(Some(true), None)).unwrap_err(), Rejection::CustomCheckFailed);
    }

    #[test]
    fn acceptance_ends_at_exp_and_the_leeway() {
        let policy = Policy::default().with_leeway(Some(60.0)).unwrap();
        let verified = judge(&policy, "", &format!("\"exp\":{NOW}")).unwrap();
        assert_eq!(verified.accepted_until(), Some(NumericDate::from_seconds(NOW + 60)));
    }
}
