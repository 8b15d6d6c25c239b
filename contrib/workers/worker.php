#!/usr/bin/env php
<?php
// A small HTTP worker for herder in PHP: one loop over socket_select. What it promises on SIGTERM is what worker.py
// promises: a request that has begun or arrived is answered, a keep-alive connection gets its next answer with
// "Connection: close" (RFC 9112 section 9.6), a silent one is closed after LINGER seconds.
//
// It needs the extensions sockets and pcntl only, which php-cli brings along.

declare(strict_types=1);

/**
 * PHP cannot make a Socket from a descriptor number. But a descriptor that arrives over a unix socket (SCM_RIGHTS)
 * becomes one, so we send the inherited descriptor to ourselves.
 */
function inherited_socket(int $fd): Socket
{
    $file = fopen("php://fd/$fd", 'r+');
    $pair = [];
    if ($file === false || !socket_create_pair(AF_UNIX, SOCK_DGRAM, 0, $pair)) {
        throw new RuntimeException("cannot use the inherited descriptor $fd");
    }
    $rights = ['level' => SOL_SOCKET, 'type' => SCM_RIGHTS, 'data' => [$file]];
    socket_sendmsg($pair[0], ['iov' => ['x'], 'control' => [$rights]]);
    $got = ['controllen' => socket_cmsg_space(SOL_SOCKET, SCM_RIGHTS, 1)];
    socket_recvmsg($pair[1], $got);
    $socket = $got['control'][0]['data'][0] ?? null;
    if (!$socket instanceof Socket) {
        throw new RuntimeException("the inherited descriptor $fd is not a socket");
    }
    return $socket;
}

final class Connection
{
    public string $in = '';
    public string $out = '';
    public float $due = 0.0;      // when the answer in $line is to be given; 0 = no request in hand
    public string $line = '';
    public bool $close = false;

    public function __construct(public Socket $socket)
    {
        socket_set_nonblock($socket);
    }
}

final class Worker
{
    private const MAX_HEAD = 16384;
    /** @var array<int, Connection> */
    private array $open = [];
    private bool $draining = false;
    private float $until = 0.0;
    private float $linger;
    private string $suffix;
    /** @var resource|null */
    private $log = null;

    public function __construct(private Socket $listener)
    {
        $this->linger = (float) (getenv('WORKER_LINGER') ?: '5');
        $this->suffix = ' ' . (getenv('HERDER_GENERATION') ?: '0') . ' ' . (getenv('HERDER_WORKER') ?: '0') . ' ' . getmypid() . "\n";
        if (getenv('WORKER_LOG')) {
            $this->log = fopen(getenv('WORKER_LOG'), 'a');
            stream_set_write_buffer($this->log, 0);
        }
    }

    public function term(): void
    {
        if (!$this->draining) {
            $this->draining = true;
            $this->until = microtime(true) + $this->linger;
        }
    }

    public function serve(): void
    {
        socket_set_nonblock($this->listener);
        while (!$this->draining || $this->open !== []) {
            [$read, $write] = $this->interest();
            $except = [$this->listener]; // never ready, but the call refuses to wait for nothing but the time
            [$seconds, $micros] = $this->patience();
            // A signal ends the call early (EINTR); the handler has run by the time it returns.
            $ready = @socket_select($read, $write, $except, $seconds, $micros);
            foreach ($ready > 0 ? $read : [] as $socket) {
                $socket === $this->listener ? $this->accept() : $this->read($this->open[spl_object_id($socket)]);
            }
            $this->advance();
        }
    }

    private function interest(): array
    {
        $read = $this->draining ? [] : [$this->listener];
        $write = [];
        foreach ($this->open as $connection) {
            if ($connection->out !== '') {
                $write[] = $connection->socket;
            } elseif ($connection->due === 0.0) {
                $read[] = $connection->socket;
            }
        }
        return [$read, $write];
    }

    /**
     * How long to sleep: until the next answer that is due, or the end of the linger. At most half a second, because a
     * signal that comes just before the select does not end it, and PHP has no pselect or signalfd.
     */
    private function patience(): array
    {
        $due = microtime(true) + 0.5;
        if ($this->draining) {
            $due = min($due, $this->until);
        }
        foreach ($this->open as $connection) {
            if ($connection->due > 0.0) {
                $due = min($due, $connection->due);
            }
        }
        $left = max(0.0, $due - microtime(true));
        return [(int) $left, (int) (($left - (int) $left) * 1e6)];
    }

    private function accept(): void
    {
        if ($this->draining) {
            return;
        }
        $socket = @socket_accept($this->listener);
        if ($socket !== false) { // else another worker was faster
            $this->open[spl_object_id($socket)] = new Connection($socket);
        }
    }

    private function read(Connection $connection): void
    {
        $data = @socket_read($connection->socket, 4096);
        if ($data === false && socket_last_error($connection->socket) === SOCKET_EAGAIN) {
            return;
        }
        if ($data === false || $data === '' || strlen($connection->in) > self::MAX_HEAD) {
            $this->drop($connection);
            return;
        }
        $connection->in .= $data;
        $stop = strpos($connection->in, "\r\n\r\n");
        if ($stop !== false) {
            $this->take($connection, substr($connection->in, 0, $stop));
            $connection->in = substr($connection->in, $stop + 4);
        }
    }

    private function take(Connection $connection, string $head): void
    {
        $target = explode(' ', $head)[1] ?? '/';
        parse_str((string) parse_url($target, PHP_URL_QUERY), $query);
        $connection->line = ($query['id'] ?? '-') . $this->suffix;
        $connection->due = microtime(true) + ((int) ($query['sleep'] ?? 0)) / 1000;
        $connection->close = (bool) preg_match('/^connection:\s*close\r?$/mi', $head);
    }

    private function advance(): void
    {
        $now = microtime(true);
        foreach ($this->open as $connection) {
            if ($connection->due > 0.0 && $connection->due <= $now) {
                $this->answer($connection);
            }
            if ($connection->out !== '') {
                $this->write($connection);
            }
            $silent = $connection->due === 0.0 && $connection->out === '';
            if ($silent && $this->draining && $now >= $this->until) {
                $this->drop($connection);
            }
        }
    }

    private function answer(Connection $connection): void
    {
        if ($this->log !== null && $connection->line[0] !== '-') {
            fwrite($this->log, $connection->line);
        }
        $connection->close = $connection->close || $this->draining;
        $connection->out = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " . strlen($connection->line) . "\r\n"
            . ($connection->close ? "Connection: close\r\n" : '') . "\r\n" . $connection->line;
        $connection->due = 0.0;
    }

    private function write(Connection $connection): void
    {
        $sent = @socket_write($connection->socket, $connection->out);
        if ($sent === false) {
            if (socket_last_error($connection->socket) !== SOCKET_EAGAIN) {
                $this->drop($connection);
            }
            return;
        }
        $connection->out = substr($connection->out, $sent);
        if ($connection->out === '' && $connection->close) {
            $this->drop($connection);
        }
    }

    private function drop(Connection $connection): void
    {
        unset($this->open[spl_object_id($connection->socket)]);
        socket_close($connection->socket);
    }
}

if (getenv('LISTEN_PID') !== (string) getmypid() || (int) getenv('LISTEN_FDS') < 1) {
    fwrite(STDERR, "worker: no socket was passed to me (LISTEN_FDS and LISTEN_PID, sd_listen_fds(3))\n");
    exit(1);
}
pcntl_async_signals(true);
$worker = new Worker(inherited_socket(3));
// restart_syscalls = false: the select must end when a signal comes.
pcntl_signal(SIGTERM, $worker->term(...), false);
pcntl_signal(SIGINT, fn () => exit(130), false);
$worker->serve();
