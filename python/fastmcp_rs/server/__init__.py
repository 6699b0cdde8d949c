"""What a protected server needs, under the module paths of FastMCP."""
