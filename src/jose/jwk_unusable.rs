//! Why a JWK cannot verify signatures here, in words for its publisher.

use std::fmt;

use super::unsound_key::UnsoundKey;

/// The longest value that is quoted, in bytes. A longer one is not a name, and may be a secret in the wrong place.
const LONGEST_QUOTE: usize = 24;

/// Why a JWK cannot verify signatures here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It is no JSON object.
    NotAnObject,
    /// A member name stands twice in it (RFC 7517 section 4).
    NameTwice,
    /// A member is not there.
    Missing(&'static str),
    /// The key has a certificate (`x5c`) but lacks this member, which RFC 7517 section 4.7 demands beside it.
    CertificateAlone(&'static str),
    /// A member has the wrong type or value.
    Member(&'static str),
    /// A member is in the base64 of RFC 4648 section 4, or padded, and not in base64url (RFC 7515 section 2).
    OtherBase64(&'static str),
    /// This member names a key type or a curve that is not verified here.
    UnknownKeyType(&'static str, Quoted),
    /// This member reserves the key for something else.
    OtherPurpose(&'static str, Quoted),
    /// This member reserves the key for encryption, as it may.
    ForEncryption(&'static str, Quoted),
    /// Its `alg` is of signatures that are not verified here.
    OtherSignatures(Quoted),
    /// Its `alg` is for keys of another type.
    OtherKeyType(Quoted),
    /// `key_ops` names an operation twice.
    OperationTwice,
    /// The key holds this private member.
    Private(&'static str),
    /// The numbers are not those of a sound key.
    Unsound(UnsoundKey),
}

/// A name that the publisher wrote, in quotes; empty where it is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quoted(Box<str>);

impl From<&str> for Quoted {
    fn from(text: &str) -> Self {
        let is_name = text.len() <= LONGEST_QUOTE && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        Self(if is_name { format!(" \"{text}\"").into() } else { Box::default() })
    }
}

impl Unusable {
    /// Whether this was meant to be a key that verifies signatures, and is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        match self {
            Self::NotAnObject
            | Self::NameTwice
            | Self::Missing(_)
            | Self::CertificateAlone(_)
            | Self::Member(_)
            | Self::OtherBase64(_)
            | Self::OperationTwice
            | Self::Unsound(_) => true,
            Self::UnknownKeyType(..)
            | Self::OtherPurpose(..)
            | Self::OtherSignatures(_)
            | Self::OtherKeyType(_)
            | Self::ForEncryption(..)
            | Self::Private(_) => false,
        }
    }

    /// Whether key sets usually hold such keys beside those that verify signatures.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        matches!(self, Self::ForEncryption(..))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("it is no JSON object"),
            Self::NameTwice => f.write_str("it has a member name twice"),
            Self::Missing(name) => write!(f, "the member {name:?} is missing"),
            Self::CertificateAlone(name) => write!(
                f,
                "the member {name:?} is missing: there is a certificate alone (x5c), and RFC 7517 section 4.7 wants the key \
                 beside it"
            ),
            Self::Member(name) => write!(f, "the member {name:?} is malformed"),
            Self::OtherBase64(name) => {
                write!(f, "the member {name:?} is padded or in another base64 than base64url (RFC 7515 section 2)")
            }
            Self::UnknownKeyType(name, value) => write!(f, "{name:?}{}: such keys are not supported", value.0),
            Self::OtherPurpose(name, value) => {
                write!(f, "{name:?}{} reserves it for something other than verifying signatures", value.0)?;
                match (*name, value.0.trim()) {
                    ("use", "\"jwt-svid\"") => {
                        f.write_str(", unless key_use=\"jwt-svid\" says that it verifies them (SPIFFE)")
                    }
                    _ => Ok(()),
                }
            }
            Self::OtherSignatures(value) => {
                write!(f, "\"alg\"{} reserves it for signatures that are not verified here", value.0)
            }
            Self::OtherKeyType(value) => write!(f, "\"alg\"{} is for keys of another type", value.0),
            Self::OperationTwice => f.write_str("\"key_ops\" names an operation twice (RFC 7517 section 4.3)"),
            Self::ForEncryption(name, value) => write!(f, "{name:?}{} reserves it for encryption", value.0),
            Self::Private(name) => write!(f, "it holds private members ({name:?}); give the public key"),
            Self::Unsound(unsound) => unsound.fmt(f),
        }
    }
}

impl From<UnsoundKey> for Unusable {
    fn from(unsound: UnsoundKey) -> Self {
        Self::Unsound(unsound)
    }
}
