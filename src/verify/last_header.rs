//! Keeps the header of the last accepted token. An issuer writes the same header into most of its tokens, so it need not be decoded
//! and parsed each time.
//!
//! A parsed header depends on its bytes alone. The accepted algorithms are checked, and the key is selected, for each token.

use arc_swap::ArcSwapOption;
use std::sync::Arc;

use crate::jose::jws::Header;

/// The longest header that is kept, in bytes of its encoded form.
const LONGEST: usize = 1024;

/// The kept header, if there is one, with its encoded form.
#[derive(Debug, Default)]
pub(super) struct LastHeader(ArcSwapOption<(Box<[u8]>, Header)>);

impl LastHeader {
    /// The kept header, if this is its encoded form.
    #[inline]
    pub(super) fn find(&self, encoded: &[u8]) -> Option<Header> {
        let kept = self.0.load();
        let (bytes, header) = &**kept.as_ref()?;
        if **bytes == *encoded { Some(header.clone()) } else { None }
    }

    /// Keeps the header of an accepted token instead of the one before. The caller has checked the signature.
    #[cold]
    pub(super) fn keep(&self, encoded: &[u8], header: &Header) {
        if encoded.len() <= LONGEST {
            self.0.store(Some(Arc::new((encoded.into(), header.clone()))));
        }
    }
}
