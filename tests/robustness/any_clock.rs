//! Whatever the clock says and whatever dates a token has: it is accepted from `nbf`, with its leeway, to before `exp`.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use std::sync::LazyLock;

use crate::common::{ACCEPTED, Signer, TestVerifier, claims_with};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use proptest::prelude::*;

static VERIFIER: LazyLock<(TestVerifier, Signer)> = LazyLock::new(|| {
    let signer = Signer::fresh(Algorithm::HS256);
    (TestVerifier::new(signer.public_key(), &["HS256"]), signer)
});

/// The grace that `nbf` has by default, in seconds.
const NBF_LEEWAY: f64 = 30.0;

fn code(exp: f64, nbf: f64, now: NumericDate) -> &'static str {
    let (verifier, signer) = &*VERIFIER;
    let (exp, nbf) = (format!("{exp}"), format!("{nbf}"));
    verifier.code_at(signer.token(claims_with(&[("exp", Some(&exp)), ("nbf", Some(&nbf))])), now)
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("JSON has no other", |number| number.is_finite())
}

/// A time of this century, and two that are near it.
fn near() -> impl Strategy<Value = (f64, f64, f64)> {
    let apart = || prop_oneof![-40_i32..40, -100_000_000..100_000_000].prop_map(|quarters| f64::from(quarters) / 4.0);
    (0.0_f64..4e9, apart(), apart()).prop_map(|(now, exp, nbf)| (now.floor(), now.floor() + exp, now.floor() + nbf))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_token_is_accepted_outside_of_nbf_and_exp(now in any::<f64>(), exp in finite(), nbf in finite()) {
        let Some(now) = NumericDate::new(now) else { return Ok(()) };
        if code(exp, nbf, now) == ACCEPTED {
            prop_assert!(now.seconds() < exp && nbf <= now.seconds() + NBF_LEEWAY);
        }
    }

    #[test]
    fn near_the_clock_a_token_is_accepted_only_between_nbf_and_exp((now, exp, nbf) in near()) {
        prop_assume!(now > 1e8 && exp > 0.0 && nbf > 0.0);
        let wanted = if now >= exp {
            "expired"
        } else if nbf > now + NBF_LEEWAY {
            "not_yet_valid"
        } else {
            ACCEPTED
        };
        prop_assert_eq!(code(exp, nbf, NumericDate::new(now).unwrap()), wanted, "now {} exp {} nbf {}", now, exp, nbf);
    }
}
