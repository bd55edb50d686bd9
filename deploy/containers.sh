#!/usr/bin/env bash
# The country on containers, for real: built, started, its walls tried from inside, its stories lived through while each
# container in turn is killed and paused, and taken down again.
#
#   deploy/containers.sh [STORY...]      those of tests/stories/errands.py; all of them if none is named
#
# It uses the engine that `docker` answers with (DOCKER_HOST), a project and premises of its own, and the ports of
# docker-compose.yml.  Status 0: all is well.  3: there is no engine with Compose v2.  Anything else: something is not.
set -euo pipefail
cd "$(dirname "$0")/.."

NO_ENGINE=3
answers() { timeout 30 docker version && timeout 30 docker compose version; }
if ! answers >/dev/null 2>&1; then
    echo "NO CONTAINER ENGINE: no docker with Compose v2 answers, so nobody has tried the country on containers." >&2
    exit "$NO_ENGINE"
fi

KIBAN_PREMISES=$(mktemp -d)
export KIBAN_PREMISES COMPOSE_PROJECT_NAME=kiban-check KIBAN_STORIES="$*"
log=$KIBAN_PREMISES/log

take_down() {
    docker compose down --volumes --timeout 5 >"$log" 2>&1
}

clean_up() {
    local status=$?
    if [ "$status" != 0 ]; then
        tail -n 40 "$log" >&2
        docker compose ps --all >&2 || true
        docker compose logs --tail 10 >&2 || true
    fi
    take_down || true
    rm -rf "$KIBAN_PREMISES"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Do one step of at most so many seconds, and say in a line how it went.
step() {
    local what=$1 seconds=$2 began=$SECONDS
    shift 2
    if timeout "$seconds" "$@" >"$log" 2>&1; then
        echo "$what: done in $((SECONDS - began)) s"
    else
        echo "$what: FAILED after $((SECONDS - began)) s" >&2
        return 1
    fi
}

step "install" 300 make .venv/run .venv/dev
step "prepare" 60 .venv/bin/kiban prepare --data "$KIBAN_PREMISES"
step "build" 600 docker compose build
step "up" 600 docker compose up --wait
step "ready" 300 .venv/bin/kiban ready "$KIBAN_PREMISES/ready.json" --data "$KIBAN_PREMISES"
echo "walls, and stories with each container killed and paused:"
timeout 1800 .venv/bin/python -m pytest -v --no-header --disable-warnings \
    tests/deploy/test_containers.py tests/stories/test_on_containers.py
take_down && echo "down: done"
