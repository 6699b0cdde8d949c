//! Which server certificates are accepted under `SSL_CERT_FILE` and `SSL_CERT_DIR`: those that webpki accepts, and two
//! kinds that OpenSSL accepts beside them.
//!
//! - One that is equal, byte for byte, to one that the operator named, such as a self-signed one of `openssl req -x509`. It may
//!   call itself an authority, or be of version 1: the handshake proves that the server has its private key. Dates, purpose,
//!   critical extensions and the name are checked.
//! - One without a DNS name among its alternative names, by its common name, if an authority that was named issued it. An
//!   authority with name constraints cannot issue one, because constraints do not cover common names.
//!
//! Neither is accepted without those variables, because public authorities do not verify common names.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{self, WebPkiSupportedAlgorithms};
use rustls::pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::BitString;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{AnyRef, Decode, Encode, Tag};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::trust::NamedCertificates;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const NETSCAPE_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113730.1.1");
/// The extensions that may be critical in a certificate that was named: key usage, alternative name, basic and name
/// constraints, policies, extended key usage, and Netscape's type.
const UNDERSTOOD: [ObjectIdentifier; 7] = [
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.17"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
    NAME_CONSTRAINTS,
    ObjectIdentifier::new_unwrap("2.5.29.32"),
    ObjectIdentifier::new_unwrap("2.5.29.37"),
    NETSCAPE_TYPE,
];
/// The bit of an SSL server in Netscape's type, the second of its first octet.
const NETSCAPE_SERVER: u8 = 0x40;

/// Verifies server certificates against those that the operator named.
#[derive(Debug)]
pub(super) struct NamedCertificateVerifier {
    named: NamedCertificates,
    algorithms: WebPkiSupportedAlgorithms,
}

impl NamedCertificateVerifier {
    pub(super) fn new(named: NamedCertificates, provider: &crypto::CryptoProvider) -> Arc<Self> {
        Arc::new(Self { named, algorithms: provider.signature_verification_algorithms })
    }

    /// As webpki has it.
    fn verify_strictly(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let leaf = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, &self.named.roots, intermediates, now, algorithms)?;
        verify_server_name(&leaf, name)
    }

    /// The result for a certificate that was named itself; `None` for any other.
    fn verify_named(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<Result<(), Error>> {
        let certificate = Certificate::from_der(leaf).ok().filter(|_| self.named.contains(leaf))?;
        Some(check_dates(&certificate, now).and_then(|()| check_purpose(&certificate)).and_then(|()| {
            if has_alternative_name(&certificate, name) { Ok(()) } else { check_common_name(&certificate, name) }
        }))
    }

    /// The result for a certificate with the server's name as its common name; `None` if the common name does not count.
    fn verify_by_common_name(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<Result<(), Error>> {
        let certificate = Certificate::from_der(leaf).ok()?;
        if has_dns_name(&certificate) || !matches!(name, ServerName::DnsName(_)) {
            return None;
        }
        let unconstrained = self.named.roots.roots.iter().filter(|root| root.name_constraints.is_none());
        let issued = if certificate.tbs_certificate().version() == Version::V1 {
            // webpki does not read such certificates.
            let issued = unconstrained.into_iter().any(|root| self.is_issued_by(&certificate, root));
            check_dates(&certificate, now).and(if issued {
                Ok(())
            } else {
                Err(CertificateError::UnknownIssuer.into())
            })
        } else {
            let roots = RootCertStore { roots: unconstrained.cloned().collect() };
            let between: Vec<_> = intermediates.iter().filter(|found| is_unconstrained(found)).cloned().collect();
            ParsedCertificate::try_from(leaf).and_then(|leaf| {
                verify_server_cert_signed_by_trust_anchor(&leaf, &roots, &between, now, self.algorithms.all)
            })
        };
        Some(issued.and_then(|()| check_common_name(&certificate, name)))
    }

    /// Whether this authority issued the certificate, which has no extensions.
    fn is_issued_by(&self, certificate: &Certificate, root: &TrustAnchor<'_>) -> bool {
        let tbs = certificate.tbs_certificate();
        let is_its = || {
            let issuer = tbs.issuer().to_der().ok()?;
            if tbs.extensions().is_some() || contents(&issuer)? != root.subject.as_ref() {
                return None;
            }
            let key = AnyRef::new(Tag::Sequence, &root.subject_public_key_info).ok()?.to_der().ok()?;
            let algorithm = certificate.signature_algorithm().to_der().ok()?;
            let (signed, signature) = (tbs.to_der().ok()?, certificate.signature().as_bytes()?);
            let is_the = |known: &&&dyn SignatureVerificationAlgorithm| {
                contents(&algorithm) == Some(known.signature_alg_id().as_ref())
            };
            Some(self.algorithms.all.iter().filter(is_the).any(|known| is_signed(*known, &key, &signed, signature)))
        };
        is_its().unwrap_or(false)
    }
}

impl ServerCertVerifier for NamedCertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let strictly = || self.verify_strictly(end_entity, intermediates, server_name, now);
        let by_common_name = || self.verify_by_common_name(end_entity, intermediates, server_name, now);
        self.verify_named(end_entity, server_name, now)
            .unwrap_or_else(|| strictly().or_else(|refused| by_common_name().unwrap_or(Err(refused))))
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(cert).is_ok() {
            return crypto::verify_tls12_signature(message, cert, dss, &self.algorithms);
        }
        let key = key_of(cert)?;
        let usable = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
        let mut usable = usable.into_iter().flat_map(|(_, algorithms)| algorithms.iter());
        if usable.any(|algorithm| is_signed(*algorithm, &key, message, dss.signature())) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(cert).is_ok() {
            return crypto::verify_tls13_signature(message, cert, dss, &self.algorithms);
        }
        crypto::verify_tls13_signature_with_raw_key(message, &key_of(cert)?, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The public key of a certificate that webpki does not read.
fn key_of(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let key = Certificate::from_der(certificate)
        .and_then(|certificate| certificate.tbs_certificate().subject_public_key_info().to_der());
    key.map(SubjectPublicKeyInfoDer::from).map_err(|_| CertificateError::BadEncoding.into())
}

/// Whether the key, a DER `SubjectPublicKeyInfo`, is of this algorithm and signed the message with it.
fn is_signed(algorithm: &dyn SignatureVerificationAlgorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let is_signed = || {
        let key = SubjectPublicKeyInfoRef::from_der(key).ok()?;
        let kind = key.algorithm.to_der().ok()?;
        if contents(&kind)? != algorithm.public_key_alg_id().as_ref() {
            return None;
        }
        algorithm.verify_signature(key.subject_public_key.as_bytes()?, message, signature).ok()
    };
    is_signed().is_some()
}

/// What is inside the one DER value.
fn contents(der: &[u8]) -> Option<&[u8]> {
    AnyRef::from_der(der).ok().map(AnyRef::value)
}

fn check_dates(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
    let (validity, now) = (certificate.tbs_certificate().validity(), now.as_secs());
    if now < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// Whether the certificate may be a server's, and has no critical extension that is unknown.
fn check_purpose(certificate: &Certificate) -> Result<(), Error> {
    let tbs = certificate.tbs_certificate();
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    if extensions.iter().any(|extension| extension.critical && !UNDERSTOOD.contains(&extension.extn_id)) {
        return Err(CertificateError::UnhandledCriticalExtension.into());
    }
    let bad = |_| Error::from(CertificateError::BadEncoding);
    let usage = tbs.get_extension::<KeyUsage>().map_err(bad)?;
    let extended = tbs.get_extension::<ExtendedKeyUsage>().map_err(bad)?;
    let netscape = extensions.iter().find(|extension| extension.extn_id == NETSCAPE_TYPE);
    let netscape = netscape.map(|found| BitString::from_der(found.extn_value.as_bytes())).transpose().map_err(bad)?;
    let fits = usage
        .is_none_or(|(_, usage)| usage.digital_signature() || usage.key_encipherment() || usage.key_agreement())
        && extended.is_none_or(|(_, usage)| usage.0.contains(&SERVER_AUTH))
        && netscape.is_none_or(|kinds| kinds.raw_bytes().first().is_some_and(|kinds| kinds & NETSCAPE_SERVER != 0));
    if fits { Ok(()) } else { Err(CertificateError::InvalidPurpose.into()) }
}

/// Whether the name is among the alternative names. webpki does not read a certificate with critical policies.
fn has_alternative_name(certificate: &Certificate, name: &ServerName<'_>) -> bool {
    let names = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok().flatten();
    names.is_some_and(|(_, names)| {
        names.0.iter().any(|found| match (found, name) {
            (GeneralName::DnsName(found), ServerName::DnsName(host)) => covers(found.as_str(), host.as_ref()),
            (GeneralName::IpAddress(found), ServerName::IpAddress(address)) => match IpAddr::from(*address) {
                IpAddr::V4(address) => found.as_bytes() == address.octets(),
                IpAddr::V6(address) => found.as_bytes() == address.octets(),
            },
            _ => false,
        })
    })
}

/// Whether there is a DNS name among the alternative names, or what cannot be read.
fn has_dns_name(certificate: &Certificate) -> bool {
    match certificate.tbs_certificate().get_extension::<SubjectAltName>() {
        Ok(None) => false,
        Ok(Some((_, names))) => names.0.iter().any(|name| matches!(name, GeneralName::DnsName(_))),
        Err(_) => true,
    }
}

/// RFC 6125 section 6.4.4, as in OpenSSL: by the common name, and only if no alternative name is a DNS name.
fn check_common_name(certificate: &Certificate, name: &ServerName<'_>) -> Result<(), Error> {
    let mut names = certificate.tbs_certificate().subject().iter().filter(|part| part.oid == COMMON_NAME);
    match name {
        ServerName::DnsName(host)
            if !has_dns_name(certificate)
                && names.any(|part| {
                    std::str::from_utf8(part.value.value()).is_ok_and(|name| covers(name, host.as_ref()))
                }) =>
        {
            Ok(())
        }
        _ => Err(CertificateError::NotValidForName.into()),
    }
}

/// Whether a name, or a `*.` before a name of two labels or more, covers the host.
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        None => name.eq_ignore_ascii_case(host),
        Some(parent) => {
            let below = host.split_once('.').filter(|(label, _)| !label.is_empty());
            parent.contains('.') && below.is_some_and(|(_, rest)| parent.eq_ignore_ascii_case(rest))
        }
    }
}

/// Whether an authority's certificate has no name constraints. A certificate that cannot be read counts as constrained.
fn is_unconstrained(certificate: &CertificateDer<'_>) -> bool {
    Certificate::from_der(certificate).is_ok_and(|certificate| {
        let extensions = certificate.tbs_certificate().extensions();
        extensions.is_none_or(|found| found.iter().all(|extension| extension.extn_id != NAME_CONSTRAINTS))
    })
}
