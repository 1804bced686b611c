#!/usr/bin/env bash
# node 24.21.0 (npm package `node`), Linux: a program that is started by `nohup node` dies when its terminal hangs up. Node sets
# the handling of all signals back to the default when it starts, so that the SIGHUP that nohup has told the kernel to ignore
# ends it all the same. Expected: it lives on, as any other program that does not ask for the signal (here: sleep). So a server
# that was left running with `nohup ... &` is gone after the logout; `setsid`, a service manager or a terminal multiplexer
# keeps it. Output seen: "sleep: alive" and "node: ended by SIGHUP".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts=false --allow-scripts=node node@24.21.0 2>/dev/null ||
  npm install --silent --no-audit --no-fund node@24.21.0
node_bin="$folder/node_modules/node/bin/node"
try() {
  local name=$1
  shift
  nohup "$@" >out.txt 2>&1 </dev/null &
  local pid=$!
  for _ in $(seq 100); do [ "$name" = sleep ] || grep -q ready out.txt && break; sleep 0.1; done
  # nohup itself must have become the program.
  sleep 0.5
  kill -HUP "$pid"
  sleep 0.5
  if kill -0 "$pid" 2>/dev/null; then
    echo "$name: alive"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
  else
    local status=0
    wait "$pid" || status=$?
    echo "$name: ended by SIG$(kill -l $((status - 128)))"
  fi
}
{
  try sleep sleep 30
  try node "$node_bin" -e 'setTimeout(() => {}, 30000); console.log("ready")'
} | tee seen.txt
diff seen.txt - <<'SEEN'
sleep: alive
node: ended by SIGHUP
SEEN
