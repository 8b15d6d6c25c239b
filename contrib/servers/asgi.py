"""The ASGI app of this folder, for uvicorn, hypercorn and daphne. It answers as app.py does.

    herder run --bind 127.0.0.1:8080,name=web -- uvicorn --fd {fd:web} asgi:application
    herder run --bind 127.0.0.1:8080,name=web -- hypercorn --bind fd://{fd:web} asgi:application
    herder run --bind 127.0.0.1:8080,name=web -- daphne --fd {fd:web} asgi:application
"""
import asyncio
from urllib.parse import parse_qs

from app import line


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] != "http":
        return
    query = parse_qs(scope["query_string"].decode())
    if "sleep" in query:
        await asyncio.sleep(int(query["sleep"][0]) / 1000)
    body = line(query.get("id", ["-"])[0])
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
