# frozen_string_literal: true

# unicorn, as a Rails app of many years has it: nothing here is for herder.
#
#   herder run --bind 127.0.0.1:8080 -- unicorn -c unicorn.rb config.ru
#
# `listen` must name herder's listener, or unicorn binds a socket of its own beside it.

worker_processes 2
preload_app true # a release that cannot be loaded ends the master; without this it boots workers for ever
timeout 30
listen '127.0.0.1:8080', backlog: 64
pid 'tmp/pids/unicorn.pid'

before_fork do |server, _worker|
  # The new master asks the old one to leave. herder does that too; the second QUIT changes nothing.
  old = "#{server.config[:pid]}.oldbin"
  if server.pid != old && File.exist?(old)
    begin
      Process.kill('QUIT', File.read(old).to_i)
    rescue Errno::ENOENT, Errno::ESRCH
      nil # gone already
    end
  end
end

after_fork do |_server, worker|
  ENV['HERDER_WORKER'] = worker.nr.to_s # here an app connects to its database again
end
