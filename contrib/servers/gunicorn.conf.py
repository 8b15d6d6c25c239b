"""gunicorn with two processes.

    herder run --bind 127.0.0.1:8080 -- gunicorn app:application

It reads this file by itself. A bind here would be ignored, for herder gives it the socket (LISTEN_FDS).
"""
import os

workers = 2
timeout = 30
graceful_timeout = 30


def post_fork(_server, worker):
    os.environ["HERDER_WORKER"] = str(worker.age)
