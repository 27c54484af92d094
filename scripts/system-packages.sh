#!/usr/bin/env bash
# Which system packages does Lienthong need, and are they here? Installs what is missing (Debian, Ubuntu).
#
#   scripts/system-packages.sh demo    what running needs: Python's venv, RabbitMQ's program
#   scripts/system-packages.sh test    what the tests need besides: PostgreSQL, xmlsec1, Java 17, SoftHSM
#   scripts/system-packages.sh soak    what long runs need besides: valgrind and a C compiler, to count instructions
#
# Quiet and quick when nothing is missing. Never starts the distribution's own services: Lienthong runs
# private ones on loopback. Exit code 1, with what to install by hand, where it cannot install.
set -euo pipefail

usage() { echo "usage: $0 demo|test|soak" >&2; exit 2; }
say() { printf 'system-packages: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
exists() { compgen -G "$1" >/dev/null; }

has_venv() { have python3 && python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
has_rabbitmq() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || have rabbitmq-server || [ -x /usr/sbin/rabbitmq-server ]; }
has_postgresql() { exists '/usr/lib/postgresql/*/bin/initdb' || have initdb; }
has_java() { have java && java -version >/dev/null 2>&1; }
has_softhsm() { have softhsm2-util && { exists '/usr/lib/softhsm/*.so' || exists '/usr/lib/*/softhsm/*.so'; }; }
has_javac() { have javac && javac -version >/dev/null 2>&1; }

[ $# -eq 1 ] || usage
case $1 in demo | test | soak) ;; *) usage ;; esac

missing=()
has_venv || missing+=(python3-venv)
has_rabbitmq || missing+=(rabbitmq-server)
if [ "$1" != demo ]; then
    has_postgresql || missing+=(postgresql)
    have xmlsec1 || missing+=(xmlsec1)
    has_softhsm || missing+=(softhsm2)
    { has_java && has_javac; } || missing+=(default-jdk-headless)
fi
if [ "$1" = soak ]; then
    have valgrind || missing+=(valgrind)
    have cc || missing+=(gcc libc6-dev)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

cannot() {
    say "$1"
    say "needed: ${missing[*]} (names as on Debian and Ubuntu)"
    say "install them yourself, then run this again"
    exit 1
}

have apt-get || cannot "this machine has no apt-get, so nothing can be installed for you"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=(sudo)
    else
        cannot "installing needs root or sudo: sudo apt-get install ${missing[*]}"
    fi
fi
root() { "${as_root[@]}" "$@"; }

# The packages would start RabbitMQ and epmd on all interfaces. A policy-rc.d of 101 forbids that while we install.
policy=/usr/sbin/policy-rc.d
made_policy=no
cleanup() { if [ "$made_policy" = yes ]; then root rm -f "$policy"; fi; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | root tee "$policy" >/dev/null
    root chmod 755 "$policy"
fi

apt() { root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
log=$(mktemp)
install() { apt install -y --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1; }

say "installing ${missing[*]}"
if ! install; then
    apt update >/dev/null 2>&1 || true # the package lists may be old or empty
    if ! install; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        cannot "apt-get could not install"
    fi
fi
rm -f "$log"

# Nor at the next boot: only services this run brought in.
if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
        case $package in
            rabbitmq-server) root systemctl disable -q rabbitmq-server.service epmd.socket epmd.service 2>/dev/null || true ;;
            postgresql) root systemctl disable -q postgresql.service 2>/dev/null || true ;;
        esac
    done
fi
say "done"
