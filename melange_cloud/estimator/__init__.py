"""What a replica does, from data sheets: GPUs, models and engine eras (``specs``), the roofline, one replica on it.

Knows no measurement and no profile; ``profiles/estimated`` makes profiles of it, ``calibration/`` fits its constants.
"""
