//! The checks of the policy stage: a list, in the order in which a token meets them.

use std::sync::Arc;

use super::{Policy, Vouched, Voucher, media_type};
use crate::checks::{Check, Comparison, Trail, Untraced};
use crate::jose::json::Value;
use crate::jose::jws::Header;
use crate::jose::jwt::{Claims, NumericDate};
use crate::rejection::Rejection;

impl Policy {
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
            Voucher::Signature { header, .. } => Some(header),
            Voucher::Answer => None,
        };
        let server = vouched.issuer.as_deref();
        let said_scopes = Some(Vec::new());
        let mut case = Case { header, claims: &vouched.claims, server, policy: self, overrides, now, said_scopes };
        let outcome = case.run(trail);
        let said_scopes = case.said_scopes;
        match outcome {
            Ok(()) => Ok(Verified { vouched, said_scopes, expiry_leeway: self.expiry_leeway }),
            Err((rejection, comparison)) => Err(Box::new(Refused { rejection, comparison, vouched })),
        }
    }

    /// Reports what each check says of claims that nobody vouches for. Nothing comes of it.
    pub fn look_at(&self, header: &Header, claims: &Claims, now: NumericDate, trail: &mut impl Trail) {
        let (header, server, said_scopes) = (Some(header), None, None);
        let mut case = Case { header, claims, server, policy: self, overrides: &Plain, now, said_scopes };
        // The report is all there is to it.
        let _ = case.run(trail);
    }
}

/// A token that passed every check: only [`Policy::judge`] makes one.
#[derive(Debug)]
pub struct Verified {
    vouched: Arc<Vouched>,
    /// What a subclass says that the token grants, where it says anything.
    said_scopes: Option<Vec<Box<str>>>,
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
    pub fn scopes(&self) -> Vec<&str> {
        granted(self.said_scopes.as_deref(), self.claims())
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

pub(super) struct Case<'a> {
    /// The protected header, unless a server's answer takes the place of a signature.
    header: Option<&'a Header>,
    claims: &'a Claims,
    /// Whose signature or answer it is, where that is known.
    server: Option<&'a str>,
    policy: &'a Policy,
    overrides: &'a dyn Overrides,
    now: NumericDate,
    /// What a subclass says that the token grants, where it says anything. Nothing is granted before it was asked.
    said_scopes: Option<Vec<Box<str>>>,
}

/// The scopes that a token grants: what a subclass says, or what the claims do.
fn granted<'a>(said: Option<&'a [Box<str>]>, claims: &'a Claims) -> Vec<&'a str> {
    said.map_or_else(|| claims.scopes(), |said| texts(Some(said)).collect())
}

pub(super) type Run = fn(&mut Case<'_>) -> Result<(), Rejection>;

/// The checks of the policy stage, in order.
pub(super) const CHECKS: [(Check, Run); 8] = [
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
            Check::Scope => {
                let granted = granted(self.said_scopes.as_deref(), claims);
                Comparison::new(granted, texts(Some(&self.policy.required_scopes)))
            }
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
    case.said_scopes = case.overrides.scopes(case.claims).transpose()?;
    case.policy.check_scopes(&granted(case.said_scopes.as_deref(), case.claims))
}
