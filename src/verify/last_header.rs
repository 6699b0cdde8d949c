//! The header of the token that was accepted last. An issuer writes the same one into most of its tokens, so that it need
//! not be decoded and parsed again.
//!
//! What a header says depends on its bytes alone. Which algorithms are accepted, and which key is meant, is asked anew for
//! each token.

use arc_swap::ArcSwapOption;
use std::sync::Arc;

use crate::jose::jws::Header;

/// The longest header that is kept, in bytes as they stand in a token.
const LONGEST: usize = 1024;

/// A header, if one is kept, by the bytes that it was read from.
#[derive(Debug, Default)]
pub(super) struct LastHeader(ArcSwapOption<(Box<[u8]>, Header)>);

impl LastHeader {
    /// The header that these bytes are, if it is the one.
    #[inline]
    pub(super) fn find(&self, encoded: &[u8]) -> Option<Header> {
        let kept = self.0.load();
        let (bytes, header) = &**kept.as_ref()?;
        if **bytes == *encoded { Some(header.clone()) } else { None }
    }

    /// Keeps the header of an accepted token, in the place of the one before. Forged tokens change nothing.
    #[cold]
    pub(super) fn keep(&self, encoded: &[u8], header: &Header) {
        if encoded.len() <= LONGEST {
            self.0.store(Some(Arc::new((encoded.into(), header.clone()))));
        }
    }
}
