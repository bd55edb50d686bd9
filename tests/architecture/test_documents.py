"""What is written down: contracts and problems as the code has them, and commands that somebody runs."""

import re
import shlex
from dataclasses import fields
from typing import get_args

from kiban.deploy.__main__ import parser
from kiban.deploy.commands import contracts, problems
from kiban.mesh.country import FieldType
from kiban.portal.contract import AnswerType
from kiban.world.office.agencies import Agency
from kiban.world.office.conditions import RULES
from kiban.world.office.effects import SOURCES
from tests.architecture.floors import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]


def test_the_two_commands_of_the_readme_are_the_ones_that_ci_runs():
    two = BLOCKS[0].split("\n")[:-1]

    assert sorted(two) == sorted(re.findall(r"^make \w+$", CI, re.MULTILINE))


def test_each_stage_of_ci_has_a_machine_of_its_own():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    stages = [f".ci/{file.name}" for file in (ROOT / ".ci").iterdir()]

    assert sorted(re.findall(r"^ +- run: (\.ci/\w+)$", workflow, re.MULTILINE)) == sorted(stages)


def test_every_make_command_of_the_readme_is_a_target():
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))

    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "make":
            assert set(words[1:]) <= targets, command


def test_every_kiban_command_of_the_readme_is_understood():
    said = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("kiban ")]

    for words in said:
        if words != ["--version"]:
            parser().parse_args(words)


def test_the_readme_names_every_command():
    named = {words[1] for command in COMMANDS if (words := shlex.split(command))[0] == "kiban"}
    actions = next(each for each in parser()._actions if each.dest != "help" and each.choices)

    assert set(actions.choices) <= named


def test_every_page_that_is_linked_is_there():
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_committed_contracts_are_what_the_applications_say(monkeypatch):
    monkeypatch.chdir(ROOT)

    assert contracts.run(parser().parse_args(["contracts", "--check"])) == 0


def test_the_page_of_problems_is_what_the_classes_say(monkeypatch):
    monkeypatch.chdir(ROOT)

    assert problems.run(parser().parse_args(["problems", "--check"])) == 0


def test_the_page_about_countries_has_every_word_that_its_files_may_use():
    said = set(re.findall(r"[\w-]+", (ROOT / "docs/country.md").read_text(encoding="utf-8")))
    verbs = {field.name for field in fields(Agency)}
    sources = {source for allowed in SOURCES.values() for source in allowed}

    words = {*RULES, *verbs, *sources, *get_args(AnswerType), *get_args(FieldType)}

    assert words <= said
