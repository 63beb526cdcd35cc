"""The data of the page: a compact JSON array for each report, in which repeated texts are numbers; and the limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from json import JSONEncoder
from tempfile import SpooledTemporaryFile
from typing import Final

from preflight.codes import SEVERITIES
from preflight.escape import printable, printable_texts
from preflight.facts import MEDIA_FACTS
from preflight.formats import VIDEO
from preflight.limit import Limit
from preflight.media import Media
from preflight.report import OUTCOMES, Finding, Plan, Report
from preflight.reporters import is_path
from preflight.reporters.commands import shell_command
from preflight.reporters.html.previews import PreviewRequest
from preflight.ruleset import RuleSet
from preflight.sources.open import is_url
from preflight.wording import accepted

VERDICTS: Final = ("fail", "unknown", "warning", "pass")
"""The outcomes as the page shows them, worst first. A row's verdict is the index of one of them."""
FACTS_SHOWN: Final = tuple(name for name in MEDIA_FACTS if name not in ("kind", "format", "notes"))
"""The facts of a row, in this order."""

_IN_MEMORY: Final = 8 << 20
"""Bytes of rows kept in memory: those of about ten thousand files."""
_MAX_PREVIEWS: Final = 30_000
"""Previews that fit into the page, at one kilobyte each."""
_NUMBER: Final = {outcome: number for number, outcome in enumerate(reversed(OUTCOMES))}
_SEVERITY: Final = {name: number for number, name in enumerate(SEVERITIES)}
_encode: Final = JSONEncoder(separators=(",", ":"), default=str).encode


def in_script(json: str) -> str:
    """Return ASCII JSON in a form in which HTML cannot see the end of a script element or a comment."""
    return json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class TextTable:
    """Printable texts by number; each is stored once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text, a new one if it is new."""
        return self.numbers.setdefault(printable(text), len(self.numbers))


class Rows:
    """The data of all reports for the page.

    number   how many there are. Each is a line of a temporary file: [folder, name, verdict, kind, format, facts, notes,
             results]. A result is 0 if a rule set has no findings, else [verdict, remedy, [code, severity, fact,
             message, hint] …]. A remedy is null if there is no plan, else [sentence, losses or null, command or null].
             A text is its number, or itself if only this file has it
    counts, by_rules, by_code, by_folder    for the summary: how many of each of `VERDICTS`
    """

    def __init__(self, rules: Iterable[RuleSet]) -> None:
        self.rules = tuple(rules)
        self.number = 0
        self._lines = SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii")  # noqa: SIM115 - closed by `close`
        self._preview_requests: tuple[list[PreviewRequest], ...] = ([], [], [], [])
        self.words = TextTable()
        self.folders = TextTable()
        self.counts = [0, 0, 0, 0]
        self.by_rules: dict[str, list[int]] = {ruleset.name: [0, 0, 0, 0] for ruleset in self.rules}
        self.by_code: dict[str, list[int]] = {}
        self.by_folder: dict[str, list[int]] = {}
        self._columns = {ruleset.name: number for number, ruleset in enumerate(self.rules)}
        self._bytes = 0

    def add(self, report: Report) -> None:
        """Add the row of one report."""
        media = report.media or Media()
        facts = [getattr(media, fact) for fact in FACTS_SHOWN]
        folder, name = _parts(report.source)
        verdict = _NUMBER[report.outcome if report.results else "unknown"]
        row = [
            self.folders.number(folder),
            printable(name),
            verdict,
            media.kind,
            media.format,
            [round(value, 6) if isinstance(value, float) else value for value in facts],
            [self.words.number(note) for note in media.notes],
            self._results(report, name),
        ]
        line = in_script(_encode(row))
        self._count(report, folder, verdict)
        if media.kind is not None and is_path(report.source) and not media.encrypted:
            turn = media.rotation or 0 if media.kind == VIDEO else 0
            if len(self._preview_requests[verdict]) < _MAX_PREVIEWS:
                request = PreviewRequest(verdict, self.number, report.source, media.kind, media.format or "", turn)
                self._preview_requests[verdict].append(request)
        self._lines.write(f"{line}\n")
        self._bytes += len(line) + 2
        self.number += 1

    def close(self) -> None:
        """Delete the temporary file."""
        self._lines.close()

    @property
    def preview_requests(self) -> list[PreviewRequest]:
        """Return the files that may get a preview, worst first, and no more than the page can have."""
        return [request for requests in self._preview_requests for request in requests][:_MAX_PREVIEWS]

    def size(self) -> int:
        """Return about how many bytes the rows and their texts take in the page."""
        texts = (*self.words.numbers, *self.folders.numbers)
        return self._bytes + sum(len(in_script(_encode(text))) + 1 for text in texts)

    def root(self) -> str:
        """Return the folder that contains all folders, with a slash: the page shows it once; empty if there is none."""
        folders = [folder for folder in self.folders.numbers if folder]
        if len(folders) < 2 or len(folders) < len(self.folders.numbers):
            return ""
        shared = min(folders), max(folders)
        same = next((at for at, (a, b) in enumerate(zip(*shared, strict=False)) if a != b), min(map(len, shared)))
        return shared[0][: shared[0].rfind("/", 0, same) + 1]

    def data(self) -> Iterator[str]:
        """Yield the rows and everything that they refer to as members of a JSON object, piece by piece."""
        for name, value in (
            ("root", self.root()),
            ("rules", rule_sets(self.rules)),
            ("facts", FACTS_SHOWN),
            ("labels", {name: MEDIA_FACTS[name].label.replace("_", " ") for name in FACTS_SHOWN}),
            ("units", {name: fact.unit for name, fact in MEDIA_FACTS.items() if fact.unit}),
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

    def _results(self, report: Report, name: str) -> list[object]:
        results: list[object] = [0] * len(self.rules)
        for result in report.results:
            if result.rules in self._columns and result.findings:
                findings = [self._finding(finding, name) for finding in result.findings]
                remedy = None if result.plan is None else self._remedy(result.plan, name)
                results[self._columns[result.rules]] = [_NUMBER[result.outcome], remedy, *findings]
        return results

    def _remedy(self, plan: Plan, name: str) -> list[object] | None:
        if not plan.steps:
            return None
        losses = "; ".join(plan.losses) or None
        command = None if plan.command is None else shell_command(plan.command)
        return [self._text(plan.sentence, name), self._text(losses, name), command]

    def _finding(self, finding: Finding, name: str) -> list[object]:
        severity = _SEVERITY[finding.severity]
        message, hint = self._text(finding.message, name), self._text(finding.hint, name)
        return [finding.code, severity, finding.fact, message, hint]

    def _text(self, text: str | None, name: str) -> int | str | None:
        """Return the number of a text, or the text if it names the file, since no other file will have it."""
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
    """Return folder and name of a path; for a URL, the parts before and after its last slash."""
    if is_url(source):
        address, mark, query = source.partition("?")
        folder, slash, name = address.rpartition("/")
        return (folder + slash, name + mark + query) if name else (source, source)
    folder, _, name = source.rpartition("/")
    return folder or ("/" if source.startswith("/") else ""), name


def rule_sets(rules: Iterable[RuleSet]) -> list[dict[str, object]]:
    """Return the rule sets for the page, with their limits by kind and format (`""`: all other formats).

    Limits on facts whose limits depend on more than the format are left out: the page could show a wrong one.
    """
    sets = [
        {
            "name": ruleset.name,
            "title": ruleset.title,
            "service": ruleset.service,
            "stage": ruleset.stage,
            "basis": ruleset.basis,
            "kinds": {
                kind: {
                    name: [_limit(limit) for limit in limits if limit.fact not in section.conditional_facts]
                    for name, limits in {"": section.limits, **section.by_format}.items()
                }
                for kind, section in ruleset.sections.items()
            },
        }
        for ruleset in rules
    ]
    printed: list[dict[str, object]] = printable_texts(sets)
    return printed


def _limit(limit: Limit) -> dict[str, object]:
    lenient = limit.lenient
    drawn = {
        "fact": limit.fact,
        "low": limit.low,
        "high": limit.high,
        "any": limit.any_of,
        "listed": limit.listed,
        "accepts": accepted(limit),
        "wideLow": lenient.low if lenient else None,
        "wideHigh": lenient.high if lenient else None,
        "wideAny": lenient.any_of if lenient else None,
    }
    return {name: value for name, value in drawn.items() if value is not None}
