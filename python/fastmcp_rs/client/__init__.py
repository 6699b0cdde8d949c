"""What a client of a protected server needs."""
