//! The claims of a payload that is plain JSON. The places of the claims that every token is checked by are noted at once; other
//! claims are read when a caller asks for them.

use std::fmt;
use std::sync::OnceLock;

use memchr::memchr;

use super::json::{self, Object, Value};
use super::numeric_date::NumericDate;
use super::plain_json::{Piece, Place, Reader};
use super::scanned_members::ScannedMembers;
use super::seen_names::SeenNames;
use super::token_kind::{TokenKind, names_bound_type};

/// A claim whose place is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    /// `iss`
    Issuer,
    /// `sub`
    Subject,
    /// `client_id`
    ClientId,
    /// `azp`
    AuthorizedParty,
    /// `jti`
    TokenId,
    /// `tid`
    Tenant,
    /// `token_use`
    TokenUse,
    /// `aud`
    Audience,
    /// `scope`
    Scope,
    /// `scp`
    Scp,
}

const CLAIMS: usize = Claim::Scp as usize + 1;

/// What was found in a text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FoundClaims {
    places: [Option<Place>; CLAIMS],
    pub(super) expires: Option<NumericDate>,
    pub(super) not_before: Option<NumericDate>,
    pub(super) issued_at: Option<NumericDate>,
    pub(super) kind: TokenKind,
    pub(super) is_bound: bool,
}

/// Claims of plain JSON whose registered members all have the right type.
#[derive(Clone)]
pub(super) struct ScannedClaims {
    text: String,
    found: FoundClaims,
    // In boxes, for most claims have neither.
    members: OnceLock<Box<ScannedMembers>>,
    object: OnceLock<Box<Object>>,
}

/// Without the members and the object, which say nothing more and may or may not have been read.
impl fmt::Debug for ScannedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, found, members: _, object: _ } = self;
        f.debug_struct("ScannedClaims").field("text", text).field("found", found).finish_non_exhaustive()
    }
}

impl ScannedClaims {
    /// Scans a text. `KEEP` keeps the places of all members, for a caller that will ask for them.
    ///
    /// # Errors
    /// The text, where it is not plain JSON, or a claim is of a type that is rare or wrong.
    pub(super) fn scan<const KEEP: bool>(text: String) -> Result<Self, String> {
        let mut members = if KEEP { Some(Box::new(ScannedMembers::new())) } else { None };
        let Some(found) = found::<KEEP>(&text, members.as_deref_mut()) else { return Err(text) };
        let members = members.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self { text, found, members, object: OnceLock::new() })
    }

    pub(super) fn found(&self) -> &FoundClaims {
        &self.found
    }

    /// The JSON.
    pub(super) fn json(&self) -> &str {
        &self.text
    }

    /// All members, which are read when they are first asked for.
    pub(super) fn object(&self) -> &Object {
        // The strict parser accepts every text that was scanned: tests and a fuzzer check that.
        self.object.get_or_init(|| Box::new(json::parse_object(self.text.as_bytes()).unwrap_or_default()))
    }

    /// The value of a member, which is read when it is first asked for.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        let scan = || {
            let mut members = Box::new(ScannedMembers::new());
            let _ = found::<true>(&self.text, Some(&mut members));
            members
        };
        self.members.get_or_init(scan).get(name, &self.text)
    }

    /// The estimated memory behind this value, in bytes, without the value itself.
    pub(super) fn memory(&self) -> usize {
        let members = self.members.get().map_or(0, |members| members.memory());
        self.text.capacity() + members + self.object.get().map_or(0, |object| object.memory())
    }

    /// A claim, if it is a text.
    #[inline]
    pub(super) fn text(&self, claim: Claim) -> Option<&str> {
        self.found.places[claim as usize].and_then(|place| place.string_of(&self.text))
    }

    /// Whether a claim is there.
    pub(super) fn has(&self, claim: Claim) -> bool {
        self.found.places[claim as usize].is_some()
    }

    /// The texts of a claim that is one or a list of them.
    #[inline]
    pub(super) fn texts(&self, claim: Claim) -> Texts<'_> {
        Texts(self.found.places[claim as usize].map_or("", |place| place.of(&self.text)))
    }
}

/// Plain texts, each between two quotes.
#[derive(Debug)]
pub(super) struct Texts<'t>(&'t str);

impl<'t> Iterator for Texts<'t> {
    type Item = &'t str;

    #[inline]
    fn next(&mut self) -> Option<&'t str> {
        let (_, rest) = self.0.split_at_checked(memchr(b'"', self.0.as_bytes())? + 1)?;
        let end = memchr(b'"', rest.as_bytes())?;
        self.0 = rest.get(end + 1..)?;
        rest.get(..end)
    }
}

/// Finds the claims, and with `KEEP` the members. `None` leaves the text to the strict parser.
fn found<const KEEP: bool>(text: &str, mut kept: Option<&mut ScannedMembers>) -> Option<FoundClaims> {
    let mut found = FoundClaims::default();
    let mut reader = Reader::of_object(text)?;
    let mut names = SeenNames::new();
    let mut members = names.of_object();
    let mut is_first = true;
    // The name of the last member, and where its value begins.
    let mut last = None;
    loop {
        if KEEP && let (Some(kept), Some((name, start))) = (&mut kept, last) {
            kept.add(name, reader.place_from(start)?);
        }
        let Some(name) = reader.next_name(is_first)? else { break };
        is_first = false;
        names.add(&mut members, name)?;
        if KEEP {
            last = Some((reader.place_of(name)?, reader.start_of_value()));
        }
        let value = reader.value()?;
        let claim = match name {
            "exp" => {
                found.expires = Some(date(value)?);
                continue;
            }
            "nbf" => {
                found.not_before = Some(date(value)?);
                continue;
            }
            "iat" => {
                found.issued_at = Some(date(value)?);
                continue;
            }
            "iss" => Claim::Issuer,
            "sub" => Claim::Subject,
            "client_id" => Claim::ClientId,
            "azp" => Claim::AuthorizedParty,
            "jti" => Claim::TokenId,
            "tid" => Claim::Tenant,
            "aud" => {
                found.places[Claim::Audience as usize] = Some(reader.place_of_strings(value)?);
                continue;
            }
            "scope" => {
                found.places[Claim::Scope as usize] = Some(reader.place_of_strings(value)?);
                continue;
            }
            "scp" => {
                found.places[Claim::Scp as usize] = Some(reader.place_of_strings(value)?);
                continue;
            }
            "token_use" => {
                found.kind = found.kind.max(TokenKind::named(value.plain()?, "token_use"));
                Claim::TokenUse
            }
            "token_usage" => {
                found.kind = found.kind.max(TokenKind::named(value.plain()?, "token_usage"));
                continue;
            }
            "typ" => {
                found.kind = found.kind.max(TokenKind::named(value.plain()?, "typ"));
                continue;
            }
            "token_type" => {
                let token_type = value.plain()?;
                found.kind = found.kind.max(TokenKind::named(token_type, "token_type"));
                found.is_bound |= names_bound_type(token_type);
                continue;
            }
            // Rare in access tokens.
            "cnf" | "at_hash" | "c_hash" => return None,
            _ => {
                reader.finish(value, &mut names)?;
                continue;
            }
        };
        found.places[claim as usize] = Some(reader.place_of_string(value)?);
    }
    if reader.is_at_end() { Some(found) } else { None }
}

fn date(value: Piece<'_>) -> Option<NumericDate> {
    match value {
        Piece::Int(seconds) => NumericDate::new(NumericDate::from_seconds(seconds).seconds()),
        _ => None,
    }
}
