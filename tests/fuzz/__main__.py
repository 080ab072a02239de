"""``python -m tests.fuzz [READER ...] [--count 10000] [--from 0] [--command]``: says what any reader does wrong."""

import argparse
import os
import sys
import time

from tests.fuzz.check import fault_of, fault_of_command, input_of
from tests.fuzz.readers import READERS


def main() -> int:
    """Try the readers; the exit code is 1 where one of them did something wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; all unless given")
    parser.add_argument("--count", type=int, default=10_000, help="inputs for each [default: 10000]")
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first [default: 0]")
    parser.add_argument("--command", action="store_true", help="through the command line instead of the reader itself")
    parser.add_argument("--show", action="store_true", help="write the inputs to stdout instead of reading them")
    parser.add_argument("--stop-after", type=int, default=3, help="faults of each reader that are shown [default: 3]")
    asked = parser.parse_args()
    os.environ.update(AWS_EC2_METADATA_DISABLED="true", NO_GCE_CHECK="true")
    wrong = 0
    for reader in asked.readers or READERS:
        if asked.command and not READERS[reader].command:
            continue
        before, faults = time.process_time(), 0
        for number in range(asked.first, asked.first + asked.count):
            if asked.show:
                sys.stdout.buffer.write(input_of(reader, number) + b"\n")
                continue
            fault = (fault_of_command if asked.command else fault_of)(reader, number)
            if fault is not None:
                faults += 1
                print(f"{reader} {number}: {fault}\n", flush=True)  # noqa: T201
                if faults >= asked.stop_after:
                    break
        wrong += faults
        took_s = time.process_time() - before
        print(f"{reader}: {faults} faults, {took_s:.1f} CPU s", file=sys.stderr, flush=True)  # noqa: T201
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
