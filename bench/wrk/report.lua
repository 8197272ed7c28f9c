-- One line of numbers for tools/load.py, in place of wrk's prose. Times are in microseconds.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("BENCH %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end

-- The lines of a file that an environment variable names; nil where it names none.
function lines_of(variable)
  local path = os.getenv(variable)
  if not path or path == "" then return nil end
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end
