"""What the servers of this folder share: they print where they listen in one JSON line, and end with their input."""

import json
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server


class _Handler(WSGIRequestHandler):
    def log_message(self, template, *arguments):
        """Log to standard error, without the time."""
        sys.stderr.write(f"{template % arguments}\n")


def serve(application_at):
    """Serve an application on the loopback address until the input ends.

    Args:
        application_at: Makes the application and the facts to tell about it, for its base URL.
    """
    server = make_server("127.0.0.1", 0, None, handler_class=_Handler)
    application, facts = application_at(f"http://127.0.0.1:{server.server_port}")
    server.set_app(application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()
    sys.stdin.read()
