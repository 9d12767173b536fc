-- Sends the lines of a file, each a path of a GET or the body of a POST, and says what came of it as JSON.
local count = 0

function setup(thread)
  thread:set("place", count)
  count = count + 1
end

function init(args)
  method, lines, at = args[1], {}, place
  for line in io.lines(args[2]) do lines[#lines + 1] = line end
  for number = 3, #args do
    local name, value = args[number]:match("^([^:]+):%s*(.*)$")
    wrk.headers[name] = value
  end
end

function request()
  -- Each thread takes every second line, so that no two of them send the same one.
  local line = lines[at % #lines + 1]
  at = at + 2
  if method == "GET" then return wrk.format("GET", line) end
  local path, body = line:match("^(%S+) (.*)$")
  return wrk.format("POST", path, nil, body)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.status + e.connect + e.read + e.write + e.timeout))
end
