//! The private key of a client, in a file that may be replaced while the process runs.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::config::ConfigError;
use crate::jose::signing_key::{MAX_LEN, SigningKey};

/// A file that changed within this time is read again: clocks of file systems are coarse, so a second change may leave time and
/// length the same.
const MINIMUM_AGE: Duration = Duration::from_secs(2);

/// Is called with what is wrong with the file, while the last key is used.
pub type OnTrouble = fn(String);

/// A file with one private key. It uses no lock, since a fork could leave a lock locked.
pub struct KeyFile {
    path: PathBuf,
    held: ArcSwap<Held>,
    on_trouble: OnTrouble,
}

/// The key that the file held when it was last read, or the key before that where it held none.
struct Held {
    key: Arc<SigningKey>,
    /// `None` where the file may have changed without a sign.
    identity: Option<FileIdentity>,
    content: [u8; 32],
    /// What is wrong with the file. It is reported once.
    trouble: Option<Box<str>>,
}

/// What differs after the file was replaced or written to.
#[derive(Clone, PartialEq, Eq)]
struct FileIdentity {
    length: u64,
    modified: SystemTime,
    node: (u64, u64),
    changed: (i64, i64),
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl KeyFile {
    /// Reads the key of a file. The file is looked at again each time that the key is needed.
    ///
    /// # Errors
    /// The file cannot be read, or holds no private key that signs.
    pub fn open(path: &Path, argument: &str, on_trouble: OnTrouble) -> Result<Self, ConfigError> {
        let wrong = |why: String| ConfigError::new(format!("{argument} cannot be used: {why}"));
        let (identity, text) = identify(path)
            .and_then(|identity| Ok((identity, read(path)?)))
            .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        let key = SigningKey::parse(&text).map_err(|error| wrong(error.to_string()))?;
        let held =
            Held { key: Arc::new(key), identity: identity.if_old_enough(), content: content(&text), trouble: None };
        Ok(Self { path: path.to_owned(), held: ArcSwap::from_pointee(held), on_trouble })
    }

    /// The key that the file holds now, or the last one where it holds none.
    #[must_use]
    pub fn key(&self) -> Arc<SigningKey> {
        let held = self.held.load_full();
        let identity = identify(&self.path);
        if identity.as_ref().is_ok_and(|identity| held.identity.as_ref() == Some(identity)) {
            return Arc::clone(&held.key);
        }
        let identity = identity.and_then(|identity| Ok((identity, read(&self.path)?)));
        let newer = match identity {
            Ok((identity, text)) => held.replaced(identity.if_old_enough(), &text),
            Err(error) => held.troubled(None, held.content, &format!("it cannot be read: {error}")),
        };
        let key = Arc::clone(&newer.key);
        let trouble = newer.trouble.clone().filter(|_| newer.trouble != held.trouble);
        // Several threads may find the same; one of them reports it.
        let before = self.held.compare_and_swap(&held, Arc::new(newer));
        if let Some(trouble) = trouble.filter(|_| Arc::ptr_eq(&before, &held)) {
            (self.on_trouble)(format!(
                "{}: {trouble}; its last key is used until it holds one again",
                self.path.display()
            ));
        }
        key
    }
}

impl Held {
    fn replaced(&self, identity: Option<FileIdentity>, text: &[u8]) -> Self {
        let content = content(text);
        if content == self.content {
            return Self { key: Arc::clone(&self.key), identity, content, trouble: self.trouble.clone() };
        }
        match SigningKey::parse(text) {
            Ok(key) => Self { key: Arc::new(key), identity, content, trouble: None },
            Err(error) => self.troubled(identity, content, &error.to_string()),
        }
    }

    fn troubled(&self, identity: Option<FileIdentity>, content: [u8; 32], trouble: &str) -> Self {
        Self { key: Arc::clone(&self.key), identity, content, trouble: Some(trouble.into()) }
    }
}

impl FileIdentity {
    fn if_old_enough(self) -> Option<Self> {
        let since = SystemTime::now().duration_since(self.modified).ok()?;
        (since > MINIMUM_AGE).then_some(self)
    }
}

fn content(text: &[u8]) -> [u8; 32] {
    let mut content = [0; 32];
    content.copy_from_slice(digest(&SHA256, text).as_ref());
    content
}

/// The state of the file at a path, links followed: a Kubernetes volume replaces one of the links.
fn identify(path: &Path) -> io::Result<FileIdentity> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        // Reading a pipe could block.
        return Err(io::Error::other("it is no regular file"));
    }
    #[cfg(unix)]
    let (node, changed) = {
        use std::os::unix::fs::MetadataExt as _;
        ((metadata.dev(), metadata.ino()), (metadata.ctime(), metadata.ctime_nsec()))
    };
    #[cfg(not(unix))]
    let (node, changed) = ((0, 0), (0, 0));
    Ok(FileIdentity { length: metadata.len(), modified: metadata.modified()?, node, changed })
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // A text that has to grow would leave copies of the key in memory.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN + 1));
    fs::File::open(path)?.take(MAX_LEN as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}
