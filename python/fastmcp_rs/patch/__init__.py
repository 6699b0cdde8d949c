"""Makes FastMCP's own verifiers native: servers that do not name ``JWTVerifier`` need one line and no other change.

``install`` has the public functions. ``import_hook`` waits for FastMCP's modules. ``targets`` recognises their code
and lists what to replace. ``decoder`` decodes tokens instead of FastMCP's library, and ``joserfc`` and ``authlib``
give it the interface of that library. ``shortcuts`` recognises what is made faster beside that: the reads of an
``OAuthProxy``'s store (``proxy_store``, ``entry_identity``) and the HTTP clients of network verifiers
(``transport``, ``client_copy``).
"""
