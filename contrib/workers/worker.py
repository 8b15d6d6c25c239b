#!/usr/bin/env python3
"""A small HTTP worker for herder: it serves on the socket it was given, and loses no request when it is told to go.

What it promises on SIGTERM, and how:
 1. It accepts no new connection. What is still queued on the socket belongs to the other holders of that socket.
 2. A request that has begun, or that has already arrived, is answered.
 3. A keep-alive connection gets an answer to its next request, with "Connection: close" (RFC 9112 section 9.6), so
    the client knows that it must not send another one there. Only a connection that stays silent for LINGER seconds
    is closed without that.

Every request is GET /?id=N[&sleep=MS][&do=ACTION]. The answer is "N GENERATION SLOT PID". The same line goes to
$WORKER_LOG first, with one O_APPEND write, so that what was answered and what was done can be compared.

A file "mode" in the current directory makes it misbehave (see MODES); a release that must fail carries such a file.
"""
import os
import select
import signal
import socket
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

LINGER = float(os.environ.get("WORKER_LINGER", "5"))
MAX_HEAD = 16384
FIRST_FD = 3


def listeners():
    """The inherited sockets (sd_listen_fds(3)): LISTEN_FDS of them from fd 3 on, if LISTEN_PID is us."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    found = [socket.socket(fileno=FIRST_FD + i) for i in range(count)]
    for sock in found:
        sock.setblocking(False)
    return found


def notify(text):
    """Sends one datagram to NOTIFY_SOCKET (sd_notify(3)); without one it does nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(text.encode(), address)


class Worker:
    def __init__(self):
        self.generation = os.environ.get("HERDER_GENERATION", "0")
        self.slot = os.environ.get("HERDER_WORKER", "0")
        self.log = -1
        if os.environ.get("WORKER_LOG"):
            self.log = os.open(os.environ["WORKER_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        self.draining = threading.Event()
        self.lock = threading.Lock()
        self.idle = set()      # connections that wait for a request
        self.threads = set()
        self.wake_r, self.wake_w = os.pipe()
        os.set_blocking(self.wake_r, False)
        os.set_blocking(self.wake_w, False)
        self.sockets = []

    # -- main loop: accept until told to go ---------------------------------------------------------------------

    def serve(self, sockets):
        self.sockets = sockets
        # The kernel may give a signal to any thread, and Python runs its handler in this one, which then must not sleep.
        signal.set_wakeup_fd(self.wake_w, warn_on_full_buffer=False)
        wait = self.waiter(os.environ.get("WORKER_WAIT", "poll"), [s.fileno() for s in sockets] + [self.wake_r])
        by_fd = {s.fileno(): s for s in sockets}
        while not self.draining.is_set():
            for fd in wait():
                if fd == self.wake_r:
                    os.read(fd, 512)
                elif not self.draining.is_set():
                    self.accept(by_fd[fd])
        self.leave()

    @staticmethod
    def waiter(kind, fds):
        """One call of select(2), poll(2) or epoll_wait(2): herder must recognise each of them as ready to accept."""
        if kind == "select":
            return lambda: select.select(fds, [], [])[0]
        poller = select.epoll() if kind == "epoll" else select.poll()
        for fd in fds:
            poller.register(fd, select.POLLIN)
        return lambda: [fd for fd, _ in poller.poll()]

    def accept(self, sock):
        try:
            connection, _ = sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another worker was faster
        except OSError as err:
            # Out of descriptors, or somebody shut the socket down: serve what we have, and do not spin.
            print(f"worker: cannot accept: {err}", file=sys.stderr, flush=True)
            time.sleep(0.05)
            return
        connection.setblocking(True)
        thread = threading.Thread(target=self.converse, args=(connection,), daemon=True)
        with self.lock:
            self.threads.add(thread)
        thread.start()

    def term(self, *_):
        self.draining.set()

    def leave(self):
        """Waits for the connections; a silent one is told after LINGER seconds that nothing more is read."""
        until = time.monotonic() + LINGER
        while True:
            with self.lock:
                threads = list(self.threads)
            if not threads:
                return
            threads[0].join(max(0.0, until - time.monotonic()))
            if time.monotonic() >= until:
                with self.lock:
                    # What has already arrived is still read after SHUT_RD, and answered.
                    for connection in self.idle:
                        connection.shutdown(socket.SHUT_RD)
                threads[0].join(1.0)

    # -- one connection -----------------------------------------------------------------------------------------

    def converse(self, connection):
        try:
            with connection:
                rest = b""
                while True:
                    head, rest = self.read_head(connection, rest)
                    if not head or not self.answer(connection, head):
                        return
        except (ConnectionError, BrokenPipeError):
            pass
        finally:
            with self.lock:
                self.threads.discard(threading.current_thread())

    def read_head(self, connection, rest):
        with self.lock:
            self.idle.add(connection)
        try:
            while b"\r\n\r\n" not in rest and len(rest) < MAX_HEAD:
                data = connection.recv(4096)
                if not data:
                    return b"", b""
                rest += data
        finally:
            with self.lock:
                self.idle.discard(connection)
        head, _, rest = rest.partition(b"\r\n\r\n")
        return head, rest

    def answer(self, connection, head):
        """Answers one request; False when the connection ends with it."""
        lines = head.decode("latin-1").split("\r\n")
        query = parse_qs(urlsplit(lines[0].split(" ")[1]).query)
        close = any(line.lower().replace(" ", "") == "connection:close" for line in lines[1:])
        number = query.get("id", ["-"])[0]
        if "sleep" in query:
            time.sleep(int(query["sleep"][0]) / 1000)
        body = f"{number} {self.generation} {self.slot} {os.getpid()}\n".encode()
        if "do" in query:
            body = self.act(query["do"][0], body)
        if self.log >= 0 and number != "-":
            os.write(self.log, body)
        close = close or self.draining.is_set()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        if close:
            head += "Connection: close\r\n"
        connection.sendall(head.encode() + b"\r\n" + body)
        return not close

    def act(self, action, body):
        """Misbehaviour on request, for tests."""
        if action == "shutdown":
            for sock in self.sockets:
                sock.shutdown(socket.SHUT_RDWR)
        elif action == "blocking":
            for sock in self.sockets:
                os.set_blocking(sock.fileno(), True)
        elif action == "listen":
            for sock in self.sockets:
                sock.listen(5)
        elif action == "nonblocking?":
            return b" ".join(b"no" if os.get_blocking(s.fileno()) else b"yes" for s in self.sockets) + b"\n"
        elif action == "stray":
            stray()
        elif action == "orphans":
            orphans(5000)
        elif action == "version":
            with open("VERSION", "rb") as f:
                return f.read()
        elif action == "exit":
            os._exit(9)
        elif action == "setpgid" and os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
        elif action == "killgroup":
            os.killpg(os.getpgrp(), signal.SIGUSR2)  # which we ignore, see main
        elif action == "killparent":
            try:
                os.kill(os.getppid(), signal.SIGKILL)
            except PermissionError:
                return b"not permitted\n"
        elif action == "env":
            return "".join(f"{k}={v}\n" for k, v in sorted(os.environ.items())).encode()
        elif action == "childenv":
            r, w = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.dup2(w, 1)
                os.execvp("env", ["env"])
            os.close(w)
            with os.fdopen(r, "rb") as f:
                out = f.read()
            os.waitpid(pid, 0)
            return out
        elif action == "fds":
            names = sorted(int(n) for n in os.listdir("/proc/self/fd"))
            out = []
            for n in names:
                try:
                    out.append(f"{n} {os.readlink(f'/proc/self/fd/{n}')}")
                except OSError:
                    pass
            return ("\n".join(out) + "\n").encode()
        elif action == "status":
            with open("/proc/self/status", "rb") as f:
                return f.read()
        return body


def stray():
    """A daemon that escapes: double fork, own session. It must be gone when its generation is."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open("stray.pid.tmp", "w", encoding="ascii") as f:
            f.write(f"{os.getpid()}\n")
        os.rename("stray.pid.tmp", "stray.pid")
        os.closerange(3, 64)
        while True:
            time.sleep(3600)
    os._exit(0)


def orphans(count):
    """Leaves many children behind which have died already, or die together."""
    os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"for i in $(seq {count}); do (exit 0) & done")


def flaky(worker, slot):
    """The worker in this slot crashes at boot while there is a file "flaky"."""
    if worker.slot == slot and os.path.exists("flaky"):
        die(6, "worker: boom: flaky")


def later(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


def watchdog():
    while True:
        notify("WATCHDOG=1")
        time.sleep(0.5)


def forever():
    while True:
        time.sleep(3600)


def hang():
    """Ignores SIGTERM and has a child which does so too: only a SIGKILL to the whole tree ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        forever()
    forever()


def elsewhere(worker, address):
    """Serves a socket of its own instead of ours, and says that it is ready, as servers do that find a LISTEN_PID
    which is not their pid."""
    host, _, port = address.rpartition(":")
    sock = socket.create_server((host, int(port)))
    notify("READY=1")
    worker.serve([sock])
    sys.exit(0)


def die(code, text):
    print(text, file=sys.stderr, flush=True)
    os._exit(code)


# What the file "mode" may say, with an optional number (or address) behind it.
MODES = {
    "ok": lambda worker, n: None,
    "crash": lambda worker, n: die(int(n or 3), "worker: boom: cannot load the app"),
    "exit0": lambda worker, n: die(0, "worker: nothing to do"),
    "hang": lambda worker, n: hang(),
    "notready": lambda worker, n: forever(),
    "slow": lambda worker, n: time.sleep(float(n or 1)),
    "flaky": flaky,
    "crash-after-ready": lambda worker, n: later(float(n or 1), lambda: die(7, "worker: boom: after ready")),
    "ignore-term": lambda worker, n: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "shutdown-listener": lambda worker, n: later(float(n or 1), lambda: worker.act("shutdown", b"")),
    "setblocking": lambda worker, n: later(float(n or 0.2), lambda: worker.act("blocking", b"")),
    "stray": lambda worker, n: stray(),
    "elsewhere": elsewhere,
    "notify": lambda worker, n: later(float(n or 0), lambda: notify("READY=1")),
    "watchdog": lambda worker, n: threading.Thread(target=watchdog, daemon=True).start(),
}


def main():
    worker = Worker()
    signal.signal(signal.SIGTERM, worker.term)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    mode = "ok"
    if os.path.exists("mode"):
        with open("mode", encoding="utf-8") as f:
            mode = f.read().strip()
    sockets = listeners()
    for line in mode.splitlines():
        name, _, number = line.partition(" ")
        MODES[name](worker, number.strip())
    if not sockets:
        sys.exit("worker: no socket was passed to me (LISTEN_FDS and LISTEN_PID, sd_listen_fds(3))")
    worker.serve(sockets)


if __name__ == "__main__":
    main()
