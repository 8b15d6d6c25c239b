<?php
// The PHP app of this folder, for php-fpm. It answers as contrib/workers/worker.py does: GET /?id=N[&sleep=MS] gets
// "N GENERATION SLOT PID", and the same line goes to $WORKER_LOG first, with one O_APPEND write.

declare(strict_types=1);

// A signal, such as the one that says goodbye, ends usleep early.
$until = microtime(true) + (int) ($_GET['sleep'] ?? 0) / 1000;
while (($left = $until - microtime(true)) > 0) {
    usleep((int) ($left * 1e6) + 1);
}
$number = $_GET['id'] ?? '-';
$slot = getenv('HERDER_WORKER') ?: '0';
$line = sprintf("%s %s %s %d\n", $number, getenv('HERDER_GENERATION') ?: '0', $slot, getmypid());
$log = getenv('WORKER_LOG');
if ($log && $number !== '-') {
    file_put_contents($log, $line, FILE_APPEND);
}
header('Content-Type: text/plain');
header('Content-Length: ' . strlen($line));
echo $line;
