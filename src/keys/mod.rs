//! Where verification keys come from, and which of them fits a token.

mod algorithms;
mod import;
mod key_confusion;
pub mod remote;
mod replaceable;
mod set;
mod skipped;
mod source;

pub use algorithms::{Algorithms, DEFAULT_PUBLIC_KEY_ALGORITHM, DEFAULT_SECRET_ALGORITHM};
pub use import::{LoadedKeys, ShortSecret, from_public_text, from_text, from_text_for_use};
pub(crate) use key_confusion::asymmetric_kind;
pub use replaceable::ReplaceableKeys;
pub use set::KeySet;
pub use skipped::SkippedKey;
pub use source::{FixedKeys, KeySnapshot, KeySource, KeyWait, Keys, Miss};
