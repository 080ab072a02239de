"""One question -> one Plan: loads, evaluates MaxTput, poses, solves, compares.

The CLI's ``plan`` command and ``import melange_cloud`` both call ``answer``.
"""

from melange_cloud.planner.answer_question import answer, exit_code
from melange_cloud.planner.question import Question

__all__ = ["Question", "answer", "exit_code"]
