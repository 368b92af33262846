#!/usr/bin/env python3
"""Checks the files in deploy/ without a network: schemas and syntax by the tools' own parsers, and what they promise.

Usage: deploy_files.py PROGRAM

supervisord and the filter of fail2ban are tried with the program. A tool that is not installed is named as skipped.
"""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import hcl2
import kubernetes_validate
import yaml

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy")


def read(name):
    with open(os.path.join(DEPLOY, name), encoding="utf-8") as file:
        return file.read()


def skip(reason):
    print("SKIPPED:", reason)


def kubernetes():
    objects = list(yaml.safe_load_all(read("kubernetes/moodle-mlbackend.yaml")))
    for found in objects:
        kubernetes_validate.validate(found, "1.31", strict=True)
    kinds = sorted(found["kind"] for found in objects)
    assert kinds == ["Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"], kinds
    deployment = next(found for found in objects if found["kind"] == "Deployment")["spec"]
    assert deployment["replicas"] == 1 and deployment["strategy"]["type"] == "Recreate", deployment
    container = deployment["template"]["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"], container
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"].startswith("/health/"), probe
    for resource in objects:
        labels = resource["metadata"]["labels"]
        assert labels == {"app.kubernetes.io/name": "moodle-mlbackend"}, labels
    print("Kubernetes: %d objects are valid" % len(objects))


def terraform():
    parsed = hcl2.loads(read("terraform/main.tf"))
    resources = {kind.strip('"') for block in parsed["resource"] for kind in block}
    expected = {"aws_instance", "aws_s3_bucket", "aws_iam_role_policy", "aws_security_group"}
    assert expected <= resources, resources
    print("Terraform: %d kinds of resources, parsed" % len(resources))


def compose():
    base, https = yaml.safe_load(read("compose.yaml")), yaml.safe_load(read("compose.https.yaml"))
    server = base["services"]["moodle-mlbackend"]
    assert server["read_only"] and server["cap_drop"] == ["ALL"], server
    assert server["ports"] == ["127.0.0.1:5000:5000"], server
    named = {volume.split(":")[0] for volume in server["volumes"]}
    assert named == set(base["volumes"]), named
    nginx = https["services"]["nginx"]
    networks = https["networks"]
    for service in https["services"].values():
        assert all(network in networks for network in service["networks"]), service
    mounted = {volume.split(":")[0] for volume in nginx["volumes"]}
    assert "./nginx-compose.conf" in mounted and os.path.exists(os.path.join(DEPLOY, "nginx-compose.conf")), mounted
    proxies = https["services"]["moodle-mlbackend"]["environment"]["MOODLE_MLBACKEND_TRUSTED_PROXIES"]
    assert proxies == networks["backend"]["ipam"]["config"][0]["subnet"], proxies
    print("compose: both files agree")


def workflows():
    """The schema of GitHub's workflows, which comes with the tool, and the syntax of their commands."""
    directory = os.path.join(DEPLOY, "..", ".github", "workflows")
    files = sorted(os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".yml"))
    checker = os.path.join(os.path.dirname(sys.executable), "check-jsonschema")
    subprocess.run([checker, "--builtin-schema", "vendor.github-workflows", "--quiet"] + files, check=True)
    commands = 0
    for file in files:
        with open(file, encoding="utf-8") as text:
            jobs = yaml.safe_load(text)["jobs"].values()
        for step in (step for job in jobs for step in job["steps"] if "run" in step):
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)
            commands += 1
    assert commands > 2, commands
    print("workflows: %d files, %d commands" % (len(files), commands))


def nginx():
    """The syntax of each file, by nginx itself, with a certificate that exists and names that resolve."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not program or not shutil.which("openssl"):
        return skip("nginx: nginx or openssl is not installed")
    for name in ("nginx.conf", "nginx-compose.conf", "nginx-replicas.conf", "nginx-shared.conf", "nginx-prefix.conf"):
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                 "-keyout", work + "/key", "-out", work + "/pem"], check=True, stderr=subprocess.DEVNULL)
            text = read(name).replace("server moodle-mlbackend:5000", "server 127.0.0.1:5000")
            for path in ("/etc/ssl/certs/mlbackend.example.org.pem", "/etc/nginx/certificates/fullchain.pem"):
                text = text.replace(path, work + "/pem")
            for path in ("/etc/ssl/private/mlbackend.example.org.key", "/etc/nginx/certificates/privkey.pem"):
                text = text.replace(path, work + "/key")
            if name == "nginx-prefix.conf":
                text = "server {\nlisten 127.0.0.1:18080;\n%s}\n" % text
            with open(work + "/test.conf", "w", encoding="utf-8") as file:
                file.write("pid %s/pid;\nevents {}\nhttp {\naccess_log off;\n%s\n}\n" % (work, text))
            done = subprocess.run([program, "-t", "-q", "-e", work + "/log", "-p", work, "-c", work + "/test.conf"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
            assert done.returncode == 0, "%s: %s" % (name, done.stdout)
    print("nginx: five files are valid")


def request(port, password):
    credentials = base64.b64encode(b"moodle:" + password.encode()).decode()
    asked = urllib.request.Request("http://127.0.0.1:%d/training" % port, method="POST", data=b"",
                                   headers={"Authorization": "Basic " + credentials})
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=10)
    except urllib.error.HTTPError as error:
        return error.code
    raise AssertionError("a request without data succeeded")


def supervisor(program):
    """A user without root: supervisord starts the server, restarts it when it is killed, and stops it."""
    with tempfile.TemporaryDirectory() as home:
        port = 15873
        os.mkdir(home + "/models")
        os.symlink(os.path.abspath(program), home + "/moodle-mlbackend")
        with open(home + "/users", "w", encoding="utf-8") as file:
            file.write("moodle:a-long-password\n")
        os.chmod(home + "/users", 0o600)
        shutil.copy(os.path.join(DEPLOY, "supervisor-user.conf"), home)
        bin_directory = os.path.dirname(sys.executable)
        environment = {"PATH": "/usr/bin:/bin", "MLBACKEND_HOME": home, "MOODLE_MLBACKEND_PORT": str(port)}
        configuration = ["--configuration", home + "/supervisor-user.conf"]
        control = [bin_directory + "/supervisorctl"] + configuration
        subprocess.run([bin_directory + "/supervisord"] + configuration, check=True, env=environment, cwd=home)
        try:
            status = wait_for(lambda: try_request(port, "a-long-password"))
            assert status == 500, "a request without data, with the right password: %s" % status
            def pid():
                printed = subprocess.run(control + ["pid", "moodle-mlbackend"], env=environment, stdout=subprocess.PIPE,
                                         universal_newlines=True, check=False).stdout.strip()
                return int(printed) if printed.isdigit() and printed != "0" else None
            first = pid()
            os.kill(first, 9)
            second = wait_for(lambda: pid() if pid() not in (None, first) else None)
            assert second, "the server was started again"
            wait_for(lambda: try_request(port, "a-long-password"))
            for _ in range(3):
                assert request(port, "wrong-password") == 401
            # Under load, lines are written some milliseconds after their requests.
            log = wait_for(lambda: log_with(home + "/moodle-mlbackend.log", "status=401", 3))
            assert log, "the log has a line for each failed login"
        finally:
            subprocess.run(control + ["shutdown"], env=environment, check=False, stdout=subprocess.DEVNULL)
        print("supervisord: started, started again after a kill, stopped")
        return log


def log_with(path, text, times):
    """The log if it has the text that often."""
    with open(path, encoding="utf-8") as file:
        log = file.read()
    return log if log.count(text) >= times else None


def try_request(port, password):
    try:
        return request(port, password)
    except (urllib.error.URLError, ConnectionError):
        return None


def wait_for(condition):
    for _ in range(150):
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    return None


def fail2ban(log):
    program = shutil.which("fail2ban-regex")
    if not program:
        return skip("fail2ban: fail2ban-regex is not installed")
    with tempfile.TemporaryDirectory() as work:
        with open(work + "/log", "w", encoding="utf-8") as file:
            file.write(log)
        done = subprocess.run([program, "--print-no-missed", work + "/log", os.path.join(DEPLOY, "fail2ban", "filter.conf")],
                              stdout=subprocess.PIPE, universal_newlines=True, check=False)
        assert "Failregex: 3 total" in done.stdout, done.stdout
    print("fail2ban: finds three failed logins in a log of %d lines" % len(log.splitlines()))


def logrotate():
    program = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        return skip("logrotate: it is not installed")
    with tempfile.TemporaryDirectory() as work:
        path = shutil.copy(os.path.join(DEPLOY, "logrotate.conf"), work + "/logrotate.conf")
        os.chmod(path, 0o644)
        done = subprocess.run([program, "--debug", "--state", work + "/state", path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        assert done.returncode == 0 and "error" not in done.stdout, done.stdout
    print("logrotate: valid")


if __name__ == "__main__":
    kubernetes()
    terraform()
    compose()
    workflows()
    nginx()
    fail2ban(supervisor(sys.argv[1]))
    logrotate()
