"""The pages' commands give what they show, their Python runs, their commands, options and links are there.

The pages are the README, the guides of examples/ and the reference next to what it explains.
"""

import json
import re
import shlex

import pytest
from typer.main import get_command

from melange_cloud.cli.app import app
from tests import readme
from tests.golden import how_to_accept
from tests.schemas import schema_of

COMMAND_LINE = get_command(app)
TEXT = readme.README.read_text(encoding="utf-8")
PAGES = {readme.name_of(page): page.read_text(encoding="utf-8") for page in readme.pages()}
GUIDES = ("first-plan", "your-own-traffic", "before-you-reserve", "your-own-model", "your-own-gpu")
"""In the order in which a newcomer reads them."""


@pytest.mark.parametrize("page", [readme.name_of(page) for page in readme.pages_that_run()])
def test_a_page_shows_what_its_commands_print(page):
    text = PAGES[page]
    assert readme.with_outputs(text) == text, how_to_accept("readme")


def test_the_picture_is_the_table(monkeypatch):
    monkeypatch.chdir(readme.ROOT)
    assert readme.PICTURE.read_text(encoding="utf-8") == readme.picture(), how_to_accept("readme")


def test_a_block_shows_the_lines_that_it_names():
    text = '<!-- run from "b" to "d" -->\n```console\n$ cat file\n```\n'
    whole = '<!-- run from "b" to "" -->\n```console\n$ cat file\n```\n'
    with readme.shell() as folder:
        (folder / "file").write_text("a\nb\nc\nd\n", encoding="utf-8")
        shown = [readme.shown_output(readme.RUN.search(block)) for block in (text, whole)]
    assert shown == [" ...\nb\nc\n ...\n", " ...\nb\nc\nd\n"]


def test_a_wrong_exit_code_is_a_failure():
    with readme.shell(), pytest.raises(AssertionError):
        readme.output_of("melange-cloud workloads show absent")


def code_lines(text):
    """The lines of a page's code, joined where they end in a backslash."""
    code = [match["code"] for match in re.finditer(r"^```\w*[^\n]*\n(?P<code>.*?)^```", text, re.MULTILINE | re.DOTALL)]
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    code += [line.strip() for line in outside.replace("\\\n", "\\\n    ").splitlines() if line.startswith("    ")]
    return re.sub(r"\\\n\s*", " ", "\n".join(code)).splitlines()


def commands(text):
    """The words of every melange-cloud command in a page's code; a comment after # is left out."""
    for line in code_lines(text):
        found = re.match(r"(?:\$ )?(?:\w+=\S+ )*(?:.* && )?melange-cloud (?P<rest>.*)", line)
        if found:
            yield shlex.split(found["rest"], comments=True)


def parse(words):
    """Let the command line's own parser read a command, without running it."""
    command, words = COMMAND_LINE, list(words)
    while hasattr(command, "commands"):
        assert words, command.name
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if any(commands(text))])
def test_every_command_of_a_page_can_be_typed(page, monkeypatch):
    monkeypatch.chdir(readme.ROOT)
    for words in commands(PAGES[page]):
        parse(words)


def test_the_pages_show_many_commands():
    assert sum(len(list(commands(text))) for text in PAGES.values()) > 80


def is_run(page):
    """The words of the commands of a page that are run."""
    return [shlex.split(block["command"].replace("\\\n", " ")) for block in readme.RUN.finditer(PAGES[page])]


NEEDS_A_SERVER = ("profiles", "measure")
"""What no test can run as it stands on the page: tests/cli/test_profiles_measure.py measures a server of its own."""


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_guide_is_run(guide):
    page = f"examples/{guide}/README.md"
    shown = {tuple(words) for words in commands(PAGES[page]) if tuple(words[:2]) != NEEDS_A_SERVER}
    assert shown == {tuple(words[1:]) for words in is_run(page) if words[0] == "melange-cloud"}


def test_every_command_of_the_readme_is_run_by_a_guide():
    run = {tuple(words[1:]) for guide in GUIDES for words in is_run(f"examples/{guide}/README.md")}
    shown = {tuple(words) for words in commands(TEXT) if tuple(words[:2]) != NEEDS_A_SERVER}
    assert len(shown) >= len(GUIDES)
    assert shown <= run


OF_OTHER_TOOLS = {
    "--api-server-count", "--dataset-name", "--metadata", "--num-prompts", "--random-input-len", "--random-output-len",
    "--request-rate", "--save-result", "--stat",
}  # fmt: skip
"""Options of ``vllm serve`` and ``vllm bench serve``, whose results can be imported, and of git."""


def known_options():
    known, stack = {"--version", "--help"}, [COMMAND_LINE]
    while stack:
        command = stack.pop()
        known.update(option for parameter in command.params for option in parameter.opts)
        stack.extend(getattr(command, "commands", {}).values())
    return known


def test_every_option_that_a_page_names_exists():
    named = {
        option
        for page, text in PAGES.items()
        if page != "CHANGELOG.md"  # which names what there was
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)
    }
    assert named - known_options() == OF_OTHER_TOOLS


def test_every_key_that_the_page_of_json_names_is_in_the_schema():
    rows = re.findall(r"^\| (`.*?`) \| (.*) \|$", PAGES["examples/json/README.md"], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z]\w*)(?:\[\])?`", " ".join(row))}
    schema = json.dumps(schema_of("plan"))
    assert len(named) > 60
    assert {name for name in named if f'"{name}"' not in schema} == set()


def slug(heading):
    """The anchor that GitHub gives a heading."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def prose(text):
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def headings(text):
    """The anchors of a page."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)}


def links(text):
    """The targets of a page's links and pictures that are files or anchors of the project."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [target for target in targets if not re.match(r"https?:", target)]


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if links(text)])
def test_every_link_leads_somewhere(page):
    for target in links(PAGES[page]):
        path, _, anchor = target.partition("#")
        place = (readme.ROOT / page).parent / path if path else readme.ROOT / page
        assert place.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in headings(place.read_text(encoding="utf-8")), f"{page}: {target}"


def test_the_readme_is_a_front_page():
    lines = TEXT.splitlines()
    assert len(lines) <= 250
    assert [line for line in lines if len(line) > 120 and "](" not in line and not line.startswith("|")] == []


def test_the_jobs_of_the_readme_lead_to_the_guides_in_their_order():
    leads = re.findall(r"\]\(examples/([\w-]+)/README\.md\)", TEXT.partition("## Words")[0])
    assert tuple(name for name in leads if name in GUIDES) == GUIDES


def test_the_index_of_examples_names_every_guide_in_order_and_every_folder():
    index = PAGES["examples/README.md"]
    leads = re.findall(r"\]\(([\w-]+)(?:/[\w.]*)?\)", index)
    assert tuple(leads[: len(GUIDES)]) == GUIDES
    assert set(leads) == {path.name for path in (readme.ROOT / "examples").iterdir() if path.is_dir()}


def test_the_two_set_up_lines_are_the_first_code():
    lines = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
    environment = "python3 -m venv .venv && . .venv/bin/activate"
    assert lines[0] == f"{environment} && python3 -m pip install . && melange-cloud plan --region us-east-1"
    assert lines[1] == f'{environment} && python3 -m pip install ".[test]" && python3 -m pytest'
