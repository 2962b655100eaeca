"""The commands of the pages, and what is done with each: run as printed, tried, only parsed, or why it is not."""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "BUILD.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(
    r"(?:\$ )?((?:bin/|python3? |make |pip |nao_|curl |echo |\.ci/|saved_model_cli |tensorflow_model_server |"
    r"optuna-dashboard ).*)"
)
ANSWER = re.compile(r"\{|…|\[ |error: |assertion failed")  # the beginning of what a command says
OTHER_BLOCKS = re.compile(r"import \w+|\{|\d+ \d+ |assertion failed")  # Python, JSON, architectures, messages

RUN = "run as printed by make test-docs"
DRY = "run with --dry_run by make test-docs"
PARSED = "its arguments are parsed by make test"
NOT = "not run: "
BY = "run by "

# The first that fits a line "page: command" decides. All of bin/ and benchmarks/ are parsed by make test besides.
RULES = {
    r"docs/troubleshooting\.md: ": BY + "tests/docs/test_troubleshooting.py",
    r".*: (make|python3 -m venv) ": NOT + "it makes or tests the environment that runs the tests",
    r"docs/serving\.md: (pip|nao_search) ": BY + "tests/test_wheel.py",
    r"docs/serving\.md: curl ": BY + "tests/serving/test_client_examples.py",
    r"docs/serving\.md: echo ": BY + "tests/commands/test_own_pictures.py",
    r"docs/reports\.md: python docs/reports/screenshots\.py ": NOT + "it needs Chromium, and reports of long runs",
    r".*: tensorflow_model_server ": NOT + "TensorFlow Serving was never available here",
    r".*: optuna-dashboard ": NOT + "it is a server of another project's",
    r".*: python benchmarks/workers\.py simulate ": RUN,
    r".*: python (-m )?benchmarks": PARSED,
    r".*: saved_model_cli ": RUN,
    r".*--dry_run": RUN,
    r".*: bin/nao_(eval|report) ": RUN,
    r"docs/results/.*: bin/": DRY,
    r".*: bin/nao_search --task=(nasbench201|table) ": RUN,
    r"docs/serving\.md: bin/nao_search --task=images ": BY + "tests/commands/test_own_pictures.py",
    r".*: bin/nao_(search|train) ": DRY,
}


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        page: its path in the repository.
        text: in one line, without a comment behind it.
    """

    page: str
    text: str

    @property
    def place(self) -> str:
        """What rules are compared with."""
        return f"{self.page}: {self.text}"

    @property
    def treatment(self) -> str | None:
        """What is done with it; None where no rule fits."""
        return next((treatment for rule, treatment in RULES.items() if re.match(rule, self.place)), None)


def blocks_of(text: str) -> list[str]:
    """The indented blocks of a page, and those between fences that are not Python."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    fenced = [block for language, block in fences if language != "python"]
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^\n((?:    .*\n)(?:(?:    .*)?\n)*)", text, re.MULTILINE)
    return [*fenced, *(re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in indented)]


def is_of_commands(block: str) -> bool:
    """Whether a block begins with a command."""
    return COMMAND.match(block) is not None


def lines_of(block: str) -> list[str]:
    """The lines of a block of commands that are not empty; one that is broken by a backslash is one line."""
    return [line for line in re.sub(r" *\\\n *", " ", block).splitlines() if line.strip()]


def commands_of(page: str, text: str) -> list[Command]:
    """The commands of a page, in order."""
    lines = [line for block in blocks_of(text) if is_of_commands(block) for line in lines_of(block)]
    found = [match for line in lines if (match := COMMAND.fullmatch(line))]
    return [Command(page, re.sub(r"\s+# .*", "", match[1]).strip()) for match in found]


def all_commands() -> list[Command]:
    """The commands of all pages, each once a page."""
    found = [command for page in PAGES for command in commands_of(str(page.relative_to(ROOT)), page.read_text())]
    return list(dict.fromkeys(found))
