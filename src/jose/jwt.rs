//! The claims of a JSON Web Token (RFC 7519 section 4), read by type before any of them is validated.

use memchr::memchr_iter;

use super::json::{self, Object, Value};
use super::read_claims::{ReadClaims, members};
use super::scanned_claims::{Claim, ScannedClaims};
use super::token_kind::TokenKind;

pub use super::numeric_date::NumericDate;
pub use super::read_claims::{ClaimNames, MalformedClaims};

/// The names of JSON Web Tokens: RFC 7519 section 4.1, RFC 8693 section 4.2, and `scp`, which some issuers write.
pub static REGISTERED: ClaimNames =
    ClaimNames { expires: &["exp"], subject: &["sub"], user: &["sub"], scopes: &["scope", "scp"] };

/// A claims set whose registered claims all have the right type.
#[derive(Debug, Clone)]
pub struct Claims(ClaimsForm);

/// How the claims are held. Most are plain JSON text, with the places of the claims that every token is checked by.
#[derive(Debug, Clone)]
enum ClaimsForm {
    Scanned(ScannedClaims),
    Read(ReadClaims),
}

impl Claims {
    /// Reads the claims set of a JSON Web Token.
    ///
    /// # Errors
    /// `MalformedClaims`, without a claim where the payload is no strict JSON object.
    pub fn parse(payload: &[u8]) -> Result<Self, MalformedClaims> {
        Self::take(&mut payload.to_vec())
    }

    /// Does the same, and keeps the payload. The payload stays with the caller where it is not a claims set.
    ///
    /// # Errors
    /// As of [`Claims::parse`].
    pub fn take(payload: &mut Vec<u8>) -> Result<Self, MalformedClaims> {
        Self::scan::<false>(payload)
    }

    /// Does the same, and keeps the places of the members, for a caller that will ask for them.
    ///
    /// # Errors
    /// As of [`Claims::parse`].
    pub fn take_with_members(payload: &mut Vec<u8>) -> Result<Self, MalformedClaims> {
        Self::scan::<true>(payload)
    }

    fn scan<const KEEP: bool>(payload: &mut Vec<u8>) -> Result<Self, MalformedClaims> {
        let text = match String::from_utf8(std::mem::take(payload)) {
            Ok(text) => text,
            Err(error) => {
                *payload = error.into_bytes();
                return Err(MalformedClaims { claim: None });
            }
        };
        ScannedClaims::scan::<KEEP>(text).map(|scanned| Self(ClaimsForm::Scanned(scanned))).or_else(|text| {
            *payload = text.into_bytes();
            let object = json::parse_object(payload).map_err(|_| MalformedClaims { claim: None })?;
            Self::read(object, &REGISTERED)
        })
    }

    /// Reads a claims set that has these names.
    ///
    /// Expiry, `nbf` and `iat` must be dates; `iss`, `client_id`, `azp`, `jti` and the subject strings; `aud` and the scopes a
    /// string or an array of strings; `cnf` an object. A claim of another type is not the same as an absent one.
    ///
    /// # Errors
    /// `MalformedClaims`, with the claim at fault.
    pub fn read(object: Object, names: &'static ClaimNames) -> Result<Self, MalformedClaims> {
        ReadClaims::read(object, names).map(|read| Self(ClaimsForm::Read(read)))
    }

    /// All claims, registered or not.
    #[must_use]
    pub fn object(&self) -> &Object {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.object(),
            ClaimsForm::Read(read) => &read.object,
        }
    }

    /// The value of a claim, registered or not.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.member(name),
            ClaimsForm::Read(read) => read.object.get(name),
        }
    }

    /// Their JSON text, where it is plain, for [`super::plain_json::Reader`].
    #[must_use]
    pub fn plain_json(&self) -> Option<&str> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => Some(scanned.json()),
            ClaimsForm::Read(_) => None,
        }
    }

    /// The estimated memory behind the claims, in bytes, without this value itself.
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.memory(),
            ClaimsForm::Read(read) => read.object.memory(),
        }
    }

    /// The kind of token that the claims say they belong to.
    #[must_use]
    pub fn kind(&self) -> TokenKind {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.found().kind,
            ClaimsForm::Read(read) => read.kind,
        }
    }

    /// `exp`, or what stands for it.
    #[must_use]
    pub fn expires(&self) -> Option<NumericDate> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.found().expires,
            ClaimsForm::Read(read) => read.expires,
        }
    }

    /// `nbf`
    #[must_use]
    pub fn not_before(&self) -> Option<NumericDate> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.found().not_before,
            ClaimsForm::Read(read) => read.not_before,
        }
    }

    /// `iat`
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.found().issued_at,
            ClaimsForm::Read(read) => read.object.get("iat").and_then(NumericDate::from_value),
        }
    }

    /// `iss`
    #[must_use]
    #[inline]
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss", Claim::Issuer)
    }

    /// `jti`
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.text("jti", Claim::TokenId)
    }

    /// `tid`, if it is a text: the tenant of the issuer.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.text("tid", Claim::Tenant)
    }

    /// `token_use`, if it is a text.
    #[must_use]
    pub fn token_use(&self) -> Option<&str> {
        self.text("token_use", Claim::TokenUse)
    }

    /// Whether `token_use` is there and says anything but that this is an access token.
    #[must_use]
    pub fn is_of_other_use(&self) -> bool {
        self.has("token_use", Claim::TokenUse) && self.token_use() != Some("access")
    }

    /// Whether there is a client or a scope, which access tokens have (RFC 9068 sections 2.2 and 2.2.3).
    #[must_use]
    pub fn has_client_or_scope(&self) -> bool {
        [("client_id", Claim::ClientId), ("scope", Claim::Scope), ("scp", Claim::Scp)]
            .into_iter()
            .any(|(name, claim)| self.has(name, claim))
    }

    /// `sub`, or what stands for it.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.text(Claim::Subject),
            ClaimsForm::Read(read) => read.names.subject.iter().find_map(|claim| read.text(claim)),
        }
    }

    /// The user of the token.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.text(Claim::Subject),
            ClaimsForm::Read(read) => read.names.user.iter().find_map(|claim| read.text(claim)),
        }
    }

    /// The client that the token was issued to: `client_id` (RFC 9068 section 2.2), else `azp`. Empty is absent.
    #[must_use]
    pub fn issued_to(&self) -> Option<&str> {
        let given = |text: Option<&'_ str>| text.is_some_and(|text| !text.is_empty());
        let client_id = self.text("client_id", Claim::ClientId);
        if given(client_id) {
            return client_id;
        }
        self.text("azp", Claim::AuthorizedParty).filter(|text| !text.is_empty())
    }

    /// The client that the token was issued to, else its subject. Empty is absent.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.issued_to().or_else(|| self.subject().filter(|text| !text.is_empty()))
    }

    /// Each value of `aud`.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let (scanned, read) = match &self.0 {
            ClaimsForm::Scanned(scanned) => (Some(scanned.texts(Claim::Audience)), None),
            ClaimsForm::Read(read) => (None, Some(members(read.object.get("aud")))),
        };
        scanned.into_iter().flatten().chain(read.into_iter().flatten())
    }

    /// Whether one of those is expected.
    #[must_use]
    pub fn has_audience(&self, is_expected: impl Fn(&str) -> bool) -> bool {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.texts(Claim::Audience).any(is_expected),
            ClaimsForm::Read(read) => members(read.object.get("aud")).any(is_expected),
        }
    }

    /// The granted scopes: the space-separated words of `scope` or the members of the array, and `scp` only where there
    /// is no `scope` (RFC 8693 section 4.2).
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        match self.scope() {
            Scope::Words(text) => words(text).collect(),
            Scope::Scanned(scanned, claim) => scanned.texts(claim).filter(|scope| !scope.is_empty()).collect(),
            Scope::Read(value) => scope_members(value).collect(),
        }
    }

    /// Whether this scope is among those.
    #[must_use]
    pub fn grants(&self, scope: &str) -> bool {
        match self.scope() {
            Scope::Words(text) => words(text).any(|granted| granted == scope),
            Scope::Scanned(scanned, claim) => {
                scanned.texts(claim).any(|granted| granted == scope && !granted.is_empty())
            }
            Scope::Read(value) => scope_members(value).any(|granted| granted == scope),
        }
    }

    fn scope(&self) -> Scope<'_> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => {
                let claim = if scanned.has(Claim::Scope) { Claim::Scope } else { Claim::Scp };
                scanned.text(claim).map_or(Scope::Scanned(scanned, claim), Scope::Words)
            }
            ClaimsForm::Read(read) => match read.names.scopes.iter().find_map(|claim| read.object.get(claim)) {
                Some(Value::String(text)) => Scope::Words(text),
                value => Scope::Read(value),
            },
        }
    }

    /// Whether the token is bound to a proof of possession (RFC 7800 section 3.1), or is of a type that is (RFC 9449
    /// section 5).
    #[must_use]
    pub fn is_bound(&self) -> bool {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.found().is_bound,
            ClaimsForm::Read(read) => read.is_bound,
        }
    }

    #[inline]
    fn text(&self, name: &str, claim: Claim) -> Option<&str> {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.text(claim),
            ClaimsForm::Read(read) => read.text(name),
        }
    }

    fn has(&self, name: &str, claim: Claim) -> bool {
        match &self.0 {
            ClaimsForm::Scanned(scanned) => scanned.has(claim),
            ClaimsForm::Read(read) => read.object.get(name).is_some(),
        }
    }
}

/// The claim that says what a token grants.
enum Scope<'c> {
    /// A text.
    Words(&'c str),
    /// A list, or nothing.
    Scanned(&'c ScannedClaims, Claim),
    /// A list, or nothing.
    Read(Option<&'c Value>),
}

fn scope_members(value: Option<&Value>) -> impl Iterator<Item = &str> {
    members(value).filter(|scope| !scope.is_empty())
}

/// The words of a text, which may be hundreds of scopes.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    memchr_iter(b' ', text.as_bytes()).chain([text.len()]).filter_map(move |end| {
        let word = &text[start..end];
        start = end + 1;
        Some(word).filter(|word| !word.is_empty())
    })
}

#[cfg(test)]
mod tests;
