//! The TLS of a client where the operator named certificates.

use std::sync::Arc;

use reqwest::ClientBuilder;
use rustls::{ClientConfig, crypto};

use super::certificate::NamedCertificateVerifier;
use super::error::HttpError;
use super::public_address::SsrfPolicy;
use super::trust::NamedCertificates;

/// Trusts what `SSL_CERT_FILE` or `SSL_CERT_DIR` names in the place of the system's certificates.
///
/// # Errors
/// What they name cannot be read.
pub(super) fn configure(builder: ClientBuilder, policy: SsrfPolicy) -> Result<ClientBuilder, HttpError> {
    match NamedCertificates::read()? {
        Some(named) => Ok(builder.tls_backend_preconfigured(config(named, policy)?)),
        None => Ok(builder),
    }
}

/// Only a URL that the operator chose may lead to a server whose certificate webpki refuses.
pub(super) fn config(named: NamedCertificates, policy: SsrfPolicy) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::no_client(&error))?;
    Ok(match policy {
        SsrfPolicy::PublicOnly => builder.with_root_certificates(named.roots).with_no_client_auth(),
        SsrfPolicy::TrustedUrl => builder
            .dangerous()
            .with_custom_certificate_verifier(NamedCertificateVerifier::new(named, &provider))
            .with_no_client_auth(),
    })
}
