-- POST of BENCH_PATH with the body in the file BENCH_BODY; BENCH_HEADERS names a file of further
-- header lines, and each request carries the next line of the file BENCH_LOGINS as Authorization.
-- Where the body holds @NUMBER-@, each request has a number of its own there.
dofile(os.getenv("BENCH_WRK") .. "/report.lua")

local MARK = "@NUMBER-@"
local requests, at = {}, 0
local head, tail

function init(args)
  local body = ""
  local path = os.getenv("BENCH_BODY")
  if path and path ~= "" then
    local file = assert(io.open(path, "rb"))
    body = file:read("*a")
    file:close()
  end
  local headers = {}
  for _, line in ipairs(lines_of("BENCH_HEADERS") or {}) do
    local name, value = line:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  for _, login in ipairs(lines_of("BENCH_LOGINS") or { "" }) do
    if login ~= "" then headers["Authorization"] = login end
    requests[#requests + 1] = wrk.format("POST", os.getenv("BENCH_PATH"), headers, body)
  end
  local from, to = requests[1]:find(MARK, 1, true)
  if from then head, tail = requests[1]:sub(1, from - 1), requests[1]:sub(to + 1) end
end

function request()
  if head then
    at = at + 1
    return head .. string.format("%09d", at) .. tail
  end
  at = at % #requests + 1
  return requests[at]
end
