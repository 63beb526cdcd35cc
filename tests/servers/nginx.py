"""A real nginx over a folder, on a port that the system chose."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CONFIG = """
{user} daemon off; pid {work}/pid; error_log {work}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {work}/access.log;
  client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f;
  uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
  types {{ image/png png; image/jpeg jpg; video/mp4 mp4; }}
  gzip on; gzip_types *; gzip_min_length 1;
  limit_req_zone $server_port zone=few:64k rate=1r/m;
  server {{
    listen {address};
    root {root};
    location /plain/ {{ alias {root}/; max_ranges 0; }}
    location /moved/ {{ rewrite ^/moved/(.*)$ /$1 permanent; }}
    location /secret/ {{ return 403; }}
    location /gone/ {{ return 410; }}
    location /few/ {{ alias {root}/; limit_req zone=few; limit_req_status 429; }}
    location /get/ {{ alias {root}/; if ($request_method = HEAD) {{ return 403; }} }}
    location /slow/ {{ alias {root}/; limit_rate 1k; }}
    location /login/ {{ default_type text/html; return 200 "<!doctype html><input type='password'>"; }}
  }}
}}
"""


@contextmanager
def nginx(root: Path) -> Iterator[str]:
    """nginx over `root`; gives its base URL. Skips the test where nginx is not installed.

    It inherits a listening socket, as in an upgrade of its binary: so no port can be taken in between.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as listening, tempfile.TemporaryDirectory() as work:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        user = "user root;" if os.geteuid() == 0 else ""
        config = Path(work, "nginx.conf")
        config.write_text(_CONFIG.format(work=work, root=root, address=address, user=user))
        process = subprocess.Popen(
            [program, "-c", config, "-p", work, "-e", f"{work}/error.log"],
            env={"NGINX": f"{listening.fileno()};"},
            pass_fds=[listening.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(100):
                if Path(work, "pid").exists() or process.poll() is not None:
                    break
                time.sleep(0.02)
            if process.poll() is not None:
                pytest.skip(
                    f"nginx does not start here ({process.poll()}): {Path(work, 'error.log').read_text()[-300:]}"
                )
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(10)
