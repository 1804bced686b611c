#!/bin/sh
# Asks the server by curl: its health, its models, a whole answer, a stream.
set -eu

url="${HERMES_URL:-http://127.0.0.1:8642}"
key="${API_SERVER_KEY:?set it to the key in ~/.hermes/.env}"

ask() {
  curl --silent --show-error --fail-with-body --no-buffer "$url/v1/chat/completions" \
    --header "Authorization: Bearer $key" \
    --header "Content-Type: application/json" \
    --data "$1"
}

expect() {
  case "$2" in
    *"$1"*) ;;
    *) printf 'expected %s in:\n%s\n' "$1" "$2" >&2 && exit 1 ;;
  esac
}

expect '"status":"ok"' "$(curl --silent --fail "$url/health")"
expect '"hermes-agent-lite"' "$(curl --silent --fail "$url/v1/models" --header "Authorization: Bearer $key")"

answer=$(ask '{"messages": [{"role": "user", "content": "List the files here"}]}')
expect '"finish_reason":"stop"' "$answer"
printf '%s\n\n' "$answer"

stream=$(ask '{"stream": true, "messages": [{"role": "user", "content": "Run `uname -a`"}]}')
expect '"type":"tool.progress"' "$stream"
expect 'data: [DONE]' "$stream"
printf '%s\n' "$stream"
