"""FastMCP's client authentication with a user who agrees to everything, without a browser."""

import urllib.parse

from fastmcp.client.auth import OAuth
from mcp.client.auth import oauth2

from fastmcp_rs._compat.installed import optional

HTTP = next(filter(None, map(optional, ("httpx2", "httpx"))))


class AgreeingUser(OAuth):
    """Follows the redirects of the authorization server in the place of a browser."""

    async def redirect_handler(self, authorization_url):
        """Sign in and agree."""
        async with HTTP.AsyncClient() as browser:
            url = authorization_url
            while "/callback" not in urllib.parse.urlsplit(url).path:
                answer = await browser.get(url)
                assert answer.status_code in {302, 303}, answer.text
                url = urllib.parse.urljoin(url, answer.headers["location"])
        self._returned = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
        assert "code" in self._returned, url

    async def callback_handler(self):
        """Give what the authorization server said."""
        code, state = self._returned["code"][0], self._returned["state"][0]
        result = getattr(oauth2, "AuthorizationCodeResult", None)
        issuer = self._returned.get("iss", [None])[0]
        return (code, state) if result is None else result(code=code, state=state, iss=issuer)
