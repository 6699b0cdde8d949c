//! The checks of the policy, in the order in which they run.

use super::claim_rules::Outcome;
use super::overrides::Overrides;
use super::{BoundTokens, DenylistStatus, Policy, media_type};
use crate::jose::confirmation::Confirmation;
use crate::jose::jws::Header;
use crate::jose::jwt::{Claims, NumericDate};
use crate::jose::token_kind::TokenKind;
use crate::outcome::check::{Check, Comparison, Trace};
use crate::outcome::rejection::Rejection;

/// One validation, and what the checks found so far.
pub(super) struct Validation<'a> {
    /// The protected header. `None` if the claims are from a server's answer.
    pub(super) header: Option<&'a Header>,
    /// The issuer in the key itself.
    pub(super) key_issuer: Option<&'a str>,
    /// Whether a server's answer lacks a demanded type.
    pub(super) lacks_type: bool,
    pub(super) claims: &'a Claims,
    /// The issuer that signed or answered, if it is known.
    pub(super) server: Option<&'a str>,
    pub(super) policy: &'a Policy,
    pub(super) overrides: &'a dyn Overrides,
    pub(super) now: NumericDate,
    /// The scopes by a subclass or a rule, if one says anything. Nothing is granted before a subclass
    /// was asked.
    pub(super) stated_scopes: Option<Vec<Box<str>>>,
    pub(super) skipped_scopes: Vec<Box<str>>,
    /// Whether the deny list is out of reach, so that there is no decision.
    pub(super) unread: bool,
}

/// The scopes that a token grants, by a subclass, a rule, or the claims.
pub(super) fn granted<'a>(said: Option<&'a [Box<str>]>, claims: &'a Claims) -> Vec<&'a str> {
    said.map_or_else(|| claims.scopes(), |said| texts(Some(said)).collect())
}

pub(super) type Run = fn(&mut Validation<'_>) -> Result<(), Rejection>;

/// The checks of the policy stage, in order.
pub(super) const CHECKS: [(Check, Run); 10] = [
    (Check::Type, check_type),
    (Check::Expiry, check_expiry),
    (Check::NotBefore, check_not_before),
    (Check::Issuer, check_issuer),
    (Check::Audience, check_audience),
    (Check::Client, check_client),
    (Check::ClaimRules, check_claim_rules),
    (Check::Binding, check_binding),
    (Check::Denylist, check_denylist),
    (Check::Scope, check_scope),
];

impl Validation<'_> {
    /// Runs the checks up to the first that fails, or all of them if the trace wants them. Returns the first error.
    pub(super) fn run(&mut self, trace: &mut impl Trace) -> Outcome {
        let mut decided = Ok(());
        for (check, run) in CHECKS {
            let Err(rejection) = run(self) else {
                trace.ended(check, None, || self.compare(check));
                continue;
            };
            // These errors need no comparison.
            let is_compared = !matches!(
                rejection,
                Rejection::CustomCheckFailed | Rejection::IdToken { .. } | Rejection::UntypedToken
            );
            let compare = || if is_compared { self.compare(check) } else { None };
            trace.ended(check, Some(&rejection), compare);
            if decided.is_ok() {
                decided = Err((rejection, compare()));
            }
            if !trace.continue_after_failure() {
                break;
            }
        }
        decided
    }

    /// What came and what is expected, if a check compares texts.
    fn compare(&self, check: Check) -> Option<Comparison> {
        let claims = self.claims;
        Some(match check {
            Check::Type => {
                let named = self.header?.typ().into_iter();
                Comparison::new(named.chain(claims.token_use()), self.policy.typ.as_deref())
            }
            Check::Issuer => Comparison::new(claims.issuer(), self.expected_issuers()),
            Check::Audience => Comparison::new(claims.audiences(), texts(self.policy.audiences())),
            Check::Client => {
                let client = super::issued_to(self.policy.rules.as_deref(), claims);
                Comparison::new(client, texts(self.policy.clients()))
            }
            // No issuer is known, and none is demanded.
            Check::Expiry if claims.expires().is_none() => Comparison::default(),
            Check::NotBefore if claims.not_before().is_none() => Comparison::default(),
            Check::ClaimRules if self.policy.rules.is_none() => Comparison::default(),
            Check::Denylist if self.policy.denylist.is_none() => Comparison::default(),
            Check::ClaimRules => return self.run_claim_rules().err()?.1,
            Check::Scope => {
                let mut compared = Comparison::new(
                    granted(self.stated_scopes.as_deref(), claims),
                    texts(Some(&self.policy.required_scopes)),
                );
                let skipped = self.skipped_scopes.iter().map(|text| format!("{text} (no scope)").into());
                compared.got.extend(skipped);
                compared
            }
            _ => return None,
        })
    }

    fn run_claim_rules(&self) -> Outcome {
        let Some(rules) = self.policy.rules.as_deref() else { return Ok(()) };
        rules.check(self.claims, self.now, self.policy.expiry_leeway)
    }

    /// The expected issuers, one of which must be that of the claims.
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

/// RFC 8725bis section 3.11. First the required `typ`, with which a `token_use` of another kind is refused as well; then
/// what the token says about its kind, since an asked server answers about tokens of every kind.
fn check_type(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    let mut kind = validation.claims.kind();
    if let Some(typ) = validation.header.and_then(Header::typ).filter(|typ| *typ != "JWT") {
        kind = kind.max(TokenKind::named(typ, "typ"));
    }
    if let (Some(header), Some(required)) = (validation.header, validation.policy.typ.as_deref()) {
        let named = header.typ().is_some_and(|typ| media_type(typ) == media_type(required));
        if !named || validation.claims.is_of_other_use() {
            return Err(Rejection::WrongType);
        }
    }
    match kind {
        TokenKind::Other => Err(Rejection::WrongType),
        TokenKind::Malformed if validation.header.is_none() => Err(Rejection::WrongType),
        TokenKind::Id(by) if validation.policy.allow_id_tokens != Some(true) => {
            Err(Rejection::IdToken { by: Some(by) })
        }
        _ if validation.lacks_type => Err(Rejection::UntypedToken),
        _ if validation.policy.allow_id_tokens == Some(false) && !says_access(validation) => {
            Err(Rejection::IdToken { by: None })
        }
        _ => Ok(()),
    }
}

/// Whether a JWT says that it is an access token: by its type, or by a claim that access tokens have and ID tokens do not
/// (RFC 9068 sections 2.1, 2.2 and 2.2.3). The kind in a server's answer was checked before.
fn says_access(validation: &Validation<'_>) -> bool {
    let Some(header) = validation.header else { return true };
    header.typ().is_some_and(|typ| media_type(typ) == "application/at+jwt")
        || validation.claims.kind() == TokenKind::Access
        || validation.claims.has_client_or_scope()
}

/// RFC 7519 section 4.1.4: at the time `exp` the token has expired.
fn check_expiry(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    match validation.claims.expires() {
        Some(at) if validation.now >= at.later(validation.policy.expiry_leeway) => Err(Rejection::Expired { at }),
        _ => Ok(()),
    }
}

/// RFC 7519 section 4.1.5.
fn check_not_before(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    match validation.claims.not_before() {
        Some(from) if from > validation.now.later(validation.policy.not_before_leeway) => {
            Err(Rejection::NotYetValid { from })
        }
        _ => Ok(()),
    }
}

/// RFC 7519 section 4.1.1. An introspection response that names no issuer counts as the asked server's.
fn check_issuer(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    let issuer = validation.claims.issuer();
    let accepted = match validation.overrides.accepts_issuer(validation.claims) {
        Some(answer) => answer?,
        None if issuer.is_none() && validation.header.is_none() => true,
        None => match (validation.policy.issuers(), &validation.policy.tenants) {
            (Some(issuers), Some(tenants)) => tenants.accept(issuers, validation.key_issuer, validation.claims),
            (Some(_), None) => validation.policy.accepts_issuer(issuer),
            (None, _) => validation.server.is_none_or(|expected| issuer == Some(expected)),
        },
    };
    if accepted { Ok(()) } else { Err(Rejection::IssuerMismatch) }
}

/// RFC 7519 section 4.1.3: one of the token's audiences is an expected one.
fn check_audience(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    let Some(expected) = validation.policy.audiences() else { return Ok(()) };
    let named = validation.claims.has_audience(|audience| expected.iter().any(|ours| **ours == *audience));
    if named { Ok(()) } else { Err(Rejection::AudienceMismatch) }
}

/// RFC 9068 section 2.2, RFC 7662 section 2.2: a server may know tokens that it issued to others.
fn check_client(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    let Some(clients) = validation.policy.clients.as_deref() else { return Ok(()) };
    let client = super::issued_to(validation.policy.rules.as_deref(), validation.claims);
    let ours = client.is_some_and(|client| clients.iter().any(|ours| **ours == *client));
    if ours { Ok(()) } else { Err(Rejection::ClientMismatch) }
}

/// The operator's rules about further claims.
fn check_claim_rules(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    validation.run_claim_rules().map_err(|(rejection, _)| rejection)
}

/// RFC 9449 section 7.1, RFC 8705 section 3: a token bound to a key is not a bearer token. If the server takes proofs, a token
/// with a thumbprint passes here, and its proof is checked once the token is verified.
fn check_binding(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    let rule = validation.policy.bound_tokens;
    if rule == BoundTokens::AcceptedAsBearer {
        return Ok(());
    }
    match Confirmation::of(validation.claims) {
        Confirmation::Unbound => Ok(()),
        Confirmation::Thumbprint(_) if rule == BoundTokens::Proven => Ok(()),
        Confirmation::Certificate => Err(Rejection::CertificateBoundToken),
        Confirmation::Thumbprint(_) | Confirmation::Other => Err(Rejection::BoundToken),
    }
}

/// This check comes before the scopes, so that a denied client does not learn which scopes to ask for.
fn check_denylist(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    if validation.policy.denylist.is_none() {
        return Ok(());
    }
    let (policy, claims) = (validation.policy, validation.claims);
    match policy.denylist_status_of(claims, policy.client_id(claims), policy.subject(claims), validation.now) {
        DenylistStatus::NotDenied => Ok(()),
        status => {
            validation.unread = status == DenylistStatus::Unread;
            Err(Rejection::DeniedToken)
        }
    }
}

/// RFC 6750 section 3.1.
fn check_scope(validation: &mut Validation<'_>) -> Result<(), Rejection> {
    validation.stated_scopes = validation.overrides.scopes(validation.claims).transpose()?;
    if let Some(rules) = validation.policy.rules.as_deref() {
        let ruled = rules.scopes(validation.claims, validation.stated_scopes.as_deref());
        if ruled.scopes.is_some() {
            validation.stated_scopes = ruled.scopes;
        }
        validation.skipped_scopes = ruled.skipped;
    }
    validation.policy.check_scopes(|required| match validation.stated_scopes.as_deref() {
        Some(stated) => stated.iter().any(|scope| **scope == *required),
        None => validation.claims.grants(required),
    })
}
