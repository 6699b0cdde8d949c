"""Debian's redis-server, and what workers of one server say of a token."""

import asyncio
import signal
import socket
import subprocess
import time

from ports import free_port

TOKEN = "an.opaque~token+/-_=="
SECRET = "a secret that all workers of a server share"


class RedisServer:
    """Debian's redis-server, on a port of its own."""

    def __init__(self, folder):
        self.port = free_port()
        self._folder = folder
        self.process = None
        self.start()

    def start(self):
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not self._listens():
            assert time.monotonic() < end, "redis-server does not start"
            time.sleep(0.02)

    def _listens(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(10)

    def store(self):
        from key_value.aio.stores.redis import RedisStore  # noqa: PLC0415 - not every environment has it

        return RedisStore(url=f"redis://127.0.0.1:{self.port}")

    def client(self):
        import redis  # noqa: PLC0415 - as above

        return redis.Redis(port=self.port, decode_responses=True)

    def entries(self):
        """What is stored there, by its names."""
        client = self.client()
        return {name: client.get(name) for name in client.keys("*") if client.type(name) == "string"}

    def calls(self):
        """How many commands of each kind there were."""
        stats = self.client().info("commandstats")
        return {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}


def says(provider, token=TOKEN):
    request = {"headers": [(b"authorization", b"Bearer " + token.encode())]}
    return asyncio.run(provider.authenticate(request)) is not None


def count(provider, name):
    return provider.stats()["answers"][name]


NO = '{"active":false}'
