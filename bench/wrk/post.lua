-- POST of BENCH_PATH with the body in the file BENCH_BODY; BENCH_HEADERS names a file of further
-- header lines, and each request carries the next line of the file BENCH_LOGINS as Authorization.
-- Where the body holds @NUMBER-@, each request has a number of its own there. BENCH_EACH names a
-- file of sessions, one a line: cookie, key and user name, with a tab between them. Then each request
-- is by the next of them, whose key and name stand in the place of @KEY@ and @USER@.
dofile(os.getenv("BENCH_WRK") .. "/report.lua")

local MARK = "@NUMBER-@"
local requests, at, number = {}, 0, 0
local tails = {}

-- One more request, and what of it comes behind the number.
local function add(headers, body)
  local whole = wrk.format(os.getenv("BENCH_VERB") or "POST", os.getenv("BENCH_PATH"), headers, body)
  local from, to = whole:find(MARK, 1, true)
  requests[#requests + 1] = from and whole:sub(1, from - 1) or whole
  tails[#requests] = from and whole:sub(to + 1) or nil
end

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
  for _, line in ipairs(lines_of("BENCH_EACH") or {}) do
    local cookie, key, user = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
    headers["Cookie"] = cookie
    local members = { ["@KEY@"] = key, ["@USER@"] = user }
    add(headers, (body:gsub("@%u+@", members)))
  end
  if #requests > 0 then return end
  for _, login in ipairs(lines_of("BENCH_LOGINS") or { "" }) do
    if login ~= "" then headers["Authorization"] = login end
    add(headers, body)
  end
end

function request()
  at = at % #requests + 1
  local tail = tails[at]
  if not tail then return requests[at] end
  number = number + 1
  return requests[at] .. string.format("%09d", number) .. tail
end
