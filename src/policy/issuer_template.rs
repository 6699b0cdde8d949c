//! Issuers with one name for each tenant: a template with a placeholder for the tenant's GUID, as in the multi-tenant metadata of
//! Microsoft Entra.

use crate::config::ConfigError;
use crate::jose::jwt::Claims;

/// The placeholder for the tenant in an issuer.
pub const PLACEHOLDER: &str = "{tenantid}";

/// The accepted tenants, each with its own issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant of the issuer.
    Any,
    /// These: GUIDs in lower case.
    Listed(Vec<Box<str>>),
}

impl Tenants {
    /// These tenants.
    ///
    /// # Errors
    /// There are no tenants, or one is not a GUID.
    pub fn listed(tenants: &[Box<str>]) -> Result<Self, ConfigError> {
        if tenants.is_empty() || !tenants.iter().all(|tenant| is_guid(tenant)) {
            return Err(ConfigError::new(
                "tenants must be \"any\" or a list of GUIDs, each such as \"72f988bf-86f1-41af-91ab-2d7cd011db47\"",
            ));
        }
        Ok(Self::Listed(tenants.iter().map(|tenant| tenant.to_ascii_lowercase().into()).collect()))
    }

    /// Whether a token belongs to one of these tenants: `tid` is one of them, and `iss` is an expected issuer, or the issuer in the
    /// key (`key_issuer`), with the placeholder filled in. An expected issuer without the placeholder has no tenants, so its
    /// tokens need no `tid`. A key that names one tenant, or another issuer, signs for that one only.
    pub(super) fn accept(&self, issuers: &[Box<str>], key_issuer: Option<&str>, claims: &Claims) -> bool {
        let Some(issuer) = claims.issuer() else { return false };
        if key_issuer.is_some_and(|bound| !bound.contains(PLACEHOLDER) && bound != issuer) {
            return false;
        }
        if issuers.iter().any(|expected| **expected == *issuer && !expected.contains(PLACEHOLDER)) {
            return true;
        }
        let tenant = claims.tenant();
        let Some(tenant) = tenant.filter(|tenant| self.accepts(tenant)) else { return false };
        issuers.iter().map(|issuer| &**issuer).chain(key_issuer).any(|template| is_filled(template, tenant, issuer))
    }

    /// Whether an issuer is that of one of these tenants.
    pub(super) fn accept_issuer(&self, issuers: &[Box<str>], issuer: &str) -> bool {
        issuers.iter().any(|template| match template.split_once(PLACEHOLDER) {
            None => **template == *issuer,
            Some((before, after)) => {
                let tenant = issuer.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                tenant.is_some_and(|tenant| self.accepts(tenant))
            }
        })
    }

    fn accepts(&self, tenant: &str) -> bool {
        is_guid(tenant)
            && match self {
                Self::Any => true,
                Self::Listed(tenants) => tenants.iter().any(|ours| ours.eq_ignore_ascii_case(tenant)),
            }
    }
}

/// Checks that an issuer is a template if tenants are given, and only then.
///
/// # Errors
/// It has the placeholder although there are no tenants, or has it not exactly once, or in the host.
pub(super) fn check(issuer: &str, tenants: Option<&Tenants>) -> Result<(), ConfigError> {
    let Some((before, after)) = issuer.split_once(PLACEHOLDER) else { return Ok(()) };
    if tenants.is_none() {
        return Err(ConfigError::new(
            "issuer holds {tenantid}, which no token's does: give tenants=[...] with the GUIDs of the tenants, or \
             tenants=\"any\"",
        ));
    }
    let in_path = before.split_once("://").is_some_and(|(_, rest)| rest.contains('/') && !rest.contains(['?', '#']));
    let is_whole = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
    if in_path && is_whole && !after.contains(PLACEHOLDER) {
        return Ok(());
    }
    Err(ConfigError::new(
        "issuer holds {tenantid} elsewhere than once, as a whole segment of the path: the host must be known, such as in \
         \"https://login.microsoftonline.com/{tenantid}/v2.0\"",
    ))
}

/// Whether an issuer is this template with the tenant in place of the placeholder.
fn is_filled(template: &str, tenant: &str, issuer: &str) -> bool {
    match template.split_once(PLACEHOLDER) {
        None => template == issuer,
        Some((before, after)) => {
            issuer.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|filled| filled == tenant)
        }
    }
}

/// Eight, four, four, four and twelve hexadecimal digits. A slash or a dot could turn a template into another issuer.
fn is_guid(text: &str) -> bool {
    let groups: [usize; 5] = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    let has_groups = groups.iter().all(|&length| {
        parts.next().is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    has_groups && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
    const ONE: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    fn accepts(tenants: &Tenants, key_issuer: Option<&str>, tid: &str, iss: &str) -> bool {
        let claims = Claims::parse(format!(r#"{{"tid":{tid},"iss":"{iss}"}}"#).as_bytes()).unwrap();
        tenants.accept(&[TEMPLATE.into(), "https://sts.example/{tenantid}/".into()], key_issuer, &claims)
    }

    fn quoted(text: &str) -> String {
        format!("\"{text}\"")
    }

    #[test]
    fn the_placeholder_is_the_tokens_tenant() {
        let one = Tenants::listed(&[ONE.to_uppercase().into()]).unwrap();
        let (of_one, of_other) = (TEMPLATE.replace(PLACEHOLDER, ONE), TEMPLATE.replace(PLACEHOLDER, OTHER));
        for tenants in [&one, &Tenants::Any] {
            assert!(accepts(tenants, None, &quoted(ONE), &of_one));
            assert!(accepts(tenants, None, &quoted(ONE), &format!("https://sts.example/{ONE}/")));
            assert!(!accepts(tenants, None, &quoted(ONE), &of_other));
            assert!(!accepts(tenants, None, &quoted(OTHER), &of_one));
            assert!(!accepts(tenants, None, &quoted(ONE), TEMPLATE));
            assert!(!accepts(tenants, None, &quoted(ONE), &of_one.to_uppercase()));
            assert_eq!(accepts(tenants, None, &quoted(OTHER), &of_other), *tenants == Tenants::Any);
        }
    }

    #[test]
    fn an_issuer_beside_a_template_is_a_literal_string() {
        let issuers = [TEMPLATE.into(), "https://fixed.example".into()];
        let accepts = |iss: &str, key_issuer| {
            let claims = |more: &str| Claims::parse(format!(r#"{{"iss":"{iss}"{more}}}"#).as_bytes()).unwrap();
            // It has no tenants, so what its token says of one means nothing.
            let said = ["", r#","tid":"none""#, r#","tid":1"#, &format!(r#","tid":"{ONE}""#)]
                .map(|more| Tenants::Any.accept(&issuers, key_issuer, &claims(more)));
            assert!(said.iter().all(|one| *one == said[0]), "{iss}");
            said[0]
        };
        assert!(accepts("https://fixed.example", None) && accepts("https://fixed.example", Some(TEMPLATE)));
        assert!(!accepts("https://fixed.example/", None) && !accepts("https://other.example", None));
        assert!(!accepts("https://fixed.example", Some("https://other.example")), "the key of another issuer");
        assert!(!accepts(TEMPLATE, None), "the template itself is no issuer");
    }

    #[test]
    fn a_tenant_that_is_no_guid_is_none() {
        for tid in [
            "\"{tenantid}\"",
            "\"common\"",
            "\"\"",
            "\"72f988bf-86f1-41af-91ab-2d7cd011db4/\"",
            "\"72f988bf-86f1-41af-91ab-2d7cd011db47/../x\"",
            "\"72f988bf86f141af91ab2d7cd011db47\"",
            "\"72f988bf-86f1-41af-91ab-2d7cd011db4g\"",
            "\"72f988bf-86f1-41af-91ab-2d7cd011db47-\"",
            "1",
            "null",
            "[\"72f988bf-86f1-41af-91ab-2d7cd011db47\"]",
        ] {
            let filled = TEMPLATE.replace(PLACEHOLDER, tid.trim_matches('"'));
            assert!(!accepts(&Tenants::Any, None, tid, &filled.replace('"', "")), "{tid}");
        }
    }

    #[test]
    fn a_key_signs_for_the_issuer_that_it_names() {
        let of_one = TEMPLATE.replace(PLACEHOLDER, ONE);
        let of_other = TEMPLATE.replace(PLACEHOLDER, OTHER);
        assert!(accepts(&Tenants::Any, Some(TEMPLATE), &quoted(ONE), &of_one));
        assert!(accepts(&Tenants::Any, Some(&of_other), &quoted(OTHER), &of_other));
        assert!(!accepts(&Tenants::Any, Some(&of_other), &quoted(ONE), &of_one), "the key of one tenant's");
        let v1 = "https://sts.elsewhere.example/{tenantid}/";
        assert!(accepts(&Tenants::Any, Some(v1), &quoted(ONE), &v1.replace(PLACEHOLDER, ONE)));
        assert!(!accepts(&Tenants::Any, None, &quoted(ONE), &v1.replace(PLACEHOLDER, ONE)));
    }

    #[test]
    fn a_template_has_one_placeholder_in_its_path() {
        assert_eq!(check(TEMPLATE, Some(&Tenants::Any)), Ok(()));
        assert_eq!(check("https://sts.example/{tenantid}", Some(&Tenants::Any)), Ok(()));
        assert!(check(TEMPLATE, None).unwrap_err().to_string().contains("tenants"));
        for bad in [
            "https://{tenantid}.login.example/v2.0",
            "https://{tenantid}/v2.0",
            "{tenantid}",
            "https://login.example/{tenantid}/{tenantid}",
            "https://login.example/x{tenantid}/v2.0",
            "https://login.example/{tenantid}x/v2.0",
            "https://login.example/?t=/{tenantid}",
        ] {
            assert!(check(bad, Some(&Tenants::Any)).unwrap_err().to_string().contains("segment"), "{bad}");
        }
        for bad in [&[][..], &["any".into()], &[ONE.into(), "".into()]] {
            assert!(Tenants::listed(bad).unwrap_err().to_string().starts_with("tenants "));
        }
    }

    #[test]
    fn an_issuer_alone_is_that_of_a_tenant_or_not() {
        let one = Tenants::listed(&[ONE.into()]).unwrap();
        let issuers = [TEMPLATE.into(), "https://fixed.example".into()];
        assert!(one.accept_issuer(&issuers, &TEMPLATE.replace(PLACEHOLDER, ONE)));
        assert!(one.accept_issuer(&issuers, "https://fixed.example"));
        for other in [TEMPLATE, &TEMPLATE.replace(PLACEHOLDER, OTHER), "https://login.example/v2.0", ""] {
            assert!(!one.accept_issuer(&issuers, other), "{other}");
        }
    }
}
