//! The names of settings for the reader of an explanation: parameters of a Python class, or options of the command.

use std::borrow::Cow;

/// The names of settings for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SettingNames {
    /// The parameters of most classes.
    #[default]
    Parameters,
    /// The parameters of `OAuthProvider`, some with other names.
    ParametersOfOAuthProvider,
    /// The options of `fastmcp-rs explain`, or the parameter where there is no option.
    Options,
}

impl SettingNames {
    /// The names for a class or the command, by its name in Python.
    #[must_use]
    pub fn of_reader(reader: &str) -> Self {
        match reader {
            "command" => Self::Options,
            "OAuthProvider" => Self::ParametersOfOAuthProvider,
            _ => Self::Parameters,
        }
    }

    /// The name of the setting that is this parameter in Python.
    pub(super) fn of(self, parameter: &'static str) -> Cow<'static, str> {
        let option = match (self, parameter) {
            (Self::ParametersOfOAuthProvider, "client_id") => "allowed_client_id",
            (Self::ParametersOfOAuthProvider, "required_scopes") => "scope",
            (Self::ParametersOfOAuthProvider, "algorithm") => "algorithms",
            (Self::ParametersOfOAuthProvider, "public_key or jwks_uri") => "issuer or jwks_uri",
            (Self::Parameters | Self::ParametersOfOAuthProvider, _) => parameter,
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
    #[test]
    fn advice_uses_the_names_of_the_class() {
        let names = SettingNames::of_reader("OAuthProvider");
        assert_eq!(names.of("client_id"), "allowed_client_id");
        assert_eq!(names.of("required_scopes"), "scope");
        assert_eq!(names.of("audience"), "audience");
        assert_eq!(SettingNames::of_reader("RemoteAuthProvider").of("client_id"), "client_id");
    }
}
