#!/usr/bin/env bash
# Zerto's session API with curl: start a session, ask for the server's time with it, end it.
#
#   export SG_USER=admin SG_PASSWORD=...
#   ./zerto.sh          # Windows credentials (method 0)
#   ./zerto.sh 1        # credentials of the hypervisor manager
set -euo pipefail

url=${SG_URL:-https://127.0.0.1:9669}
ca=${SG_CA:-var/tls/ca.pem}
method=${1:-0}
: "${SG_USER:?set SG_USER first}" "${SG_PASSWORD:?set SG_PASSWORD first}"

# -f turns a refusal into an exit code. Name and password come in on standard input and not as
# arguments, which anybody on the machine can read.
credential() {
  local text="$SG_USER:$SG_PASSWORD"
  text=${text//\\/\\\\}
  printf 'user = "%s"\n' "${text//\"/\\\"}"
}
headers=$(credential | curl -sSf --cacert "$ca" -K - -D - -o /dev/null \
  -H 'Content-Type: application/json' -d "{\"AuthenticationMethod\": $method}" \
  "$url/v1/session/add")
token=$(tr -d '\r' <<<"$headers" | awk 'tolower($1) == "x-zerto-session:" {print $2}')
echo "session started"

now=$(curl -sSf --cacert "$ca" -H "x-zerto-session: $token" "$url/v1/serverDateTime")
echo "server time ${now//\"/}"

curl -sSf --cacert "$ca" -X DELETE -H "x-zerto-session: $token" "$url/v1/session"
echo "session ended"
