"""What starting costs, as ratios within one run: `python -m tests.benchmarks.start_up`.

`plan --region us-east-1 --offline` against a Python that only imports pandas, pyomo.environ, typer and rich;
`--region all` against one region; `--help` against those imports. Medians of RUNS runs each, interleaved so that a busy
machine hits all alike.
"""

import os
import statistics
import subprocess
import sys
import time

RUNS = 7
MELANGE = (sys.executable, "-c", "from melange_cloud.cli.app import main; main()")
COMMANDS = {
    "bare interpreter": (sys.executable, "-c", "pass"),
    "import pandas, pyomo.environ, typer, rich": (
        sys.executable,
        "-c",
        "import pandas, pyomo.environ, typer, rich",
    ),
    "--help": (*MELANGE, "--help"),
    "plan --region us-east-1": (*MELANGE, "plan", "--region", "us-east-1", "--offline"),
    "plan --region all": (*MELANGE, "plan", "--region", "all", "--offline"),
}


def main() -> None:
    """Print seconds and ratios."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
            seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, value in median.items():
        print(f"{value:7.3f} s  {name}")
    imports = median["import pandas, pyomo.environ, typer, rich"]
    one, every = median["plan --region us-east-1"], median["plan --region all"]
    print(f"plan / imports alone  {one / imports:.2f}  (at most 1.5)")
    print(f"all regions / one     {every / one:.2f}  (at most 5)")
    print(f"--help / imports      {median['--help'] / imports:.2f}")


if __name__ == "__main__":
    main()
