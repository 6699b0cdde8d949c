//! The Rust core, folder by folder, through its public functions.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/remote.rs"]
mod remote;

mod http {
    mod requests;
}

mod jose {
    mod ed448_vectors;
    mod rfc_vectors;
    mod wycheproof;
}

mod keys {
    mod fetch_bounds;
    mod fetches;
    mod key_forms;
    mod outages;
    mod races;
    mod retrieval_steps;
    mod rotation_race;
    mod selection;
}

mod oauth {
    mod client_credentials;
    mod dpop_client;
    mod dpop_decisions;
    mod dpop_proofs;
    mod remembered_answers;
}

mod policy {
    mod claim_rules;
    mod introspected_claims;
}

mod verify {
    mod cached_tokens;
    mod explanations;
    mod order_of_checks;
    mod same_header;
}
