//! Demonstrating proof of possession (RFC 9449) at a resource server: a token that is bound to a key of the client's comes
//! with a proof, a second signature that is made anew for each request.
//!
//! The token is verified first. What is left to check then is the proof, by `verifier`.

mod explain;
mod forwarded;
mod nonce;
mod presented;
mod proof;
mod replay;
mod request_path;
mod settings;
mod target_uri;
mod verifier;

pub use explain::{CheckedProof, ExplainedProof, explain, likely_fix};
pub use forwarded::{Forwarded, ForwardedHeaders};
pub use nonce::{DpopNonces, NONCE_SECONDS};
pub use presented::{AuthScheme, PresentedRequest, credentials};
pub use proof::{FailedProof, MAX_PROOF_BYTES, ProofCheck};
pub use replay::{MAX_PROOFS_OF_KEY, ReplayStore, Replayable};
pub use request_path::request_path;
pub use settings::{DpopMode, DpopSettings};
pub use target_uri::TargetUri;
pub use verifier::{DpopVerifier, PossessionRefusal, Proven};
