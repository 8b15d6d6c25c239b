"""A server with a master of its own, as app servers have one, that can do everything wrong.

Usage: server.py '{"workers": 2, ...}', or server.py FILE with the same in it. The keys are those of `defaults` below.
Those in the file `mode`, which is read anew at each start, win: so a successor can be other than the one before it.

Each process tells what it does on the datagram socket `journal`, as "PID WORD".
"""

import importlib.util
import json
import os
import select
import signal
import socket
import sys
import time

defaults = {
    "app": None,  # the path of contrib/workers/worker.py, which answers then
    "journal": None,  # the path of a datagram socket
    "mode": None,  # a file with more of these
    "bind": None,  # PORT or HOST:PORT to bind to by itself; None: LISTEN_FDS
    "workers": 2,
    "master_serves": False,  # there are no workers
    "accept": False,  # workers wait in accept, not in select
    "boot": 0,  # seconds until the first worker is forked
    "apart": 0,  # seconds between two workers
    "load": 0,  # seconds that a worker boots
    "helpers": 0,  # commands that are run at boot, one after the other
    "chatter": 0,  # lines on stderr at boot
    "crash": None,  # exit code of the master at boot
    "crash_workers": False,  # they exit before they serve
    "hang": False,  # no worker is ever forked
    "ready": None,  # "early": READY=1 at boot; "served": when the workers are forked; "child": a forked child says it
    "extend": None,  # seconds that are asked for at boot
    "pid": None,  # a pid file
    "exclusive": False,  # it does not start while that names another that lives
    "naming": "oldbin",  # or "dot2"
    "late_pid": 0,  # seconds until it is written
    "daemon": 0,  # forks until it is one: 1 or 2
    "stillborn": False,  # it is dead before its parent has gone
    "deaf": False,  # to USR2
    "revive": True,  # HUP brings workers back
    "decoy": False,  # USR2 starts another program, too
    "twin": False,  # the master starts the same program for another purpose
    "hook": None,  # what the first worker of a successor says to the old master: "QUIT", "KILL", "TTOU"
    "fleeting": False,  # what USR2 starts is gone at once
    "die_on_renew": False,  # the old master leaves as soon as it has started its successor
    "stubborn": False,  # QUIT and TERM do nothing
}

SIGNALS = [signal.SIGTERM, signal.SIGQUIT, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH, signal.SIGUSR1,
           signal.SIGUSR2, signal.SIGHUP, signal.SIGCHLD]


class Server:
    def __init__(self, options):
        self.o = options
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.workers, self.successor = [], None
        self.parent = os.getppid()
        self.pid_file = None

    def tell(self, word):
        if self.o["journal"]:
            try:
                self.journal.sendto(f"{os.getpid()} {word}".encode(), self.o["journal"])
            except OSError:
                pass  # the test is over

    def notify(self, text):
        to = os.environ.get("NOTIFY_SOCKET", "")
        if to:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                try:
                    s.sendto(text.encode(), "\0" + to[1:] if to[0] == "@" else to)
                except OSError:
                    pass  # whose it was is gone

    # Boot.

    def listeners(self):
        if "SERVER_FDS" in os.environ:
            fds = os.environ["SERVER_FDS"].split(",")
        elif self.o["bind"] is not None:
            host, _, port = str(self.o["bind"]).rpartition(":")
            s = socket.create_server((host or "127.0.0.1", int(port)), backlog=512)
            fds = [s.detach()]
        elif os.environ.get("LISTEN_PID", str(os.getpid())) != str(os.getpid()):
            sys.exit("the listeners are for another process")
        else:
            fds = range(3, 3 + int(os.environ.get("LISTEN_FDS", "0")))
        self.sockets = [socket.socket(fileno=int(fd)) for fd in fds]
        for s in self.sockets:
            s.setblocking(self.o["accept"])
        os.environ["SERVER_FDS"] = ",".join(str(s.fileno()) for s in self.sockets)

    def become_daemon(self):
        for _ in range(self.o["daemon"]):
            child = os.fork()
            if child and self.o["stillborn"]:
                os.waitpid(child, 0)
            if child:
                os._exit(0)
            if self.o["stillborn"]:
                print("cannot load the app: it is broken", file=sys.stderr, flush=True)
                os._exit(1)
            os.setsid()
        os.environ["SERVER_IS_DAEMON"] = "1"

    def boot(self):
        o = self.o
        self.tell("born")
        if o["daemon"] and "SERVER_IS_DAEMON" not in os.environ:
            self.become_daemon()
        if o["ready"] == "early":
            self.notify("READY=1")
        if o["extend"]:
            self.notify(f"EXTEND_TIMEOUT_USEC={int(o['extend'] * 1e6)}")
        for n in range(o["chatter"]):
            print("line", n, file=sys.stderr, flush=True)
        for _ in range(o["helpers"]):
            os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
        time.sleep(o["boot"])
        if o["crash"] is not None:
            print("cannot load the app: it is broken", file=sys.stderr, flush=True)
            sys.exit(o["crash"])
        if o["app"]:
            found = importlib.util.spec_from_file_location("worker", o["app"])
            self.app = importlib.util.module_from_spec(found)
            found.loader.exec_module(self.app)
        self.listeners()
        if o["twin"] and not self.is_successor():
            code = "import time; time.sleep(600)"
            os.posix_spawn(sys.executable, [sys.executable, "-c", code], dict(os.environ), setpgroup=0)
        self.write_pid()
        self.tell("booted")

    def write_pid(self):
        if not self.o["pid"]:
            return
        time.sleep(self.o["late_pid"])
        path = self.o["pid"]
        if self.o["exclusive"] and os.path.exists(path):
            with open(path) as f:
                other = f.read().strip()
            if other != str(os.getpid()) and os.path.exists("/proc/" + other):
                sys.exit(f"already running: {other}")
        if self.o["naming"] == "dot2" and os.path.exists(path):
            path += ".2"
        with open(path + ".new", "w") as f:
            f.write(f"{os.getpid()}\n")
        os.rename(path + ".new", path)
        self.pid_file = path

    # Workers.

    def fork_worker(self, first):
        pid = os.fork()
        if pid:
            self.workers.append(pid)
            return
        for s in (signal.SIGTERM, signal.SIGQUIT):
            signal.signal(s, signal.SIG_IGN if self.o["stubborn"] else signal.SIG_DFL)
        for s in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(s, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, lambda *_: self.tell("worker USR1"))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        time.sleep(self.o["load"])
        if self.o["crash_workers"]:
            os._exit(1)
        if self.o["hook"] and first and self.is_successor():
            os.kill(self.parent, getattr(signal, "SIG" + self.o["hook"]))
        self.tell("serves")
        self.serve()

    def is_successor(self):
        return os.environ.get("SERVER_OLD") == str(self.parent)

    def serve(self):
        if self.o["app"]:
            worker = self.app.Worker()
            for s in (signal.SIGTERM, signal.SIGQUIT):
                signal.signal(s, worker.term)
            worker.serve(self.sockets)
            os._exit(0)
        while True:
            if not self.o["accept"]:
                select.select(self.sockets, [], [])
            try:
                conn, _ = self.sockets[0].accept()
            except BlockingIOError:
                continue
            conn.settimeout(5)
            with conn:
                try:
                    conn.recv(4096)
                    conn.sendall(f"HTTP/1.0 200 OK\r\n\r\n{os.getppid()} {os.getpid()}\n".encode())
                except OSError:
                    pass

    def fill(self):
        while len(self.workers) < self.o["workers"]:
            if self.workers:
                time.sleep(self.o["apart"])
            self.fork_worker(not self.workers)

    def dismiss(self, number, sig=signal.SIGQUIT):
        for pid in self.workers[-number:] if number else []:
            os.kill(pid, sig)

    def reap(self):
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self.workers:
                self.workers.remove(pid)
            elif pid == self.successor:
                self.successor = None
                self.tell("successor died")
                if self.o["naming"] == "oldbin" and self.pid_file:
                    os.rename(self.pid_file, self.o["pid"])
                    self.pid_file = self.o["pid"]

    # The master.

    def renew(self):
        if self.o["deaf"] or self.successor:
            return
        if self.pid_file and self.o["naming"] == "oldbin":
            os.rename(self.pid_file, self.o["pid"] + ".oldbin")
            self.pid_file = self.o["pid"] + ".oldbin"
        self.tell("room")
        if self.o["decoy"] and not os.fork():
            os.execv("/bin/sleep", ["sleep", "600"])
        old = os.getpid()
        self.successor = os.fork()
        if not self.successor:
            os.environ["SERVER_OLD"] = str(old)
            for s in self.sockets:
                s.set_inheritable(True)
            if self.o["fleeting"]:
                os.execv("/bin/true", ["true"])
            os.execv(sys.executable, [sys.executable, "-IS"] + sys.argv)
        if self.o["die_on_renew"]:
            os._exit(0)

    def leave(self, sig):
        self.dismiss(len(self.workers), sig)
        for pid in self.workers:
            os.waitpid(pid, 0)
        self.remove_pid()
        self.tell("left")
        sys.exit(0)

    def remove_pid(self):
        if self.pid_file and os.path.exists(self.pid_file):
            with open(self.pid_file) as f:
                if f.read().strip() == str(os.getpid()):
                    os.unlink(self.pid_file)

    def promote(self):
        if self.pid_file and self.pid_file.endswith(".2") and os.getppid() != self.parent:
            os.rename(self.pid_file, self.o["pid"])
            self.pid_file = self.o["pid"]

    def obey(self, sig):
        if sig in (signal.SIGTERM, signal.SIGQUIT):
            if not self.o["stubborn"]:
                self.leave(sig)
        elif sig == signal.SIGTTIN:
            self.o["workers"] += 1
        elif sig == signal.SIGTTOU:
            self.o["workers"] = max(0, self.o["workers"] - 1)
            self.dismiss(len(self.workers) - self.o["workers"])
        elif sig == signal.SIGWINCH:
            self.had = self.o["workers"]
            self.o["workers"] = 0
            self.dismiss(len(self.workers))
        elif sig == signal.SIGHUP:
            self.o["workers"] = getattr(self, "had", self.o["workers"])
        elif sig == signal.SIGUSR2:
            self.renew()
        self.tell(signal.Signals(sig).name[3:])

    def run(self):
        self.boot()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        while self.o["hang"]:
            self.handle()
        if self.o["master_serves"]:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self.tell("serves")
            self.serve()
        while True:
            self.fill()
            if self.o["ready"] == "served":
                self.notify("READY=1")
                self.o["ready"] = None
            self.handle()

    def handle(self):
        info = signal.sigtimedwait(SIGNALS, 0.05)  # the pause is for promote and crashed workers
        self.reap()
        self.promote()
        if info and info.si_signo != signal.SIGCHLD:
            self.obey(info.si_signo)


def main():
    options = dict(defaults)
    text = sys.argv[1]
    if not text.startswith("{"):
        with open(text) as f:
            text = f.read()
    options.update(json.loads(text))
    if options["mode"] and os.path.exists(options["mode"]):
        with open(options["mode"]) as f:
            options.update(json.load(f))
    Server(options).run()


main()
