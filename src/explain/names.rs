//! What the reader of an explanation calls a setting: a parameter of the Python classes, or an option of the command.

use std::borrow::Cow;

/// What the reader calls a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SettingNames {
    /// A parameter.
    #[default]
    Parameters,
    /// An option of `fastmcp-rs explain`, where there is one.
    Options,
}

impl SettingNames {
    /// The name of what is this parameter in Python.
    pub(super) fn of(self, parameter: &'static str) -> Cow<'static, str> {
        let option = match (self, parameter) {
            (Self::Parameters, _) => parameter,
            (Self::Options, "issuer") => "--issuer",
            (Self::Options, "audience") => "--audience",
            (Self::Options, "required_scopes") => "--scope",
            (Self::Options, "algorithm") => "--algorithm",
            (Self::Options, "typ") => "--typ",
            (Self::Options, "leeway") => "--leeway",
            (Self::Options, "public_key or jwks_uri") => "--public-key or --jwks-uri",
            (Self::Options, "dpop=\"allowed\"") => "--dpop",
            (Self::Options, _) => return format!("{parameter} of JWTVerifier").into(),
        };
        option.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_option_is_named_as_a_parameter() {
        assert_eq!(
            (SettingNames::Options.of("audience"), SettingNames::Parameters.of("audience")),
            ("--audience".into(), "audience".into())
        );
        assert_eq!(SettingNames::Options.of("scope_claims"), "scope_claims of JWTVerifier");
    }
}
