"""FastMCP's own verifiers, native, in place: servers that never name ``JWTVerifier`` need one line and no other change.

``installation`` has the three functions that people call. ``imports`` waits for FastMCP's modules, ``seams`` recognises
their inside and says what is swapped, ``step`` is what runs in its place, and ``joserfc`` and ``authlib`` shape it as
the library that FastMCP calls there.
"""
