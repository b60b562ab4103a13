# The verbs of this project; each is a script that works without `just`.

# list the verbs
default:
    @just --list

# the whole fleet on this machine: all services in one process
up *ARGS:
    scripts/up {{ARGS}}

# ten processes behind nginx, as in a cluster
pods:
    scripts/up --pods

# stop what `up` started
down *ARGS:
    scripts/down {{ARGS}}

# tests against scratch stores; arguments go to cargo nextest
test *ARGS:
    scripts/test {{ARGS}}

# formatting, clippy, licences, unused dependencies, spelling, shell, drift of OpenAPI and routes
lint *ARGS:
    scripts/lint {{ARGS}}

# a tour over HTTP of the fleet that is up: log in, give homework, submit, grade, find it in PostgreSQL
smoke:
    scripts/smoke

# psql on the fleet's database
psql *ARGS:
    scripts/psql {{ARGS}}

# the guarantees under attack: `just chaos --rounds 200`
chaos *ARGS:
    scripts/chaos {{ARGS}}

# the figures of docs/benchmarks.md; alone on the machine, about ten minutes
bench *ARGS:
    scripts/bench {{ARGS}}

# what CI does
ci:
    .ci/run
