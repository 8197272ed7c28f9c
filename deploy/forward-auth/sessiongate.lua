-- Forward-auth for HAProxy 2.6 and newer, by its own HTTP client: no other library is needed.
-- `http-request lua.sessiongate URL` asks, and sets txn.sg_status (0 where nobody answered) and what
-- sessiongate says of who it is.

local carriers = { "authorization", "cookie", "vmware-api-session-id", "x-zerto-session", "accept" }
-- What an application may take for the method is judged, too, whatever sign is in the name.
local overrides = { ["x-http-method-override"] = true, ["x-http-method"] = true, ["x-method-override"] = true }
local answers = { "remote-user", "remote-groups", "remote-name", "www-authenticate", "location" }

core.register_action("sessiongate", { "http-req" }, function(txn, url)
    local given, asked = txn.http:req_get_headers(), {}
    for _, name in ipairs(carriers) do
        if given[name] then
            asked[name] = {}
            -- Each of them: sessiongate refuses a session that is given twice.
            for place, value in pairs(given[name]) do
                asked[name][place + 1] = value
            end
        end
    end
    for name, values in pairs(given) do
        local plain = name:lower():gsub("[^a-z0-9]", "-")
        if overrides[plain] then
            asked[plain] = asked[plain] or {}
            for _, value in pairs(values) do
                table.insert(asked[plain], value)
            end
        end
    end
    asked["x-forwarded-method"] = { txn.f:method() }
    asked["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
    asked["x-forwarded-host"] = { given["host"] and given["host"][0] or "" }
    asked["x-forwarded-uri"] = { txn.f:pathq() }
    asked["x-forwarded-for"] = { txn.f:src() }
    local done, reply = pcall(function()
        return core.httpclient():get { url = url, headers = asked, timeout = 2000 }
    end)
    txn:set_var("txn.sg_status", done and reply and reply.status or 0)
    for _, name in ipairs(answers) do
        local value = done and reply and reply.headers and reply.headers[name]
        txn:set_var("txn.sg_" .. name:gsub("-", "_"), value and value[0] or "")
    end
end, 1)
