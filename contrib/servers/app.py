"""The WSGI app of this folder, for gunicorn, uWSGI and waitress (serve.py).

It answers as contrib/workers/worker.py does: GET /?id=N[&sleep=MS] gets "N GENERATION SLOT PID", and the same line goes
to $WORKER_LOG first, with one O_APPEND write. A file "mode" that says "crash" makes it fail to load, as a bad release
does; "slow SECONDS" makes it load slowly.
"""
import os
import time
from urllib.parse import parse_qs

LOG = -1
if os.environ.get("WORKER_LOG"):
    LOG = os.open(os.environ["WORKER_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)


def misbehave():
    mode = []
    if os.path.exists("mode"):
        with open("mode", encoding="utf-8") as f:
            mode = f.read().split()
    if mode[:1] == ["crash"]:
        raise RuntimeError("boom: cannot load the app")
    if mode[:1] == ["slow"]:
        time.sleep(float(mode[1]))


def line(number):
    """What is answered, and logged before."""
    generation = os.environ.get("HERDER_GENERATION", "0")
    slot = os.environ.get("HERDER_WORKER", "0")
    text = f"{number} {generation} {slot} {os.getpid()}\n".encode()
    if LOG >= 0 and number != "-":
        os.write(LOG, text)
    return text


def application(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if "sleep" in query:
        time.sleep(int(query["sleep"][0]) / 1000)
    body = line(query.get("id", ["-"])[0])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


misbehave()
