"""Runs app.py under waitress, whose own command cannot be given a socket.

    herder run --dialect waitress --bind 127.0.0.1:8080 --workers 2 -- python3 serve.py
"""
import socket

from waitress import serve

from app import application

# waitress handles no signal. INT is KeyboardInterrupt, on which it finishes what it has in hand; TERM kills it.
serve(application, sockets=[socket.socket(fileno=3)], threads=4)
