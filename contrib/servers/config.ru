# frozen_string_literal: true

# The Rack app of this folder: unicorn and puma run it. It answers as contrib/workers/worker.rb does: GET
# /?id=N[&sleep=MS] gets "N GENERATION SLOT PID", and the same line goes to $WORKER_LOG first, with one O_APPEND write.
# A file "mode" that says "crash" makes it fail to load, as a bad release does; "slow SECONDS" makes it load slowly.

# App answers one request at a time in each thread.
class App
  def initialize
    @log = File.open(ENV['WORKER_LOG'], File::WRONLY | File::APPEND | File::CREAT) if ENV['WORKER_LOG']
  end

  def call(env)
    query = Rack::Utils.parse_query(env['QUERY_STRING'])
    sleep(query['sleep'].to_f / 1000) if query['sleep']
    body = line(query['id'] || '-')
    [200, { 'Content-Type' => 'text/plain', 'Content-Length' => body.bytesize.to_s }, [body]]
  end

  private

  def line(number)
    text = "#{number} #{ENV['HERDER_GENERATION'] || 0} #{ENV['HERDER_WORKER'] || 0} #{Process.pid}\n"
    @log&.syswrite(text) if number != '-'
    text
  end
end

mode, seconds = File.exist?('mode') ? File.read('mode').split : []
raise 'boom: cannot load the app' if mode == 'crash'

sleep seconds.to_f if mode == 'slow'
run App.new
