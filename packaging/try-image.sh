#!/usr/bin/env bash
# Builds the image and runs it as docs/serve.md says, on a Debian machine that reaches no registry: the base images are made by
# debootstrap, the compiler and the crates are this machine's own, and the providers are the sandbox. Needs root.
#
#   packaging/try-image.sh            builds, runs, checks, cleans up (the base images are kept)
#   packaging/try-image.sh --no-build runs and checks the image that was built before
#   packaging/try-image.sh --chroot   runs the image's files in a chroot, as where the kernel forbids containers
#   KEYFOB_TRY=/some/folder …         keeps what it makes there (default: target/try-image)
#
# Where the kernel forbids containers, the same files run in a chroot instead; the last line says which it was.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${KEYFOB_TRY:-$PWD/target/try-image}
release=bookworm
base=localhost/keyfob-try-base
build=localhost/keyfob-try-build
image=localhost/augustoauth
port=30368
origin=http://localhost:$port
mkdir -p "$work"
rm -rf "$work/run"
mkdir -p "$work/run"

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || apt-get install -y --no-install-recommends "${2:-$1}" >/dev/null || fail "$1 is missing"; }

# The health check's timer wants systemd, which containers' hosts have and a build machine may lack; it is run by hand below.
podman() { command podman "$@" 2> >(grep -v 'systemd connection' >&2); }

# Lower limits than podman's own: not every machine may raise its limits.
podman_run() { podman --runtime "$runtime" run --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"; }

make_bases() {
    if ! buildah inspect --type image $base >/dev/null 2>&1; then
        say "base image by debootstrap ($release)"
        [ -e "$work/base/usr/bin" ] || debootstrap --variant=minbase $release "$work/base" >"$work/debootstrap.log"
        import "$work/base" $base
    fi
    if ! buildah inspect --type image $build >/dev/null 2>&1; then
        say "build image: the base, a C compiler, this machine's Rust and crates"
        [ -e "$work/build/usr/bin/gcc" ] ||
            debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates $release "$work/build" >"$work/debootstrap-build.log"
        toolchain=$(rustc --print sysroot)
        mkdir -p "$work/build/usr/local/rust" "$work/build/usr/local/cargo"
        cp -r "$toolchain/bin" "$toolchain/lib" "$work/build/usr/local/rust/"
        cp -r "${CARGO_HOME:-$HOME/.cargo}/registry" "$work/build/usr/local/cargo/"
        import "$work/build" $build --env PATH=/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            --env CARGO_HOME=/usr/local/cargo --env CARGO_NET_OFFLINE=true
    fi
}

# A folder as an image.
import() {
    local folder=$1 name=$2 container
    shift 2
    tar -C "$folder" -cf "$work/layer.tar" .
    container=$(buildah from scratch)
    buildah add "$container" "$work/layer.tar" / >/dev/null
    buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd /bin/bash "$@" "$container"
    buildah commit -q "$container" "$name" >/dev/null
    buildah rm "$container" >/dev/null
    rm "$work/layer.tar"
}

# Seed values, and an app that the sandbox knows.
write_env_files() {
    cat >"$work/run/example.env" <<-EOF
	# as the provider gave them
	CLIENTID=12345678-9012-3456-7890-123456789012
	APIKEY=00000000-0000-4000-8000-000000000000
	APISEC=example=Secret=NotReal=
	AUTHCALL=$origin/callback
	EOF
    cat >"$work/run/sandbox.env" <<-EOF
	CLIENTID=5a9db0c5-0000-4000-8000-000000000001
	APIKEY=5a9db0c5-0000-4000-8000-00000000a001
	APISEC=august-sandbox-secret-not-real=
	AUTHCALL=$origin/callback
	EOF
}

wait_for() {
    for _ in $(seq 100); do
        curl -sf -o /dev/null "$1" && return
        sleep 0.2
    done
    fail "nothing at $1"
}

token_of() { grep -o 'name="form_token" value="[0-9a-f]*"' "$1" | head -1 | grep -o '[0-9a-f]\{64\}'; }
expect() { grep -q -- "$2" "$1" || { cat "$1"; fail "no \"$2\" in $1"; }; }

# Start page, "connect", and where that leads.
begin() {
    rm -f "$work/run/jar"
    curl -sf -b "$work/run/jar" -c "$work/run/jar" "$origin/" -o "$work/run/start.html"
    expect "$work/run/start.html" "Connect August"
    curl -s -o /dev/null -w '%{redirect_url}' -b "$work/run/jar" -c "$work/run/jar" --data "form_token=$(token_of "$work/run/start.html")" \
        "$origin/connect/august"
}

# From "connect" to "unlock"; $1 is how to reach the sandbox's consent page, which says yes by itself.
walk() {
    local to back page=$work/run/page.html
    to=$(begin)
    back=$("$@" "$to")
    case $back in "$origin/callback?code="*) ;; *) fail "the provider sent us to $back" ;; esac
    curl -sf -L -b "$work/run/jar" -c "$work/run/jar" "$back" -o "$page"
    expect "$page" "Front Door"
    expect "$page" "Garden Gate"
    local unlock="$origin/accounts/august/do/unlock-now"
    curl -sf -b "$work/run/jar" "$unlock?id=5A9DB0C5000000000000000000000F01" -o "$page"
    expect "$page" "Unlock now: Front Door?"
    curl -sf -L -b "$work/run/jar" --data "form_token=$(token_of "$page")&id=5A9DB0C5000000000000000000000F01" "$unlock" -o "$page"
    expect "$page" "Front Door. Done."
    expect "$page" "<dd>unlocked</dd>"
    [ "$(curl -s -o /dev/null -w '%{http_code}' -H "Host: evil.example" "$origin/")" = 421 ] || fail "another host is answered"
}

redirect_of() { curl -s -o /dev/null -w '%{redirect_url}' "$1"; }

in_containers() {
    say "the lines of the seed: run, logs, exec; browsers at port $port, the program at 5000"
    podman_run -d --name myauthtest --env-file "$work/run/example.env" -p $port:5000 $image >/dev/null
    wait_for $origin/healthz
    local to
    to=$(begin)
    case $to in
    "https://auth.august.com/authorization?"*"redirect_uri=http%3A%2F%2Flocalhost%3A$port%2Fcallback"*) ;;
    *) fail "connect leads to $to" ;;
    esac
    podman logs myauthtest >"$work/run/logs" 2>&1
    expect "$work/run/logs" "path=\"/connect/august\" status=303"
    podman --runtime "$runtime" exec myauthtest cat augustdebug.txt >"$work/run/augustdebug.txt"
    expect "$work/run/augustdebug.txt" "login begun"
    ! grep -E 'NotReal|state=|code=' "$work/run/logs" "$work/run/augustdebug.txt" || fail "a secret is in a log"
    [ "$(podman --runtime "$runtime" exec myauthtest id -u)" = 10001 ] || fail "it runs as root"
    [ "$(podman --runtime "$runtime" exec myauthtest stat -c %a augustdebug.txt)" = 600 ] || fail "others can read the log"
    podman --runtime "$runtime" healthcheck run myauthtest || fail "it is not well"
    time podman --runtime "$runtime" stop -t 15 myauthtest >/dev/null
    [ "$(podman inspect -f '{{.State.ExitCode}}' myauthtest)" = 0 ] || fail "it did not end by itself"
    podman rm myauthtest >/dev/null

    say "the whole walk, with the sandbox in the same network"
    podman_run -d --name keyfob-sandbox -p $port:5000 --entrypoint keyfob $image sandbox --consent approve >/dev/null
    sleep 1
    podman_run -d --name myauthtest --env-file "$work/run/sandbox.env" --network container:keyfob-sandbox $image \
        --debug-log augustdebug.txt --sandbox http://127.0.0.1:8900 >/dev/null
    wait_for $origin/healthz
    local pid
    pid=$(podman inspect -f '{{.State.Pid}}' keyfob-sandbox)
    inside() { nsenter -t "$pid" -n curl -s -o /dev/null -w '%{redirect_url}' "$1"; }
    walk inside
    podman --runtime "$runtime" exec myauthtest cat augustdebug.txt >"$work/run/augustdebug.txt"
    expect "$work/run/augustdebug.txt" "logged in"
    ! grep -E 'not-real|code=' "$work/run/augustdebug.txt" || fail "a secret is in the log"
}

in_a_chroot() {
    say "the same files in a chroot"
    local container root
    container=$(buildah from $image)
    root=$(buildah mount "$container")
    local -a as=(chroot --userspec=10001:10001 "$root" /usr/bin/env -i -C /home/keyfob PATH=/usr/local/bin:/usr/bin:/bin
        KEYFOB_CONFIG_DIR=/var/lib/keyfob/config KEYFOB_DATA_DIR=/var/lib/keyfob/data)
    "${as[@]}" keyfob sandbox --port 18900 --consent approve >"$work/run/sandbox.log" 2>&1 &
    pids+=($!)
    sleep 1
    # No port mapping here: the program listens where browsers look.
    local -a variables
    mapfile -t variables < <(grep -v '^#' "$work/run/sandbox.env")
    "${as[@]}" "${variables[@]}" keyfob serve --listen 0.0.0.0:$port --debug-log augustdebug.txt --sandbox http://127.0.0.1:18900 >"$work/run/logs" 2>&1 &
    pids+=($!)
    wait_for $origin/healthz
    walk redirect_of
    expect "$root/home/keyfob/augustdebug.txt" "logged in"
    "${as[@]}" keyfob serve --health-check --listen 127.0.0.1:$port || fail "it is not well"
}

pids=()
clean_up() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for name in myauthtest keyfob-sandbox; do podman rm -f -t 0 "$name" >/dev/null 2>&1 || true; done
    buildah rm -a >/dev/null 2>&1 || true
}
trap clean_up EXIT

[ "$(id -u)" = 0 ] || fail "debootstrap wants root"
for tool in debootstrap buildah podman curl; do need $tool; done
# Both have to look into the same place.
STORAGE_DRIVER=$(podman info --format '{{.Store.GraphDriverName}}')
export STORAGE_DRIVER
runtime=$(command -v runc || command -v crun) || { need runc; runtime=$(command -v runc); }
clean_up
if [[ " $* " != *" --no-build "* ]]; then
    make_bases
    say "image"
    buildah build --isolation chroot --format docker --build-arg BUILD_IMAGE=$build --build-arg BASE_IMAGE=$base \
        -t $image -f packaging/Dockerfile . >"$work/build.log" 2>&1 || { tail -30 "$work/build.log"; fail "the image does not build"; }
fi
podman images --format '{{.Repository}} {{.Size}}' | grep augustoauth
write_env_files
if [[ " $* " != *" --chroot "* ]] && podman_run --rm --entrypoint keyfob $image --version; then
    in_containers
    say "good: in containers ($(basename "$runtime"))"
else
    in_a_chroot
    say "good: in a chroot"
fi
