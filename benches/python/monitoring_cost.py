"""Measures the share of log lines, spans and metrics in the processor time of a prediction of one row.

    cargo build --release --features unmonitored && cp target/release/moodle-mlbackend /tmp/unmonitored
    cargo build --release
    python3 benches/python/monitoring_cost.py /tmp/unmonitored target/release/moodle-mlbackend [STARTS]

Both servers run at the same time, and get short blocks of requests in turn, so that the load of the machine affects both.
The log goes to a file. Compared is the processor time of a request, user and system. This is repeated with new servers,
because two processes of the same program differ by some percent (the state of their memory allocator).
Prints the mean of the ratios with its 95 % interval. Needs Python 3.8 and nothing else.
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

REQUESTS = 100
ROUNDS = 40
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
        with open(directory.parent / f"{directory.name}.log", "w") as log:
            self.process = subprocess.Popen(
                [*command, "serve"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        address = self.process.stdout.readline().split("http://")[1].strip()
        self.connection = http.client.HTTPConnection(address)
        if not trained:
            self.post("/training", dataset(500, True))

    def post(self, path, rows):
        parts = [("uniqueid", "", "m"), ("dirhash", "", "d"), ("dataset", '; filename="d.csv"', rows)]
        body = "".join(
            f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n' for name, more, value in parts
        )
        headers = {
            "Authorization": "Basic " + base64.b64encode(b"a:b").decode(),
            "Content-Type": "multipart/form-data; boundary=x",
        }
        self.connection.request("POST", path, body + "--x--\r\n", headers)
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

    def block(self):
        row = dataset(1, False)
        before = self.processor_seconds()
        for _ in range(REQUESTS):
            self.post("/prediction", row)
        time.sleep(0.02)  # the last log lines
        return (self.processor_seconds() - before) / REQUESTS

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    starts = max(2, int(sys.argv[3])) if len(sys.argv) > 3 else 20
    means, costs = [], []
    for number in range(starts):
        with tempfile.TemporaryDirectory() as temporary:
            ratio, cost = one_start(sys.argv[1:3], pathlib.Path(temporary), number)
        means.append(ratio)
        costs.append(cost)
        print(f"start {number + 1}: {math.exp(ratio):.4f}, {cost:.1f} µs a request", flush=True)
    mean, half = statistics.mean(means), 1.96 * statistics.stdev(means) / math.sqrt(starts)
    print(f"mean of {starts} starts: {math.exp(mean):.4f}, {statistics.mean(costs):.1f} µs a request")
    print(f"95 % interval: {math.exp(mean - half):.4f} to {math.exp(mean + half):.4f}")


def one_start(binaries, directory, number):
    """The median of the logarithms of ratios, and of the differences in microseconds, between two new servers."""
    names = ["without", "with"]
    # Which of them starts first matters, too.
    order = [0, 1] if number % 2 == 0 else [1, 0]
    servers = {at: Server([binaries[at]], directory / names[at]) for at in order}
    for at in order * 5:
        servers[at].block()
    logs, costs = [], []
    for round_number in range(ROUNDS):
        turn = order if round_number % 2 == 0 else order[::-1]
        seconds = {at: servers[at].block() for at in turn}
        logs.append(math.log(seconds[1] / seconds[0]))
        costs.append((seconds[1] - seconds[0]) * 1e6)
    for server in servers.values():
        server.stop()
    return statistics.median(logs), statistics.median(costs)


if __name__ == "__main__":
    main()
