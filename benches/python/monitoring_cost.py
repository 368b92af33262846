"""Measures the share of log lines, spans and metrics in the processor time of a prediction of one row.

    cargo build --release --features unmonitored && cp target/release/moodle-mlbackend /tmp/unmonitored
    cargo build --release
    python3 benches/python/monitoring_cost.py /tmp/unmonitored target/release/moodle-mlbackend [ROUNDS]

Both servers run at the same time, and get blocks of requests in turn, so that the load of the machine affects both. The
log goes to a file. Compared is the processor time of a request, user and system.
Prints the median ratio of the blocks. Needs Python 3.8 and nothing else.
"""

import base64
import http.client
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

REQUESTS = 2_000
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
    def __init__(self, binary, directory):
        directory.mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "MOODLE_MLBACKEND_PYTHON_DIR": str(directory),
            "MOODLE_MLBACKEND_PYTHON_USERS": "a:b",
            "MOODLE_MLBACKEND_PORT": "0",
        }
        log = open(directory.parent / f"{directory.name}.log", "w")
        self.process = subprocess.Popen([binary, "serve"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        address = self.process.stdout.readline().split("http://")[1].strip()
        self.connection = http.client.HTTPConnection(address)
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
        """User and system time of all threads, also of those that have ended (proc_pid_stat(5), fields 14 and 15)."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def block(self):
        row = dataset(1, False)
        # The server closed the connection while the other one was measured.
        self.connection.close()
        before = self.processor_seconds()
        for _ in range(REQUESTS):
            self.post("/prediction", row)
        time.sleep(0.1)  # the last log lines
        return (self.processor_seconds() - before) / REQUESTS


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    without, with_monitoring = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        servers = [Server(without, directory / "without"), Server(with_monitoring, directory / "with")]
        for server in servers:
            server.block()
        ratios, costs, sums = [], [], [0, 0]
        for number in range(rounds):
            order = servers if number % 2 == 0 else servers[::-1]
            seconds = {id(server): server.block() for server in order}
            base, full = (seconds[id(server)] for server in servers)
            ratios.append(full / base)
            sums = [sums[0] + base, sums[1] + full]
            costs.append((full - base) * 1e6)
            print(f"{base * 1e6:.0f} µs without, {full * 1e6:.0f} µs with: {ratios[-1]:.4f}", flush=True)
        for server in servers:
            server.process.terminate()
        print(f"median of {rounds} rounds: {statistics.median(ratios):.4f}, {statistics.median(costs):.1f} µs a request")
        print(f"all rounds together: {sums[1] / sums[0]:.4f}")


if __name__ == "__main__":
    main()
