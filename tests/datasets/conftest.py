import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Site:
    """A web site on this machine: what it answers, and what it was asked for."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"
        self.files = {}
        self.faults = {}  # name: functions of the handler, one for each first request
        self.asked = Counter()

    def url(self, name):
        return f"{self.address}/{name}"


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            site.asked[name] += 1
            if site.faults.get(name):
                site.faults[name].pop(0)(self)
            elif name in site.files:
                self.answer(site.files[name])
            else:
                self.send_error(404)

        def answer(self, content, *, size=None):
            self.send_response(200)
            self.send_header("Content-Length", str(size or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site():
    with serving() as site:
        yield site
