-- GET of BENCH_PATH; with BENCH_TOKENS, each request carries the next token of that file in the
-- header BENCH_CARRIER. With BENCH_CLOSE each is on a connection of its own.
dofile(os.getenv("BENCH_WRK") .. "/report.lua")

local tokens, head, tail, at

function init(args)
  tokens = lines_of("BENCH_TOKENS")
  local headers = {}
  if os.getenv("BENCH_CLOSE") then headers["Connection"] = "close" end
  if tokens then headers[os.getenv("BENCH_CARRIER")] = "@TOKEN@" end
  local whole = wrk.format("GET", os.getenv("BENCH_PATH"), headers)
  if tokens then
    local from, to = whole:find("@TOKEN@", 1, true)
    head, tail = whole:sub(1, from - 1), whole:sub(to + 1)
    at = 0
  else
    head = whole
  end
end

function request()
  if not tokens then return head end
  at = at % #tokens + 1
  return head .. tokens[at] .. tail
end
