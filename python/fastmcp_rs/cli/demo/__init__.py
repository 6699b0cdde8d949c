"""``fastmcp-rs demo``: a protected server that accepts and refuses tokens."""
