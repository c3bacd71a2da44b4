# What the server scripts share. Source it; do not run it.
#
# PEERS_DIR (default .peers in the repository) holds one folder per server: what is installed once, a seed of its
# data, and a folder per port with the data, log and process id of one running instance. So several instances
# run side by side, and a fresh one is a copy away. Everything binds to 127.0.0.1 and nothing else.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PEERS_DIR=${PEERS_DIR:-$(cd "$HERE/../../.." && pwd)/.peers}
HOST=127.0.0.1
mkdir -p "$PEERS_DIR"; PEERS_DIR=$(cd "$PEERS_DIR" && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null || die "needs $1${2:+ ($2)}"; }

# pick_python MINOR: the first CPython 3.x with x >= MINOR
pick_python() {
  local wanted=$1 candidate minor
  for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python; do
    candidate=$(command -v "$candidate" 2>/dev/null) || continue
    minor=$("$candidate" -c 'import sys; print(sys.version_info[1])' 2>/dev/null) || continue
    [ "$minor" -ge "$wanted" ] && { printf '%s\n' "$candidate"; return; }
  done
  die "needs Python 3.$wanted or newer (set PYTHON to one)"
}

# answers URL SECONDS PATTERN PID: waits until the status of URL matches; gives up early when the process is gone
answers() {
  local i code
  for i in $(seq $(($2 * 4))); do
    code=$(curl -s -o /dev/null -w '%{http_code}' "$1" || true)
    [[ $code =~ ^($3)$ ]] && return
    kill -0 "$4" 2>/dev/null || return 1
    sleep 0.25
  done
  return 1
}

# spawn DIR NAME COMMAND...: in the background, in a process group of its own; id in DIR/NAME.pid, output in DIR/NAME.log
spawn() {
  local dir=$1 name=$2; shift 2
  setsid "$@" >>"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

# halt DIR NAME: stops what spawn started there, and nothing else
halt() {
  local file=$1/$2.pid group
  [ -e "$file" ] || return 0
  group=$(cat "$file"); rm -f "$file"
  kill -- "-$group" 2>/dev/null || return 0
  for _ in $(seq 80); do kill -0 -- "-$group" 2>/dev/null || return 0; sleep 0.25; done
  kill -9 -- "-$group" 2>/dev/null || true
}
