#!/usr/bin/env bash
# vSphere's JSON protocol with curl: log in with a locale, read the current session, log out.
#
#   export SG_USER=admin SG_PASSWORD=...
#   ./vsphere.sh        # the server's own locale
#   ./vsphere.sh de
set -euo pipefail

url=${SG_URL:-https://127.0.0.1:9669}
ca=${SG_CA:-var/tls/ca.pem}
locale=${1:-}
: "${SG_USER:?set SG_USER first}" "${SG_PASSWORD:?set SG_PASSWORD first}"
manager=$url/sdk/vim25/8.0.3.0/SessionManager/SessionManager

# A text as JSON has it, for names and passwords with quotes or backslashes.
json() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}
login="{\"userName\":$(json "$SG_USER"),\"password\":$(json "$SG_PASSWORD")"
[[ -z $locale ]] || login+=",\"locale\":$(json "$locale")"

# The body comes in on standard input and not as an argument, which anybody on the machine can
# read. Header and body of the reply come out together: first the head, then an empty line.
reply=$(printf '%s}' "$login" |
  curl -sS --fail-with-body --cacert "$ca" -D - --data-binary @- "$manager/Login") ||
  { tail -n 1 <<<"$reply" >&2; exit 1; }
token=$(tr -d '\r' <<<"$reply" | awk 'tolower($1) == "vmware-api-session-id:" {print $2}')
echo "logged in"

curl -sSf --cacert "$ca" -H "vmware-api-session-id: $token" "$manager/currentSession"
echo

curl -sSf --cacert "$ca" -X POST -H "vmware-api-session-id: $token" "$manager/Logout"
echo "logged out"
