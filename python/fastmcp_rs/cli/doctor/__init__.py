"""``fastmcp-rs doctor``: look at an installation, a server or an issuer, and say what to mend."""
