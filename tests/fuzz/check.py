"""What every reader owes to any input: a value or one clean MelangeError, soon."""

import random
import tempfile
import time
import traceback
from pathlib import Path

from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.errors import MelangeError
from tests.fuzz.mutate import mutated
from tests.fuzz.readers import READERS, finite

MOST_CPU_S = 5.0
"""Far above what any of these small inputs takes; quadratic work on them takes minutes."""

LONGEST_LINE = 300


def input_of(reader: str, number: int) -> bytes:
    """The mutated input of a number, the same each time."""
    chance = random.Random(f"{reader} {number}")  # noqa: S311 inputs, not secrets
    return mutated(chance.choice(list(READERS[reader].seeds())), READERS[reader].kind, chance)


def again(reader: str, number: int) -> str:
    """How to see a fault again."""
    return f"python -m tests.fuzz {reader} --from {number} --count 1"


def fault_of(reader: str, number: int) -> str | None:
    """What a reader did wrong with the input of a number; None where nothing."""
    one = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / one.name
        path.write_bytes(input_of(reader, number))
        before = time.process_time()
        try:
            value = one.read(path)
        except MelangeError as error:
            wrong = fault_of_text(str(error))
        except one.raises:
            wrong = None
        except Exception:  # noqa: BLE001 - what is wrong is told with its traceback
            wrong = traceback.format_exc()
        else:
            wrong = None if finite(value) else f"a number that is not finite: {value!r}"[:2_000]
        took_s = time.process_time() - before
    if wrong is None and took_s > MOST_CPU_S:
        wrong = f"took {took_s:.1f} s"
    return wrong and f"{wrong}\n{again(reader, number)}"


def fault_of_command(reader: str, number: int) -> str | None:
    """What the command line did wrong with the input of a number; None where nothing."""
    one = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / one.name
        path.write_bytes(input_of(reader, number))
        environment = {"MELANGE_CLOUD_CACHE_DIR": folder if reader == "price-cache" else f"{folder}/cache",
                       "MELANGE_CLOUD_PROFILES": f"{folder}/profiles", "COLUMNS": "120"}  # fmt: skip
        if reader == "settings":
            environment["MELANGE_CLOUD_CONFIG"] = str(path)
        command = [str(path) if part == "FILE" else part for part in one.command]
        result = CliRunner().invoke(app, command, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        wrong: str | None = "".join(traceback.format_exception(result.exception))
    elif result.exit_code not in one.codes:
        wrong = f"exit code {result.exit_code}: {result.stderr[:2_000]}"
    else:
        wrong = fault_of_text(result.stderr.rstrip("\n")) if result.exit_code else None
        wrong = wrong or fault_of_page(result.stdout + result.stderr)
    return wrong and f"{' '.join(command)}\n{wrong}\n{again(reader, number)} --command"


def fault_of_text(text: str) -> str | None:
    """What is wrong with an error's text, in which each fault is a line."""
    if not text:
        return "says nothing"
    for line in text.split("\n"):
        if len(line) >= LONGEST_LINE or not line.isprintable() or not line.strip():
            return f"a line that is too long, empty or not printable: {line[:1_000]!r}"
    return None


def fault_of_page(page: str) -> str | None:
    """What is wrong with an output as a terminal sees it."""
    for line in page.split("\n"):
        if not line.replace("\t", " ").isprintable():
            return f"control characters: {line[:1_000]!r}"
    return None
