"""Measures the share of log lines, spans and metrics in the processor time of a prediction of one row.

    cargo build --release --features monitoring-switch
    python3 benches/python/monitoring_cost.py target/release/moodle-mlbackend [STARTS]

The server switches monitoring off and on again between short blocks of requests: two processes of the same program differ by
several percent (the state of their memory allocator), more than monitoring costs. Some clients send at the same time, so that the
processors are busy: on an idle virtual machine, each time that a thread wakes takes as long as some ten lines. Each request has a
connection of its own, as Moodle's do, or all of a client have one. They are sent by ab, a small program: one in Python would drive
the server's code out of the processor's caches, which a client on another machine does not. The log goes to a file. Compared is the
processor time of a request, of all threads, user and system. This is repeated with new servers. Prints the mean of the ratios with
its 95 % interval. Needs Python 3.8 and ab (Debian: apache2-utils).
"""

import base64
import http.client
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

CLIENTS = 4
REQUESTS = 300
ROUNDS = 60
COLUMNS = 100


def dataset(rows, with_target):
    draw = random.Random(1)
    names = [f"f{at}" for at in range(COLUMNS)]
    lines = [f'nfeatures,targetclasses\n{COLUMNS},"[0,1]"']
    lines.append(",".join(names + ["target"] if with_target else ["sampleid"] + names))
    for row in range(rows):
        cells = [f"{draw.uniform(-1, 1):.3f}" for _ in names]
        cells = cells + [str(int(float(cells[0]) > 0))] if with_target else [f"{row}-0"] + cells
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


CREDENTIALS = "a:b"
CONTENT_TYPE = "multipart/form-data; boundary=x"


def form(rows):
    parts = [("uniqueid", "", "m"), ("dirhash", "", "d"), ("dataset", '; filename="d.csv"', rows)]
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n' for name, more, value in parts
    )
    return body + "--x--\r\n"


class Server:
    """A running server. `command` is the program, and what runs it if it is not run alone; a new directory gets a model."""

    def __init__(self, command, directory, log_format="text"):
        trained = directory.exists()
        directory.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "MOODLE_MLBACKEND_PYTHON_DIR": str(directory),
            "MOODLE_MLBACKEND_PYTHON_USERS": "a:b",
            "MOODLE_MLBACKEND_PORT": "0",
            "MOODLE_MLBACKEND_LOG_FORMAT": log_format,
        }
        self.log = directory.parent / f"{directory.name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [*command, "serve"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.address = self.process.stdout.readline().split("http://")[1].strip()
        self.connection = http.client.HTTPConnection(self.address)
        if not trained:
            self.post("/training", dataset(500, True))

    def post(self, path, rows):
        credentials = base64.b64encode(CREDENTIALS.encode()).decode()
        self.send("POST", path, form(rows), {"Authorization": f"Basic {credentials}", "Content-Type": CONTENT_TYPE})

    def switch_monitoring(self, is_on):
        self.connection.close()
        self.send("GET", "/version", None, {"X-Monitoring": "on" if is_on else "off"})

    def send(self, method, path, body, headers):
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer

    def processor_seconds(self):
        """Time on a processor of all threads that run now, which schedstat has in nanoseconds (proc(5))."""
        nanoseconds = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                nanoseconds += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return nanoseconds / 1e9

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Load:
    """Clients that send at the same time."""

    def __init__(self, server, directory, keeps_connection):
        self.server = server
        body = directory / "body"
        body.write_bytes(form(dataset(1, False)).encode())
        self.command = ["ab", "-q", "-c", str(CLIENTS), "-A", CREDENTIALS, "-T", CONTENT_TYPE, "-p", str(body)]
        if keeps_connection:
            self.command.append("-k")

    def block(self, count):
        command = [*self.command, "-n", str(count), f"http://{self.server.address}/prediction"]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert f"Complete requests:      {count}\n" in report and "Non-2xx" not in report, report

    def seconds_per_request(self, monitored):
        self.server.switch_monitoring(monitored)
        self.block(20)
        time.sleep(0.22)  # The lines of the block before are written.
        before = self.server.processor_seconds()
        self.block(REQUESTS)
        time.sleep(0.22)
        return (self.server.processor_seconds() - before) / REQUESTS


def one_start(program, directory, keeps_connection):
    """The median of the logarithms of ratios, and of the seconds without and with monitoring, of a new server."""
    server = Server([program], directory / "data")
    load = Load(server, directory, keeps_connection)
    load.block(1000)
    logs, seconds = [], {False: [], True: []}
    for number in range(ROUNDS):
        turn = [False, True] if number % 2 == 0 else [True, False]
        each = {monitored: load.seconds_per_request(monitored) for monitored in turn}
        logs.append(math.log(each[True] / each[False]))
        for monitored in turn:
            seconds[monitored].append(each[monitored])
    server.stop()
    lines = server.log.read_text().count("route=\"/prediction\"")
    # With monitoring off there are no lines, with it on there is one for each request.
    expected = 1000 + ROUNDS * (REQUESTS + 20)
    assert lines == expected, f"{lines} lines instead of {expected}: was it built with the feature monitoring-switch?"
    return statistics.median(logs), statistics.median(seconds[False]), statistics.median(seconds[True])


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    starts = max(2, int(sys.argv[2])) if len(sys.argv) > 2 else 10
    for keeps_connection, name in [(False, "a connection for each request"), (True, "one connection")]:
        ratios = []
        for number in range(starts):
            with tempfile.TemporaryDirectory() as temporary:
                ratio, without, monitored = one_start(sys.argv[1], pathlib.Path(temporary), keeps_connection)
            ratios.append(ratio)
            figures = f"{without * 1e6:.0f} µs without, {monitored * 1e6:.0f} µs with monitoring"
            print(f"{name}, start {number + 1}: {math.exp(ratio):.4f}, {figures}", flush=True)
        mean, half = statistics.mean(ratios), 1.96 * statistics.stdev(ratios) / math.sqrt(starts)
        interval = f"{math.exp(mean - half):.4f} to {math.exp(mean + half):.4f}"
        print(f"{name}: mean of {starts} starts {math.exp(mean):.4f}, 95 % interval {interval}", flush=True)


if __name__ == "__main__":
    main()
