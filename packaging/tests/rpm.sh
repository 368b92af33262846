#!/bin/sh
# The RPM package has the files that it should, and no others.
# Usage: rpm.sh PACKAGE
set -eu

package=$1
for file in /usr/bin/moodle-mlbackend /etc/moodle-mlbackend/environment /etc/moodle-mlbackend/config.toml \
    /usr/lib/systemd/system/moodle-mlbackend.service /usr/lib/systemd/system/moodle-mlbackend.socket \
    /usr/lib/sysusers.d/moodle-mlbackend.conf /usr/lib/tmpfiles.d/moodle-mlbackend.conf \
    /usr/share/man/man1/moodle-mlbackend.1 /usr/share/bash-completion/completions/moodle-mlbackend; do
    rpm -qpl "$package" 2>/dev/null | grep -qxF "$file" || { echo "$package lacks $file" >&2; exit 1; }
done
strange=$(rpm -qpl "$package" 2>/dev/null | grep -Ev '^/(usr/(bin|lib/(systemd/system|sysusers\.d|tmpfiles\.d)|share)|etc/moodle-mlbackend)/') || true
[ -z "$strange" ] || { echo "$package has $strange" >&2; exit 1; }
configuration=$(rpm -qpc "$package" 2>/dev/null | sort | tr '\n' ' ')
[ "$configuration" = "/etc/moodle-mlbackend/config.toml /etc/moodle-mlbackend/environment " ] ||
    { echo "$package has as configuration: $configuration" >&2; exit 1; }
rpm -qp --requires "$package" 2>/dev/null | grep -q '^glibc >= 2.17' || { echo "$package does not name its glibc" >&2; exit 1; }
for phase in preinstall postinstall preuninstall postuninstall; do
    rpm -qp --scripts "$package" 2>/dev/null | grep -q "^$phase scriptlet" || { echo "$package lacks a $phase script" >&2; exit 1; }
done
echo "$(rpm -qpl "$package" 2>/dev/null | wc -l) files, as they should be"
