# The PSGI app of this folder: Starlet and Starman run it. It answers as contrib/workers/worker.py does: GET
# /?id=N[&sleep=MS] gets "N GENERATION SLOT PID", and the same line goes to $WORKER_LOG first, with one O_APPEND write.
# A file "mode" that says "crash" makes it fail to load, as a bad release does; "slow SECONDS" makes it load slowly.
use strict;
use warnings;
use Fcntl;
use Time::HiRes qw(sleep time);

if (open my $mode, '<', 'mode') {
    my ($word, $seconds) = split ' ', <$mode>;
    die "boom: cannot load the app\n" if $word eq 'crash';
    sleep $seconds if $word eq 'slow';
}

my $log;
if (my $path = $ENV{WORKER_LOG}) {
    sysopen $log, $path, O_WRONLY | O_APPEND | O_CREAT or die "cannot open $path: $!";
}

sub {
    my $env = shift;
    my %query = map { split /=/, $_, 2 } split /&/, $env->{QUERY_STRING};
    # A signal, such as the one that says goodbye, ends sleep early.
    my $until = time + ($query{sleep} // 0) / 1000;
    while ((my $left = $until - time) > 0) { sleep $left }
    my $number = $query{id} // '-';
    my $body = join(' ', $number, $ENV{HERDER_GENERATION} // 0, $ENV{HERDER_WORKER} // 0, $$) . "\n";
    syswrite $log, $body if $log && $number ne '-';
    [200, ['Content-Type' => 'text/plain', 'Content-Length' => length $body], [$body]];
};
