# shellcheck shell=bash
# The services as background processes: all in one, or a pod each behind nginx. Needs process.sh and $ENVIRONMENT.

SERVICES=(auth dashboard quiz homework attendance fee inventory bus-route calendar report)
# shellcheck disable=SC2034 # read by `up` and `processes_of_ours`
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}

# The front door: the address that a person and the smoke test use.
front_port() { cat "$LOCAL/ports/http"; }
front_url() { printf 'http://localhost:%s' "$(front_port)"; }

# start_service NAME PORT COMMAND...: one process of the fleet with its own ports.
start_service() {
  local name=$1 port=$2 metrics
  shift 2
  metrics=$(fleet_port "$name-metrics" $((port + 1000)))
  PORT=$port PROMETHEUS_PORT=$metrics process_start "$name" "$LOG/$name.log" "$@"
}

# A service's port of last time if it is still free.
fleet_port() {
  local file=$LOCAL/ports/$1 preferred=$2
  [ ! -s "$file" ] || preferred=$(cat "$file")
  free_port "$preferred" | tee "$file"
}

start_single() {
  start_service schools24 "$(front_port)" "$BINARY" serve
  await_ready schools24 "$(front_port)"
}

start_pods() {
  local service port index=0 upstreams=()
  for service in "${SERVICES[@]}"; do
    index=$((index + 1))
    port=$(fleet_port "$service" $((18080 + index)))
    start_service "$service" "$port" "$BINARY" serve --services "$service"
    upstreams+=("$service=127.0.0.1:$port")
  done
  start_service batch-processor "$(fleet_port batch-processor 18099)" "$BINARY" drain --resident
  for service in "${SERVICES[@]}"; do
    await_ready "$service" "$(cat "$LOCAL/ports/$service")"
  done
  start_front "${upstreams[@]}"
}

# nginx in front of the pods, by the routing table that the binary prints and Helm and Istio share.
start_front() {
  local home=$LOCAL/nginx
  need_debian_package nginx nginx-light
  mkdir -p "$home"
  timeout 60 "$BINARY" routes --format json >"$home/routes.json"
  timeout 60 "$BINARY" openapi >"$home/openapi.json"
  "$ROOT/scripts/lib/render-nginx" "$(front_port)" "$home" "$@" <"$home/routes.json" >"$home/nginx.conf"
  nginx -e stderr -t -q -p "$home" -c "$home/nginx.conf"
  process_start nginx "$LOG/nginx.log" nginx -e stderr -p "$home" -c "$home/nginx.conf"
  await_ready nginx "$(front_port)"
}

# await_ready NAME PORT: until /ready answers 200. A process that dies or isn't ready in time is explained by its answer and its log.
await_ready() {
  local name=$1 port=$2 deadline=$((SECONDS + ${SCHOOLS24_READY_SECONDS:-60})) code='' body=$RUN/$1.ready
  while [ "$SECONDS" -lt "$deadline" ]; do
    process_alive "$name" || break
    code=$(curl --silent --max-time 5 --output "$body" --write-out '%{http_code}' "http://127.0.0.1:$port/ready" || true)
    [ "$code" != 200 ] || {
      rm -f "$body"
      return 0
    }
    sleep 0.1
  done
  printf '\n' >&2
  if ! process_alive "$name"; then
    note "$name stopped by itself"
  elif [ "$code" = 000 ]; then
    note "$name runs but answers nothing on port $port"
  else
    note "$name is not ready; /ready says ($code):"
    { jq . "$body" 2>/dev/null || cat "$body"; } >&2
  fi
  note "the last lines of $LOG/$name.log:"
  tail -n 15 "$LOG/$name.log" >&2 || true
  die "$name is not ready" "stop everything: scripts/down"
}

# Front first, so that nothing is accepted that can't be answered; the batch processor last, so that it drains what came in.
stop_services() {
  local service name
  process_stop nginx QUIT 20
  # All are asked at once, then awaited one by one.
  for service in schools24 "${SERVICES[@]}"; do
    if name=$(process_id "$service"); then kill -s TERM "$name" 2>/dev/null || true; fi
  done
  for service in schools24 "${SERVICES[@]}"; do
    process_stop "$service" TERM 40
  done
  process_stop batch-processor TERM 40
}

# What is running now, told by the files and settings that it was started with.
fleet_signature() {
  printf '%s %s ' "$1" "$2"
  stat -c '%Y %s %i' "$BINARY" "$ENVIRONMENT" | tr '\n' ' '
}
