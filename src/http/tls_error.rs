//! What an error of TLS means in words.

use rustls::{AlertDescription, CertificateError, Error};

/// Where to go with what only OpenSSL accepts.
const WAY_OUT: &str = "; http_client takes a client with a TLS of its own";

/// What an error of TLS means.
pub(super) struct Explained {
    /// The text. Of a certificate it says only what is wrong with it.
    pub text: String,
    /// Whether the certificate is refused, and could be trusted by a file that `SSL_CERT_FILE` names.
    pub is_untrusted: bool,
}

/// Explains an error of TLS.
pub(super) fn explain(error: &Error) -> Explained {
    let (what, way_out) = match error {
        Error::InvalidCertificate(wrong) => return explain_certificate(wrong),
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(_) => (
            "the endpoint speaks no TLS that this client does: TLS 1.2 with ECDHE and AES-GCM or ChaCha20, or TLS 1.3",
            WAY_OUT,
        ),
        Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
            ("the endpoint asks for a client certificate", WAY_OUT)
        }
        Error::AlertReceived(_) => ("the endpoint refused the TLS handshake", ""),
        Error::InvalidMessage(_) => ("the endpoint does not speak TLS there", ""),
        _ => ("the TLS handshake failed", WAY_OUT),
    };
    Explained { text: format!("{what}{way_out}"), is_untrusted: false }
}

fn explain_certificate(wrong: &CertificateError) -> Explained {
    let untrusted = |text| Explained { text, is_untrusted: true };
    let what = match wrong {
        CertificateError::UnknownIssuer => {
            return untrusted(
                "no certificate authority that is trusted here issued the endpoint's certificate: SSL_CERT_FILE names a \
                 file with the authority's, or with the certificate itself"
                    .to_owned(),
            );
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is not for this host name: it must be among its subjectAltName"
        }
        CertificateError::Revoked => "was revoked",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "is not for a server",
        CertificateError::UnhandledCriticalExtension => "has a critical extension that is not known",
        CertificateError::BadSignature => "does not fit its signature",
        // That it is an authority's own, of version 1, or signed with SHA-1.
        _ => {
            return untrusted(format!(
                "the endpoint's certificate is of a kind that is not accepted, such as an authority's own, one of X.509 \
                 version 1, or one with a weak signature: SSL_CERT_FILE may name the very certificate{WAY_OUT}"
            ));
        }
    };
    Explained { text: format!("the endpoint's certificate {what}"), is_untrusted: false }
}
