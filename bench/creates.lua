-- POST users that are not there yet: wrk … --script bench/creates.lua URL -- PREFIX
local threads = 0
local created = 0
local prefix = ""

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  -- The credential of the run, out of sight of ps.
  local token = os.getenv("BENCH_TOKEN")
  if token then
    wrk.headers["Authorization"] = "Bearer " .. token
  end
  prefix = args[1] .. "-" .. number .. "-"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  created = created + 1
  local name = prefix .. created
  return wrk.format("POST", "/users", nil, '{"name":"' .. name .. '","email":"' .. name .. '@example.org"}')
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(99), failed))
end
