"""``fastmcp-rs bench``: what verification costs here, beside other libraries."""
