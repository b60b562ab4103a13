# shellcheck shell=bash
# Background processes that outlive the script, and the proof that a process is still the one we started.
# A process id alone is recycled by the kernel; with its start time and the boot it is unique. Only such a proven process is
# ever signalled.

# Where this instance keeps process ids; `use_instance` in stores.sh sets it.
RUN=${RUN:-$LOCAL/run}

# Start time in clock ticks since boot; empty for a process that is gone or a zombie.
process_started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The command name may hold spaces and brackets: fields are counted after the last bracket.
  local fields
  read -r -a fields <<<"${stat##*) }"
  [ "${fields[0]}" = Z ] || printf '%s' "${fields[19]}"
}

process_record() {
  mkdir -p "$RUN"
  printf '%s %s %s\n' "$2" "$(process_started_at "$2")" "$(cat /proc/sys/kernel/random/boot_id)" >"$RUN/$1.pid"
}

# Prints the process id if NAME still runs.
process_id() {
  local pid started boot
  [ -s "$RUN/$1.pid" ] || return 1
  read -r pid started boot <"$RUN/$1.pid"
  [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 1
  [ -n "$started" ] && [ "$started" = "$(process_started_at "$pid")" ] || return 1
  printf '%s\n' "$pid"
}

process_alive() { process_id "$1" >/dev/null; }

# Closes what the caller has open besides its standard streams. A server that outlives the script must not hold on to it: a lock
# would never be released, and the reader of a pipe would wait for ever.
drop_descriptors() {
  local descriptor
  for descriptor in "/proc/$BASHPID/fd/"*; do
    descriptor=${descriptor##*/}
    [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-"
  done
}

# process_start NAME LOGFILE COMMAND...: in a session of its own, so that a Ctrl-C of the caller doesn't reach it.
process_start() {
  local name=$1 log=$2
  shift 2
  mkdir -p "$(dirname "$log")"
  (
    drop_descriptors
    exec setsid "$@"
  ) </dev/null >>"$log" 2>&1 &
  process_record "$name" $!
}

# process_stop NAME [SIGNAL] [SECONDS]: asks, waits, and only then kills.
process_stop() {
  local name=$1 signal=${2:-TERM} patience=${3:-30} pid
  if pid=$(process_id "$name"); then
    kill -s "$signal" "$pid" 2>/dev/null || true
    if ! wait_until "$patience" process_gone "$name"; then
      note "$name (process $pid) did not stop within $patience s: killed"
      kill -s KILL "$pid" 2>/dev/null || true
      wait_until 10 process_gone "$name" || die "$name (process $pid) can't be killed"
    fi
  fi
  rm -f "$RUN/$name.pid"
}

process_gone() { ! process_alive "$1"; }

# Names of all recorded processes, alive or not.
process_names() {
  local file
  for file in "$RUN"/*.pid; do
    [ -e "$file" ] || continue
    file=${file##*/}
    printf '%s\n' "${file%.pid}"
  done
}

# Every server or service whose command line names a path of this checkout: what is left when `down` has missed something.
# Editors, shells and `tail -f` on a log are the user's own.
processes_of_ours() {
  local path pid line words
  for path in /proc/[0-9]*/cmdline; do
    pid=${path#/proc/}
    pid=${pid%/cmdline}
    { mapfile -d '' -t words <"$path"; } 2>/dev/null || continue
    line="${words[*]} "
    case "$line" in
      *"$LOCAL/"* | *"${POSTGRES_DATA:-$LOCAL/}"* | *"${TARGET:-$ROOT/target}/"*/schools24\ *)
        case "${line%% *}" in
          */postgres | *redis-server | *mongod | *nginx* | */schools24) printf '%s %s\n' "$pid" "$line" ;;
        esac
        ;;
    esac
  done
}
