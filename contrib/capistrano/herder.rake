# frozen_string_literal: true

# Capistrano 3 tasks for herder. An upgrade is waited for, and one that fails fails the deploy.
#
# Copy this file to lib/capistrano/tasks/, from where the usual Capfile imports it. Then `cap production deploy` upgrades
# after deploy:publishing, and there are:
#
#   herder:upgrade, :restart        a new generation, waited for; starts the herd when none runs
#   herder:start, :stop             by the service manager, which would start again what stops by itself
#   herder:status                   what `herder status` says on each host
#   herder:add_worker, :remove_worker
#
# When a new release does not serve, the old one serves on: the deploy prints the verdict with the last words of the
# release that failed, points `current` back at the release that serves, and ends with an exit code other than 0. The failed
# release stays on the disk, so that `deploy:rollback`, which takes the release before the last one, may need to be told
# which: ROLLBACK_RELEASE=20261126020347 cap production deploy:rollback.
#
# Settings, with their defaults:
#
#   set :herder_roles,   :app
#   set :herder_flags,   ["--name", fetch(:application)]    which herder: also %w[-c FILE] or %w[--socket PATH]
#   set :herder_timeout, "5m"       how long to wait for an upgrade; it goes on when that has passed, the deploy fails
#   set :herder_start,   ["sv", "-w", "60", "start", fetch(:application)]    systemd: %w[sudo systemctl start app]
#   set :herder_stop,    ["sv", "-w", "60", "stop", fetch(:application)]
#   set :herder_hooks,   true       false: only upgrade when asked to
#
# Only root and the user that herder runs as may talk to it. If the deploy user is another one:
#
#   SSHKit.config.command_map.prefix[:herder].push("sudo")
module HerderTasks
  # Exit codes of `herder upgrade` with which the old generation serves on: rolled back, and refused.
  OLD_SERVES_ON = [1, 78].freeze
  NOBODY_RUNS = 7

  # The release that `current` named before this deploy, for each host.
  BEFORE = {}

  def self.client(*words)
    [:herder, words.shift, *fetch(:herder_flags), *words]
  end

  # What a command wrote and its exit code. SSHKit itself tells the code in a message only, and shifted by eight bits where
  # no ssh is between.
  def self.run(backend, *words)
    text = backend.capture(*client(*words), "2>&1;", "echo", '"exit $?"')
    *lines, last = text.lines(chomp: true)
    [lines, last.to_s[/\Aexit (\d+)\z/, 1]&.to_i]
  end

  # In two steps, so that there is always a `current`.
  def self.point_back(backend, host)
    release = BEFORE[host.to_s] or return
    link = current_path.parent.join("current.herder")
    backend.execute :ln, "-sfn", release, link
    backend.execute :mv, "-T", link, current_path
    backend.warn "#{current_path} is #{release} again, which serves"
  end
end

namespace :load do
  task :defaults do
    set :herder_roles, :app
    set :herder_flags, -> { ["--name", fetch(:application)] }
    set :herder_timeout, "5m"
    set :herder_start, -> { ["sv", "-w", "60", "start", fetch(:application)] }
    set :herder_stop, -> { ["sv", "-w", "60", "stop", fetch(:application)] }
    set :herder_hooks, true
  end
end

namespace :herder do
  desc "Start the herd"
  task :start do
    on(roles(fetch(:herder_roles))) { execute(*fetch(:herder_start)) }
  end

  desc "Stop the herd; workers finish what they have in hand"
  task :stop do
    on(roles(fetch(:herder_roles))) { execute(*fetch(:herder_stop)) }
  end

  desc "Start a new generation, and wait until it serves; fail if the old one serves on"
  task :upgrade do
    on roles(fetch(:herder_roles)) do |host|
      lines, code = HerderTasks.run(self, :upgrade, "--timeout", fetch(:herder_timeout))
      fine = [0, HerderTasks::NOBODY_RUNS].include?(code)
      lines.each { |line| fine ? info(line) : error(line) }
      execute(*fetch(:herder_start)) if code == HerderTasks::NOBODY_RUNS
      next if fine

      HerderTasks.point_back(self, host) if HerderTasks::OLD_SERVES_ON.include?(code)
      raise lines.first || "herder upgrade said nothing, not even that it has ended"
    end
  end

  desc "The same as herder:upgrade"
  task restart: :upgrade

  desc "Show the herd"
  task :status do
    on roles(fetch(:herder_roles)) do
      lines, = HerderTasks.run(self, :status)
      lines.each { |line| info line }
    end
  end

  { add_worker: "+1", remove_worker: "-1" }.each do |name, change|
    desc "Scale by #{change}"
    task name do
      on(roles(fetch(:herder_roles))) { execute(*HerderTasks.client(:scale, change)) }
    end
  end

  task :before_publishing do
    on roles(fetch(:herder_roles)) do |host|
      link = current_path
      HerderTasks::BEFORE[host.to_s] = capture(:readlink, link) if test("[ -L #{link} ]")
    end
  end

  task :after_publishing do
    invoke "herder:upgrade" if fetch(:herder_hooks)
  end
end

before "deploy:symlink:release", "herder:before_publishing"
after "deploy:publishing", "herder:after_publishing"
