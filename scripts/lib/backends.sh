# shellcheck shell=bash
# The three stores of `scripts/up`, each from where it is to be had: a server that the environment names, Docker Compose where an
# engine answers, else a private instance. Ends with one file that holds what every process needs to know: $ENVIRONMENT.

# shellcheck source=scripts/lib/stores.sh
. "$ROOT/scripts/lib/stores.sh"
# shellcheck disable=SC2034 # read by `up` and the other scripts
ENVIRONMENT=$LOCAL/schools24.env
CREDENTIALS=$LOCAL/credentials.env

# Only the environment counts, not `.env`: a copy of the example file must not send a laptop's demo data to a system database.
external() {
  case "$1" in
    postgres) [ -n "${POSTGRES_HOST:-}" ] ;;
    redis) [ -n "${REDIS_HOST:-}" ] ;;
    mongo) [ -n "${MONGODB_URI:-}" ] ;;
  esac
}

# Chosen once and kept until `down --purge`, or the data of yesterday would seem lost when Docker comes or goes.
backend_kind() {
  local file=$LOCAL/backend
  if [ ! -s "$file" ]; then
    if [ "${SCHOOLS24_STORES:-}" = docker ] || { [ -z "${SCHOOLS24_STORES:-}" ] && docker_answers; }; then
      printf 'docker\n' >"$file"
    else
      printf 'private\n' >"$file"
    fi
  fi
  cat "$file"
}
docker_answers() { have docker && timeout 10 docker info >/dev/null 2>&1 && timeout 10 docker compose version >/dev/null 2>&1; }
compose() { timeout 600 docker compose --project-name schools24 --env-file "$CREDENTIALS" --file "$ROOT/deploy/compose.yaml" "$@" </dev/null; }

# Passwords of this checkout: random, made once, readable by their owner alone.
load_credentials() {
  local name
  (
    umask 077
    touch "$CREDENTIALS"
    for name in POSTGRES_SUPERUSER_PASSWORD POSTGRES_OWNER_PASSWORD POSTGRES_APP_PASSWORD REDIS_STORE_PASSWORD \
      MONGO_STORE_PASSWORD JWT_SECRET; do
      grep -q "^$name=" "$CREDENTIALS" || printf '%s=%s\n' "$name" "$(random_secret)" >>"$CREDENTIALS"
    done
  )
  # shellcheck source=/dev/null
  . "$CREDENTIALS"
}

# The owner role and the database. Everything inside them is made by `schools24 migrate`.
# The superuser's hands are needed for one extension, which counts statements for the benchmarks.
postgres_bootstrap() {
  {
    cat <<SQL
SELECT 'CREATE ROLE schools24_owner LOGIN CREATEROLE' WHERE to_regrole('schools24_owner') IS NULL \\gexec
ALTER ROLE schools24_owner PASSWORD '$POSTGRES_OWNER_PASSWORD';
SELECT 'CREATE DATABASE schools24 OWNER schools24_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'schools24') \\gexec
\\connect schools24
SELECT 'CREATE EXTENSION pg_stat_statements' WHERE current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'
  AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') \\gexec
SQL
  } | "$@"
}

backends_start() {
  local kind store wanted=()
  load_credentials
  kind=$(backend_kind)
  for store in postgres redis mongo; do
    if external "$store"; then
      step "Using the $store server that the environment names"
    else
      wanted+=("$store")
    fi
  done
  [ "${#wanted[@]}" -gt 0 ] || return 0
  if [ "$kind" = docker ]; then
    step "Starting ${wanted[*]} with Docker Compose"
    compose up --detach --wait "${wanted[@]}" >&2
    external postgres || postgres_bootstrap compose_psql
    return 0
  fi
  for store in "${wanted[@]}"; do
    "prepare_$store"
  done
  # shellcheck disable=SC2034 # read by postgres_create
  DURABLE=yes
  external postgres || {
    postgres_start 54324
    postgres_bootstrap postgres_superuser --dbname=postgres
  }
  external redis || (REDIS_PASSWORD=$REDIS_STORE_PASSWORD && redis_start 63794)
  external mongo || mongo_start 27024
}
compose_psql() {
  timeout 60 docker compose --project-name schools24 --env-file "$CREDENTIALS" --file "$ROOT/deploy/compose.yaml" \
    exec --no-TTY postgres psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --username=postgres "$@"
}

backends_stop() {
  local kind
  kind=$(cat "$LOCAL/backend" 2>/dev/null || printf 'private')
  if [ "$kind" = docker ] && docker_answers; then
    load_credentials
    if [ "${1:-}" = --purge ]; then
      compose down --volumes >&2
    else
      compose stop >&2
    fi
  fi
  stores_stop
}

# The port of a store: Compose publishes fixed ones, private instances have chosen theirs.
backend_port() {
  case "$(backend_kind):$1" in
    docker:postgres) printf 54324 ;;
    docker:redis) printf 63794 ;;
    docker:mongo) printf 27024 ;;
    *) port_of "$1" ;;
  esac
}

# Writes $ENVIRONMENT: what the environment sets wins, the rest are our stores.
write_environment() {
  local mongo_user=''
  # `psql` needs to know whose server it is; by then the environment always names one.
  if external postgres; then echo external; else backend_kind; fi >"$LOCAL/postgres.kind"
  [ "$(backend_kind)" != docker ] || mongo_user="schools24:$MONGO_STORE_PASSWORD@"
  (
    umask 077
    {
      printf '# Written by scripts/up. Every process is started with it.\n'
      if external postgres; then
        print_set POSTGRES_HOST POSTGRES_PORT POSTGRES_DB POSTGRES_USER POSTGRES_PASSWORD POSTGRES_OWNER_USER POSTGRES_OWNER_PASSWORD
      else
        printf '%s\n' POSTGRES_HOST=127.0.0.1 "POSTGRES_PORT=$(backend_port postgres)" POSTGRES_DB=schools24 \
          POSTGRES_USER=schools24_app "POSTGRES_PASSWORD=$POSTGRES_APP_PASSWORD" \
          POSTGRES_OWNER_USER=schools24_owner "POSTGRES_OWNER_PASSWORD=$POSTGRES_OWNER_PASSWORD"
      fi
      if external redis; then
        print_set REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_DB REDIS_CACHE_HOST
      else
        printf '%s\n' REDIS_HOST=127.0.0.1 "REDIS_PORT=$(backend_port redis)" "REDIS_PASSWORD=$REDIS_STORE_PASSWORD" REDIS_DB=0
      fi
      if external mongo; then
        print_set MONGODB_URI
      else
        printf 'MONGODB_URI=mongodb://%s127.0.0.1:%s/schools24%s\n' "$mongo_user" "$(backend_port mongo)" \
          "${mongo_user:+?authSource=admin}"
      fi
      printf '%s\n' "JWT_SECRET=$JWT_SECRET" ENABLE_PROMETHEUS=true
    } >"$ENVIRONMENT.new"
  )
  # An unchanged file keeps its time, so that a second `up` sees that nothing has to restart.
  if cmp -s "$ENVIRONMENT.new" "$ENVIRONMENT"; then rm "$ENVIRONMENT.new"; else mv "$ENVIRONMENT.new" "$ENVIRONMENT"; fi
}
print_set() {
  local name
  for name in "$@"; do
    [ -z "${!name:-}" ] || printf '%s=%q\n' "$name" "${!name}"
  done
}

# After this every store is named by the environment, so `external` has no more to say.
load_environment() {
  set -a
  # shellcheck source=/dev/null
  . "$ENVIRONMENT"
  set +a
}
