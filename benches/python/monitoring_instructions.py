"""Counts the instructions and system calls of a prediction of one row, with and without log lines, spans and metrics.

    cargo build --release --features monitoring-switch
    python3 benches/python/monitoring_instructions.py target/release/moodle-mlbackend

Unlike processor time (monitoring_cost.py), these hardly depend on what else the machine does. Valgrind counts the instructions
of the whole process, all threads, without the kernel; strace counts the system calls. Each server answers a few and
then many requests, and the difference is divided by the number of additional ones, so that start and end do not count. All
have the same model. Both tools slow the server down so much that most log lines are written alone: a server under
load writes those of 200 ms together, and needs fewer. Needs Python 3.8, valgrind and strace.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from monitoring_cost import Server, dataset

FEW, MANY = 200, 1200


def total(directory, model, program, monitored, log_format, requests, tool, read):
    """What `tool` counts while a server starts, answers the requests and ends."""
    data, counts = directory / "data", directory / "counts"
    for old in [data, counts]:
        shutil.rmtree(old, ignore_errors=True)
    counts.mkdir()
    shutil.copytree(model, data)
    server = Server([*tool, program], data, log_format)
    server.switch_monitoring(monitored)
    row = dataset(1, False)
    for _ in range(requests):
        server.post("/prediction", row)
    end_of_program(server)
    return read("\n".join(file.read_text() for file in counts.iterdir()))


def end_of_program(server):
    """Ends the program itself. strace starts it as a child of its own; valgrind becomes it."""
    children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    if children:
        subprocess.run(["kill", "-TERM", *children], check=True)
        server.process.wait()
    else:
        server.stop()


def instructions(text):
    totals = [int(line.split()[1]) for line in text.splitlines() if line.startswith("totals:")]
    return {"instructions": sum(totals)}


def system_calls(text):
    """The rows of strace's table: share, seconds, microseconds a call, calls, perhaps errors, name."""
    rows = [line.split() for line in text.splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        model = directory / "model"
        Server([program], model).stop()
        for log_format in ["text", "json"]:
            print_instructions(directory, model, program, log_format)
        print_system_calls(directory, model, program)


def per_request(directory, model, program, monitored, log_format, tool, read):
    """The counts of one request, by name."""
    few, many = (total(directory, model, program, monitored, log_format, count, tool, read) for count in (FEW, MANY))
    return {name: (many.get(name, 0) - few.get(name, 0)) / (MANY - FEW) for name in {**few, **many}}


def print_instructions(directory, model, program, log_format):
    # The program starts itself again with settings of malloc.
    tool = ["valgrind", "--quiet", "--trace-children=yes", "--tool=callgrind"]
    tool.append(f"--callgrind-out-file={directory}/counts/%p")
    each = {}
    for name, monitored in [("without", False), ("with", True)]:
        counts = per_request(directory, model, program, monitored, log_format, tool, instructions)
        each[name] = counts["instructions"]
        print(f"{log_format}, {name} monitoring: {each[name]:,.0f} instructions a request", flush=True)
    cost = each["with"] - each["without"]
    print(f"{log_format}: monitoring adds {cost:,.0f}, {100 * cost / each['without']:.2f} %", flush=True)


def print_system_calls(directory, model, program):
    tool = ["strace", "-f", "-c", "-o", f"{directory}/counts/table"]
    for name, monitored in [("without", False), ("with", True)]:
        each = per_request(directory, model, program, monitored, "text", tool, system_calls)
        listed = sorted(((count, call) for call, count in each.items() if count >= 0.01), reverse=True)
        print(f"{name} monitoring, system calls a request: {sum(each.values()):.2f}", end=" = ")
        print(", ".join(f"{call} {count:.2f}" for count, call in listed), flush=True)


if __name__ == "__main__":
    main()
