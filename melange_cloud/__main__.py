"""``python -m melange_cloud`` is the ``melange-cloud`` script."""

from melange_cloud.cli.start import main

main()
