#!/usr/bin/env bash
# BottleCRM (PyPI: django-crm), a CRM with a REST API and personal access tokens, on SQLite.
#   bottlecrm.sh install | up PORT | restart PORT | down PORT | wipe
# install: packages and seed data, once. up: a fresh instance; prints the path of its peer.json
# {"url", "token", "token_leads_read", "session"}. restart: the same data again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
D=$PEERS_DIR/bottlecrm
VERSION=${BOTTLECRM_VERSION:-1.35.0}

# enter PORT: the folder, address and environment of one instance
enter() {
  PORT=$1; I=$D/$PORT; URL=http://$HOST:$PORT
  mkdir -p "$I"
  cat >"$I/peer_settings.py" <<PY
from datetime import timedelta

from crm.settings import *  # noqa: F403

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "$I/db.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF;",
        },
    }
}


class FromModels(dict):
    """Tables straight from the models: seconds instead of the minutes that all migrations take."""

    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        return None


MIGRATION_MODULES = FromModels()
CELERY_TASK_ALWAYS_EAGER = True
CELERY_BROKER_URL = "memory://"
CELERY_RESULT_BACKEND = "cache+memory://"
MEDIA_ROOT = "$I/media"
SIMPLE_JWT = {**SIMPLE_JWT, "ACCESS_TOKEN_LIFETIME": timedelta(days=3650)}  # noqa: F405
PY
  export DJANGO_SETTINGS_MODULE=peer_settings PYTHONPATH=$I ENV_TYPE=dev DEBUG=True PYTHONDONTWRITEBYTECODE=1
  export SECRET_KEY=for-tests-on-loopback-only-0123456789-0123456789-abcdef
  export CELERY_BROKER_URL=memory:// CELERY_RESULT_BACKEND=cache+memory:// DOMAIN_NAME=$URL FRONTEND_URL=$URL
}
start() {
  ( cd "$I"; spawn "$I" server "$D/venv/bin/django-admin" runserver --noreload "$HOST:$PORT" )
  answers "$URL/healthz/" 60 '[234]..' "$(cat "$I/server.pid")" || die "BottleCRM does not answer; see $I/server.log"
}
# the user by the package's own command for developers, all else over its API
seed() {
  ( cd "$I"; "$D/venv/bin/django-admin" devlogin admin@example.test --create ) >"$I/login.txt"
  "$D/venv/bin/python" - "$URL" "$I/login.txt" "$1" <<'PY'
import json, re, sys, urllib.request
url, login, out = sys.argv[1:]
session = re.search(r"^access_token:\s+(\S+)", open(login).read(), re.M).group(1)
def post(path, body):
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"Authorization": "Bearer " + session, "Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))
org = post("/api/org/", {"name": "Example"})["org"]["id"]
session = post("/api/auth/switch-org/", {"org_id": org})["access_token"]
keys = {"token": post("/api/profile/tokens/", {"name": "sync", "scopes": []})["token"],
        "token_leads_read": post("/api/profile/tokens/", {"name": "read", "scopes": ["leads:read"]})["token"],
        "session": session}
json.dump(keys, open(out, "w"))
PY
}
install() {
  need curl
  if [ ! -e "$D/venv/.ready" ]; then
    python=$(pick_python 12)
    mkdir -p "$D"
    "$python" -m venv "$D/venv"
    "$D/venv/bin/pip" install -q --disable-pip-version-check "django-crm==$VERSION" >"$D/install.log" 2>&1 ||
      die "django-crm $VERSION could not be installed; see $D/install.log"
    touch "$D/venv/.ready"
  fi
  [ -e "$D/seed.json" ] && return
  enter "${1:-8791}"; rm -f "$I"/db.sqlite3*
  ( cd "$I"; "$D/venv/bin/django-admin" migrate --run-syncdb ) >"$D/migrate.log" 2>&1 || die "see $D/migrate.log"
  start; seed "$D/seed.json.part"; halt "$I" server
  # a whole copy, write-ahead log included
  "$D/venv/bin/python" -c 'import sqlite3, sys; a, b = map(sqlite3.connect, sys.argv[1:]); a.backup(b)' \
    "$I/db.sqlite3" "$D/seed.sqlite3"
  rm -rf "$I"; mv "$D/seed.json.part" "$D/seed.json"
}
case ${1:-} in
install) install "${2:-}" ;;
up)      [ -e "$D/seed.json" ] || install "$2"
         enter "$2"; halt "$I" server
         rm -f "$I"/db.sqlite3*; cp "$D/seed.sqlite3" "$I/db.sqlite3"; start
         sed "s|^{|{\"url\": \"$URL\", |" "$D/seed.json" >"$I/peer.json"; echo "$I/peer.json" ;;
restart) enter "$2"; halt "$I" server; start ;;
down)    halt "$D/$2" server ;;
wipe)    for instance in "$D"/[0-9]*; do halt "$instance" server; done; rm -rf "$D" ;;
*)       die "install | up PORT | restart PORT | down PORT | wipe" ;;
esac
