//! The certificates that the operator trusts by name, with `SSL_CERT_FILE` or `SSL_CERT_DIR`.
//!
//! As httpx has it: the file in the place of the system's certificates, or the folder where no file is named; an empty
//! variable counts as none.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::HttpError;

const FILE: &str = "SSL_CERT_FILE";
const FOLDER: &str = "SSL_CERT_DIR";

/// Certificates that the operator named.
#[derive(Debug)]
pub(super) struct NamedCertificates {
    /// Those that can be an authority's.
    pub(super) roots: RootCertStore,
    /// The SHA-256 digests of all.
    digests: HashSet<[u8; 32]>,
}

impl NamedCertificates {
    /// Those of the environment, or nothing where it names none.
    ///
    /// # Errors
    /// What it names cannot be read, or the file holds no certificate.
    pub(super) fn read() -> Result<Option<Self>, HttpError> {
        let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
        if let Some(file) = named(FILE) {
            return Self::from_file(&file).map(Some);
        }
        named(FOLDER).map(|folders| Self::from_folders(&folders)).transpose()
    }

    pub(super) fn new<'c>(certificates: impl IntoIterator<Item = CertificateDer<'c>>) -> Self {
        let mut named = Self { roots: RootCertStore::empty(), digests: HashSet::new() };
        for certificate in certificates {
            if named.digests.insert(sha256(&certificate)) {
                named.roots.add_parsable_certificates([certificate.into_owned()]);
            }
        }
        named
    }

    /// Whether this very certificate was named, byte for byte.
    pub(super) fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.digests.contains(&sha256(certificate))
    }

    fn from_file(file: &OsString) -> Result<Self, HttpError> {
        let unusable = |why: &str| HttpError::NoClient(format!("the file that {FILE} names {why}"));
        let found = certificates_of(Path::new(file)).map_err(|()| unusable("cannot be read"))?;
        if found.is_empty() {
            return Err(unusable("holds no PEM certificate"));
        }
        Ok(Self::new(found))
    }

    /// All of a folder's certificates; OpenSSL takes only those whose file is named by a hash.
    fn from_folders(folders: &OsString) -> Result<Self, HttpError> {
        let folders: Vec<PathBuf> =
            std::env::split_paths(folders).filter(|path| !path.as_os_str().is_empty()).collect();
        let mut found = Vec::new();
        let mut is_readable = false;
        for entries in folders.iter().filter_map(|folder| folder.read_dir().ok()) {
            is_readable = true;
            for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
                found.extend(certificates_of(&path).unwrap_or_default());
            }
        }
        if is_readable {
            Ok(Self::new(found))
        } else {
            Err(HttpError::NoClient(format!("the folder that {FOLDER} names cannot be read")))
        }
    }
}

/// What else the file holds is skipped, such as a private key.
fn certificates_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, ()> {
    Ok(CertificateDer::pem_file_iter(path).map_err(|_| ())?.flatten().collect())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut found = [0; 32];
    found.copy_from_slice(digest(&SHA256, bytes).as_ref());
    found
}
