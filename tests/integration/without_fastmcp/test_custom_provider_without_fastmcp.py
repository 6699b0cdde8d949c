"""A provider of one's own works without FastMCP, through the documented entry point."""

import asyncio

import pytest

from fastmcp_rs.auth import AccessToken, AuthProvider


class ByKey(AuthProvider):
    def __init__(self, key):
        self.key = key

    async def authenticate(self, request):
        return AccessToken(self.key, user_id="service") if request.headers.get("x-api-key") == self.key else None


class Request:
    def __init__(self, **headers):
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def test_the_provider_chooses_its_scheme():
    provider = ByKey("k")
    assert asyncio.run(provider.authenticate(Request(x_api_key="k"))).user_id == "service"
    assert asyncio.run(provider.authenticate(Request(x_api_key="other"))) is None
    assert asyncio.run(provider.verify_token("k")) is None, "the other entry point asks this one"


def test_a_custom_provider_has_the_attributes_of_every_provider():
    provider = ByKey("k")
    assert (provider.required_scopes, provider.base_url) == ([], None)
    assert AuthProvider.__init__.__kwdefaults__["required_scopes"] is None


def test_one_of_the_entry_points_is_needed():
    class Nothing(AuthProvider):
        pass

    with pytest.raises(TypeError, match="neither authenticate"):
        Nothing()
