#!/usr/bin/env ruby
# frozen_string_literal: true

# A small HTTP worker for herder in Ruby: one thread per connection. What it promises on SIGTERM is what worker.py
# promises: a request that has begun or arrived is answered, a keep-alive connection gets its next answer with
# "Connection: close" (RFC 9112 section 9.6), a silent one is closed after LINGER seconds.

require 'socket'

LINGER = (ENV['WORKER_LINGER'] || '5').to_f
MAX_HEAD = 16_384

# Worker serves on the inherited socket until it is told to go.
class Worker
  def initialize(socket)
    @socket = socket
    @generation = ENV['HERDER_GENERATION'] || '0'
    @slot = ENV['HERDER_WORKER'] || '0'
    # File.write would buffer; syswrite on an O_APPEND descriptor is one write(2).
    @log = File.open(ENV['WORKER_LOG'], File::WRONLY | File::APPEND | File::CREAT) if ENV['WORKER_LOG']
    @draining = false
    @lock = Mutex.new
    @idle = {}
    @threads = {}
    @wake_r, @wake_w = IO.pipe
  end

  def term
    @draining = true
    @wake_w.write_nonblock('x', exception: false)
  end

  def serve
    until @draining
      ready, = IO.select([@socket, @wake_r])
      accept if ready.include?(@socket) && !@draining
    end
    leave
  end

  private

  def accept
    connection, = @socket.accept_nonblock(exception: false)
    return if connection == :wait_readable || connection.nil? # another worker was faster

    thread = Thread.new(connection) { |c| converse(c) }
    @lock.synchronize { @threads[thread] = true if thread.alive? }
  rescue Errno::ECONNABORTED, Errno::EINTR
    nil
  end

  def leave
    deadline = now + LINGER
    loop do
      threads = @lock.synchronize { @threads.keys.select(&:alive?) }
      return if threads.empty?

      threads.first.join([deadline - now, 0.0].max)
      next if now < deadline

      # What has already arrived is still read after SHUT_RD, and answered.
      @lock.synchronize { @idle.each_key { |c| c.shutdown(Socket::SHUT_RD) } }
      threads.first.join(1)
    end
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  def converse(connection)
    rest = String.new
    while (head = read_head(connection, rest))
      break unless answer(connection, head)
    end
  rescue SystemCallError, IOError
    nil
  ensure
    connection.close
    @lock.synchronize { @threads.delete(Thread.current) }
  end

  def read_head(connection, rest)
    @lock.synchronize { @idle[connection] = true }
    until (stop = rest.index("\r\n\r\n"))
      return nil if rest.size > MAX_HEAD

      data = connection.recv(4096)
      return nil if data.nil? || data.empty?

      rest << data
    end
    rest.slice!(0, stop + 4)
  ensure
    @lock.synchronize { @idle.delete(connection) }
  end

  def answer(connection, head)
    lines = head.split("\r\n")
    query = lines[0].split[1].to_s.split('?', 2)[1].to_s.split('&').to_h { |p| p.split('=', 2) }
    id = query['id'] || '-'
    sleep(query['sleep'].to_i / 1000.0) if query['sleep']
    body = "#{id} #{@generation} #{@slot} #{Process.pid}\n"
    @log.syswrite(body) if @log && id != '-'
    close = @draining || lines.any? { |l| l.downcase.delete(' ') == 'connection:close' }
    reply = +"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: #{body.bytesize}\r\n"
    reply << "Connection: close\r\n" if close
    connection.write(reply << "\r\n" << body)
    !close
  end
end

if ENV['LISTEN_PID'] != Process.pid.to_s || ENV['LISTEN_FDS'].to_i < 1
  abort 'worker: no socket was passed to me (LISTEN_FDS and LISTEN_PID, sd_listen_fds(3))'
end

worker = Worker.new(Socket.for_fd(3))
trap('TERM') { worker.term }
trap('INT') { exit!(130) }
worker.serve
