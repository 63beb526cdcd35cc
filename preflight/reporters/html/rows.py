"""Reports as the page keeps them: short JSON arrays; a text that may occur again is written once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from json import JSONEncoder
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from preflight.codes import CODES, SEVERITIES
from preflight.escape import printable, printable_texts
from preflight.facts import MEDIA_FACTS, label
from preflight.formats import VIDEO
from preflight.media import Media
from preflight.report import OUTCOMES, Finding, Report
from preflight.reporters import is_path
from preflight.reporters.commands import shell_command
from preflight.reporters.html.previews import Wish
from preflight.ruleset import Limit, RuleSet
from preflight.sources.open import is_url
from preflight.wording import accepted

VERDICTS: Final = ("fail", "unknown", "warning", "pass")
"""The words of the page for the outcomes, worst first. A row's verdict is the number of one of them."""
SHOWN: Final = tuple(name for name in MEDIA_FACTS if name not in ("kind", "format", "notes"))
"""The facts of a row, in this order."""

_IN_MEMORY: Final = 8 << 20
"""Bytes of rows: those of some ten thousand files."""
_MOST_WISHES: Final = 30_000
"""Previews of a kilobyte each that the page has room for."""
_NUMBER: Final = {outcome: number for number, outcome in enumerate(reversed(OUTCOMES))}
_SEVERITY: Final = {name: number for number, name in enumerate(SEVERITIES)}
_encode: Final = JSONEncoder(separators=(",", ":"), default=str).encode


def in_script(json: str) -> str:
    """JSON (ASCII) that no HTML parser can take for the end of the script element or for a comment."""
    return json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class Words:
    """Texts by number: each is kept once, escaped for people."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self.numbers.setdefault(printable(text), len(self.numbers))


class Rows:
    """What the page needs of all reports.

    number   how many there are; each is a line of a file that is on disk from some megabytes on: [folder, name,
             verdict, kind, format, facts, notes, results]; a result is 0 where a rule set has nothing to say, else
             [verdict, command or null, [code, severity, fact, message, hint] …]; a text is its number, or itself
    counts, by_rules, by_code, by_folder    for the summary: how many of each of `VERDICTS`
    """

    def __init__(self, rules: Iterable[RuleSet]) -> None:
        self.rules = tuple(rules)
        self.number = 0
        self._lines = SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii")  # noqa: SIM115 - closed by `close`
        self._wishes: tuple[list[Wish], ...] = ([], [], [], [])
        self.words = Words()
        self.folders = Words()
        self.counts = [0, 0, 0, 0]
        self.by_rules: dict[str, list[int]] = {one.name: [0, 0, 0, 0] for one in self.rules}
        self.by_code: dict[str, list[int]] = {}
        self.by_folder: dict[str, list[int]] = {}
        self._columns = {one.name: number for number, one in enumerate(self.rules)}
        self._bytes = 0

    def add(self, report: Report) -> None:
        media = report.media or Media()
        folder, name = _parts(report.source)
        verdict = _NUMBER[report.outcome if report.results else "unknown"]
        row = [
            self.folders.number(folder),
            printable(name),
            verdict,
            media.kind,
            media.format,
            [_short(getattr(media, fact)) for fact in SHOWN],
            [self.words.number(note) for note in media.notes],
            self._results(report, name),
        ]
        line = in_script(_encode(row))
        self._count(report, folder, verdict)
        if media.kind is not None and is_path(report.source) and not media.encrypted:
            turn = media.rotation or 0 if media.kind == VIDEO else 0
            if len(self._wishes[verdict]) < _MOST_WISHES:
                wish = Wish(verdict, self.number, report.source, media.kind, media.format or "", turn)
                self._wishes[verdict].append(wish)
        self._lines.write(f"{line}\n")
        self._bytes += len(line) + 2
        self.number += 1

    def close(self) -> None:
        """Give back what the rows were kept in."""
        self._lines.close()

    @property
    def wishes(self) -> list[Wish]:
        """Which files may get a preview: the gravest first, and no more of them than can have one."""
        return [wish for wishes in self._wishes for wish in wishes][:_MOST_WISHES]

    def size(self) -> int:
        """About how many bytes the rows and their texts take in the page."""
        texts = (*self.words.numbers, *self.folders.numbers)
        return self._bytes + sum(len(in_script(_encode(text))) + 1 for text in texts)

    def root(self) -> str:
        """What the names of all folders begin with, as far as whole folders go: said once, not in every card."""
        folders = [folder for folder in self.folders.numbers if folder]
        if len(folders) < 2 or len(folders) < len(self.folders.numbers):
            return ""
        shared = min(folders), max(folders)
        same = next((at for at, (a, b) in enumerate(zip(*shared, strict=False)) if a != b), min(map(len, shared)))
        return shared[0][: shared[0].rfind("/", 0, same) + 1]

    def data(self) -> Iterator[str]:
        """The rows and all that they refer to as the members of a JSON object, piece by piece."""
        for name, value in (
            ("root", self.root()),
            ("rules", rule_sets(self.rules)),
            ("facts", SHOWN),
            ("verdicts", VERDICTS),
            ("severities", SEVERITIES),
            ("words", list(self.words.numbers)),
            ("folders", list(self.folders.numbers)),
        ):
            yield f'"{name}":{in_script(_encode(value))},\n'
        yield '"rows":[\n'
        self._lines.seek(0)
        for number, line in enumerate(self._lines):
            yield line[:-1] if number == 0 else f",\n{line[:-1]}"
        yield "]"

    def _results(self, report: Report, name: str) -> list[Any]:
        results: list[Any] = [0] * len(self.rules)
        for result in report.results:
            if result.rules in self._columns and result.findings:
                findings = [self._finding(finding, name) for finding in result.findings]
                command = shell_command(result.plan.command) if result.plan and result.plan.command else None
                results[self._columns[result.rules]] = [_NUMBER[result.outcome], command, *findings]
        return results

    def _finding(self, finding: Finding, name: str) -> list[Any]:
        severity = _SEVERITY[finding.severity]
        message, hint = self._text(finding.message, name), self._text(finding.hint, name)
        return [finding.code, severity, finding.fact, message, hint]

    def _text(self, text: str | None, name: str) -> int | str | None:
        """A text's number; itself where it names the file, since no other file will have it."""
        if text is None:
            return None
        return printable(text) if name in text else self.words.number(text)

    def _count(self, report: Report, folder: str, verdict: int) -> None:
        self.counts[verdict] += 1
        self.by_folder.setdefault(printable(folder), [0, 0, 0, 0])[verdict] += 1
        worst: dict[str, int] = {}
        for result in report.results:
            outcome = _NUMBER[result.outcome]
            if result.rules in self.by_rules:
                self.by_rules[result.rules][outcome] += 1
            for finding in result.findings:
                if finding.severity != "note":
                    grave = _SEVERITY[finding.severity]
                    worst[finding.code] = min(worst.get(finding.code, grave), grave)
        for code, grave in worst.items():
            self.by_code.setdefault(code, [0, 0, 0, 0])[grave] += 1


def _parts(source: str) -> tuple[str, str]:
    """Folder and name of a path; of a URL what stands before and after its last slash."""
    if is_url(source):
        address, mark, query = source.partition("?")
        folder, slash, name = address.rpartition("/")
        return (folder + slash, name + mark + query) if name else (source, source)
    folder, _, name = source.rpartition("/")
    return folder or ("/" if source.startswith("/") else ""), name


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def rule_sets(rules: Iterable[RuleSet]) -> list[dict[str, Any]]:
    """What the page needs of the rule sets: who they are, and their limits by kind and format (`""`: all others)."""
    sets = [
        {
            "name": one.name,
            "title": one.title,
            "service": one.service,
            "stage": one.stage,
            "basis": one.basis,
            "kinds": {
                kind: {
                    "": _limits(section.limits),
                    **{name: _limits(limits) for name, limits in section.by_format.items()},
                }
                for kind, section in one.sections.items()
            },
        }
        for one in rules
    ]
    printed: list[dict[str, Any]] = printable_texts(sets)
    return printed


def _limits(limits: Sequence[Limit]) -> list[dict[str, Any]]:
    return [_limit(limit) for limit in limits]


def _limit(limit: Limit) -> dict[str, Any]:
    lenient = limit.lenient
    drawn = {
        "fact": limit.fact,
        "label": label(limit.fact),
        "low": limit.low,
        "high": limit.high,
        "any": limit.any_of,
        "says": accepted(limit),
        "wideLow": lenient.low if lenient else None,
        "wideHigh": lenient.high if lenient else None,
        "wideAny": lenient.any_of if lenient else None,
    }
    return {name: value for name, value in drawn.items() if value is not None}


def titles(codes: Iterable[str]) -> dict[str, list[str]]:
    """Title and explanation of finding codes."""
    return {code: [CODES[code].title, CODES[code].explanation] for code in codes}
