"""What takes no configuration: parameters that another passes, and classes that are made here alone."""

# What is another's to pass: a client, or FastMCP. Each has tests of its own.
ELSEWHERE = {
    "verify(token)": "whatever a client sent raises TokenRejectedError: test_jws.py",
    **dict.fromkeys(
        (
            *("NativeProvider.authenticate(request)", "NativeProvider.verify_token(token)"),
            *("AuthProvider.authenticate(request)", "AuthProvider.verify_token(token)"),
            *(
                "NativeProvider.load_access_token(token)",
                "NativeProvider._admit(request)",
                "NativeProvider._admit_at_once(request)",
                "NativeProvider._decide_request(request)",
                "NativeProvider._decide_presented(request)",
                "JWTVerifier.explain(token)",
                "IntrospectingProvider.explain(token)",
            ),
        ),
        "whatever a client sent is answered: test_any_input.py",
    ),
    **dict.fromkeys(
        ("BearerAuth.auth_flow(request)", "OAuth.async_auth_flow(request)", "OAuth.sync_auth_flow(request)"),
        "the HTTP library's own: test_token_requests.py",
    ),
    **dict.fromkeys(
        ("AuthProvider.set_mcp_path(mcp_path)", "AuthProvider.get_well_known_routes(mcp_path)"),
        "the path that FastMCP or an outer application has: test_protected_resource.py",
    ),
    "IntrospectingProvider.invalidate(token)": "whatever token there is, or none: test_remembered_answers.py",
    "invalidate(token)": "whatever token there is, or none: test_remembered_verifiers.py",
    "AccessToken.fastmcp_fields(fields)": "the host's token is made of them: test_entry_point_answers.py",
}
# What is only ever made here, of what was decided; so a constructor of it is no configuration.
OUTCOMES = {
    *("DenylistFullError", "Explanation", "KeysUnavailableError", "MissingAudienceWarning", "OAuthError"),
    *("NestedProtectionWarning", "ShortSecretWarning", "TokenRejectedError", "TokenUnavailableError"),
    "TokenVerificationError",
}
