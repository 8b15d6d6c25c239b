# frozen_string_literal: true

# puma with two processes.
#
#   herder run --bind 127.0.0.1:8080 -- puma -C puma.rb
#
# `bind` must name herder's listener, or puma binds a socket of its own, and removes the path of a unix socket it does
# not know.

bind 'tcp://127.0.0.1:8080'
workers 2
threads 2, 2
preload_app! # a release that cannot be loaded ends the master; without this it boots workers for ever

on_worker_boot { |index| ENV['HERDER_WORKER'] = index.to_s }
