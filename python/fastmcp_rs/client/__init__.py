"""Authentication and error reports for clients of protected servers."""
