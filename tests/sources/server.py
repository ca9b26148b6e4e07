# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A server of files on the loopback address, which speaks enough of HTTP and of S3."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Served:
    """A folder that is served."""

    folder: Path
    port: int = 0
    #: Requests so far: method, path and range.
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    #: Lets requests of ``stall`` wait.
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    @property
    def as_bucket(self) -> dict[str, str]:
        """Environment in which folders are buckets of S3."""
        return {
            'AWS_S3_ENDPOINT': f'127.0.0.1:{self.port}',
            'AWS_HTTPS': 'NO',
            'AWS_VIRTUAL_HOSTING': 'FALSE',
            'AWS_NO_SIGN_REQUEST': 'YES',
        }


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, served: Served, *args: object) -> None:
        self.served = served
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.wfile.write(self.answer())

    def answer(self) -> bytes:
        wanted = self.headers.get('Range')
        self.served.requests.append((self.command, self.path, wanted))
        path, _, query = self.path.partition('?')
        if 'stall' in path:
            self.served.stop.wait()
        if query and 'sig=' in query and 'sig=good' not in query:
            self.send_error(403)
            return b''
        file = self.served.folder / path.strip('/')
        if not file.is_file():
            self.send_error(404)
            return b''
        content = file.read_bytes()
        total = len(content)
        match = re.fullmatch(r'bytes=(\d+)-(\d*)', wanted or '')
        self.send_response(206 if match else 200)
        if match:
            first, last = int(match[1]), min(int(match[2] or total), total - 1)
            content = content[first : last + 1]
            self.send_header('Content-Range', f'bytes {first}-{last}/{total}')
        self.send_header('Accept-Ranges', 'bytes')
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        return content


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """Serve a folder until the end of the block."""
    served = Served(folder)
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(_Handler, served))
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.stop.set()
        server.shutdown()
        server.server_close()
