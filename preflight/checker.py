"""Check one source: open, probe, judge, report. The public `probe`, `check` and `acheck`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, Unpack

from preflight import catalog
from preflight.codes import CODES, REMARKS
from preflight.errors import PreflightError, SourceError, UsageError, suggestion
from preflight.formats import FORMATS, KNOWN_EXTENSIONS, extension_of
from preflight.judge import judge, remark
from preflight.media import EVERYTHING, Delivery, Media, Need
from preflight.probes import probe as probe_source
from preflight.report import Finding, Problem, Report, Result, internal_error
from preflight.ruleset import RuleSet, checksum
from preflight.sources import Source
from preflight.sources.open import Target, display_name, is_url, open_source

if TYPE_CHECKING:
    from preflight.net.options import Headers, HttpOptions

Rules = catalog.RuleSetsLike
"""Rule sets: a name, a path of a rule file, several with commas or in a list, `all`, or compiled ones."""

_MIN_MAX_BYTES: Final = 1 << 20
_UNSPECIFIC_TYPES: Final = frozenset(("application/octet-stream", "binary/octet-stream"))
"""Content-Types that say nothing about the content."""


class FetchKeywords(TypedDict, total=False):
    """The keyword arguments that `probe` takes: those of `check` on URLs."""

    timeout: float | None
    allow_private: bool
    user_agent: str | None
    headers: Headers | None
    proxy: str | None
    ca_bundle: str | None


class CheckKeywords(FetchKeywords, total=False):
    """The keyword arguments of all checking functions."""

    strict: bool
    deep: bool


def _http_options(keywords: CheckKeywords) -> HttpOptions | None:
    """Return how URLs are fetched; None: by default. Raise `UsageError`."""
    values = ((name, keywords.get(name)) for name in FetchKeywords.__annotations__)
    given: dict[str, Any] = {name: value for name, value in values if value is not None and value is not False}
    if not given:
        return None
    from preflight.net.options import HttpOptions

    return HttpOptions(**given)


class CheckPlan(NamedTuple):
    """The decisions before the first source is opened: small, frozen and picklable.

    rules    empty: only facts are read
    strict   warnings fail; deep: decode the whole file too; http: how URLs are fetched
    dropped  codes of findings that do not count
    hints    find hints and plans, too
    digest   depends on all of this except `http`: runs with equal digests give equal results for equal bytes
    """

    rules: tuple[RuleSet, ...] = ()
    need: Need = EVERYTHING
    strict: bool = False
    deep: bool = False
    http: HttpOptions | None = None
    dropped: frozenset[str] = frozenset()
    digest: str | None = None
    hints: bool = True


def plan_for(
    rules: Rules | None,
    *,
    http: HttpOptions | None = None,
    dropped: frozenset[str] = frozenset(),
    **keywords: Unpack[CheckKeywords],
) -> CheckPlan:
    """Return the plan for rule sets as a caller names them; `http` replaces the separate options for URLs.

    Raises `UsageError`, `RuleFileError`.
    """
    if unknown := keywords.keys() - CheckKeywords.__annotations__:
        raise TypeError(f"Unknown option {min(unknown)!r}. {suggestion(min(unknown), CheckKeywords.__annotations__)}")
    strict, deep = keywords.get("strict", False), keywords.get("deep", False)
    chosen = catalog.resolve(rules) if rules is not None else ()
    digest = None
    if chosen:
        digest = checksum([ruleset.digest for ruleset in chosen], strict, deep, sorted(dropped))
    return CheckPlan(chosen, fold(chosen), strict, deep, http or _http_options(keywords), dropped, digest)


def fold(rules: Sequence[RuleSet]) -> Need:
    """Return the combined `Need` of several rule sets."""
    if not rules:
        return EVERYTHING
    facts = frozenset().union(*(ruleset.facts for ruleset in rules))
    sizes = [
        int(limit.high)
        for ruleset in rules
        for section in ruleset.sections.values()
        for limit in section.limits
        if limit.fact == "size" and limit.high is not None
    ]
    return Need(facts, "head_ok" in facts, max([_MIN_MAX_BYTES, *sizes]) if sizes else EVERYTHING.max_bytes)


def examine(target: Target, plan: CheckPlan, index: int = 0, name: str | None = None) -> Report:
    """Return the report of one source. A file that cannot be read is a problem in the report, not an exception."""
    label = name or display_name(target)
    reading = _read(target, plan)
    if isinstance(reading.problem, Problem) and reading.problem.code == "source_changed":
        again = _read(target, plan)
        reading = again._replace(
            requests=reading.requests + again.requests, bytes_read=reading.bytes_read + again.bytes_read
        )
    try:
        reading = _completed(reading, label, deep=plan.deep)
    except Exception as error:  # noqa: BLE001 - an error of preflight affects one file, not the run
        reading = reading._replace(media=None, problem=Problem("internal_error", internal_error(error).message))
    media, problem, extra, delivery, requests, bytes_read = reading
    path = None if is_url(target) or label.startswith("<") else label
    results = tuple(
        result_of(rules, plan, media=media, delivery=delivery, problem=problem, extra=extra, name=path)
        for rules in plan.rules
    )
    return Report(label, media, results, index, problem, requests, bytes_read, delivery, plan.digest)


class _Reading(NamedTuple):
    """The result of one attempt to read a source."""

    media: Media | None = None
    problem: Problem | None = None
    extra: tuple[Finding, ...] = ()
    delivery: Delivery | None = None
    requests: int = 0
    bytes_read: int = 0


def _read(target: Target, plan: CheckPlan) -> _Reading:
    media: Media | None = None
    problem: Problem | None = None
    extra: tuple[Finding, ...] = ()
    source: Source | None = None
    try:
        source = open_source(target, plan.need, plan.http)
        media = probe_source(source, plan.need)
        if plan.deep and media.kind is not None:
            from preflight.probes.decode import decode_check

            decoded = decode_check(source, media)
            media = decoded.media
            extra = tuple(Finding(code, CODES[code].severity, detail) for code, detail in decoded.problems)
        source.verify()
    except SourceError as error:
        media, problem = None, Problem(error.code, str(error))
    except PreflightError:
        raise
    except Exception as error:  # noqa: BLE001 - an error of preflight affects one file, not the run
        media, problem = None, Problem("internal_error", internal_error(error).message)
    if source is None:
        return _Reading(problem=problem)
    source.close()
    return _Reading(media, problem, extra, source.delivery, source.requests, source.bytes_read)


def _completed(reading: _Reading, label: str, *, deep: bool) -> _Reading:
    """Return the reading with the findings on its name, server and notes, which hold for every rule set."""
    media, delivery = reading.media, reading.delivery
    if media is None:
        return reading
    media, mismatches = _compared(media, label, delivery)
    extra = (*reading.extra, *_incomplete(media, reading.extra, deep=deep), *mismatches, *_remarks(media, delivery))
    known = FORMATS.get(media.format or "")
    if delivery is not None and known is not None and delivery.content_type is not None:
        delivery = delivery._replace(content_type_matches=delivery.content_type in known.mimes)
    return reading._replace(media=media, extra=extra, delivery=delivery)


def result_of(
    rules: RuleSet,
    plan: CheckPlan,
    *,
    media: Media | None = None,
    delivery: Delivery | None = None,
    problem: Problem | None = None,
    extra: tuple[Finding, ...] = (),
    name: str | None = None,
) -> Result:
    """Return the result of a rule set; the arguments are those of `judge`.

    An exception in judging or planning is an error of preflight: it becomes this file's `internal_error`.
    """
    try:
        return judge(
            media,
            rules,
            delivery=delivery,
            problem=problem,
            extra=extra,
            private=plan.http is not None and plan.http.allow_private,
            strict=plan.strict,
            dropped=plan.dropped,
            name=name,
            hints=plan.hints,
        )
    except Exception as error:  # noqa: BLE001 - an error of preflight affects one file, not the run
        finding = internal_error(error)
        return Result(rules.name, rules.stage, rules.as_of, rules.basis, "unknown", (finding,), variant=rules.variant)


def _incomplete(media: Media, found: tuple[Finding, ...], *, deep: bool) -> tuple[Finding, ...]:
    """Return a finding for parts that the header shows to be missing; `found` may already have it from decoding."""
    if not media.notes:
        return ()
    for note in ("no_moov", "no_media_data", "nothing_shown"):
        if note in media.notes:
            return (Finding(note, CODES[note].severity, CODES[note].template),)
    if "truncated" in media.notes and not any(finding.code in ("truncated", "corrupt") for finding in found):
        message = "the file ends before its own structure does: it is truncated, and may or may not be accepted"
        hint = "copy or download the complete file again" + ("" if deep else "; a deep check decodes what is there")
        return (Finding("truncated", "unknown", message, hint=hint),)
    return ()


def _remarks(media: Media, delivery: Delivery | None) -> tuple[Finding, ...]:
    """Return a finding for each note that users should know, regardless of the rule sets."""
    if not media.notes or media.kind is None:
        return ()
    reported = delivery.notes if delivery is not None else ()
    return tuple(remark(word) for word in media.notes if word in REMARKS and word not in reported)


def _compared(media: Media, label: str, delivery: Delivery | None) -> tuple[Media, tuple[Finding, ...]]:
    """Return findings for an extension or Content-Type that differs from the content, and the media with that note."""
    known = FORMATS.get(media.format or "")
    if known is None or (delivery is not None and delivery.page is not None):
        return media, ()  # a web page in place of the file has a finding that explains it
    findings: tuple[Finding, ...] = ()
    extension = extension_of(label.partition("?")[0]) if delivery is None or delivery.scheme != "data" else ""
    if extension in KNOWN_EXTENSIONS and extension not in known.extensions:
        message = f"the name ends in .{extension}, the content is {media.format}: services go by either"
        findings += (Finding("extension_mismatch", "note", message, "format", media.format),)
        media = media._replace(notes=(*media.notes, "extension_mismatch"))
    declared = delivery.content_type if delivery is not None else None
    if declared is not None and declared not in known.mimes and declared not in _UNSPECIFIC_TYPES:
        who = "data URI" if delivery is not None and delivery.scheme == "data" else "server"
        message = f"the {who} declares {declared}, the content is {media.mime}: services go by either"
        findings += (Finding("content_type_mismatch", "note", message, "content_type", declared),)
    return media, findings


def probe(target: Target, **options: Unpack[FetchKeywords]) -> Media:
    """Return the facts of a path, a URL, bytes or an open binary file; the options are those of `check`.

    The `kind` of something that is not a media file is None. Raises `SourceError` if the bytes cannot be read,
    `UsageError` for something that cannot be a source.

    >>> preflight.probe("fixtures/accepted/picture.png").width
    640
    """
    report = examine(target, plan_for(None, **options))
    if report.media is None:
        problem = report.error or Problem("internal_error", "nothing was read")
        raise SourceError(problem.code, problem.message)
    return report.media


def check(target: Target, rules: Rules, **options: Unpack[CheckKeywords]) -> Report:
    """Check whether one source passes the rule sets, and if not, why.

    strict         warnings (values inside `lenient` only) fail
    deep           decode the whole file too, in a separate process
    timeout        total s for a URL (default 30)
    allow_private  also fetch URLs at private addresses; they still cause a warning
    user_agent     sent with requests for URLs in place of preflight's own
    headers        also sent, only to the scheme, host and port of the URL itself; no output shows their values
    proxy          URL of the proxy through which URLs are fetched
    ca_bundle      path of a PEM file, or of a folder of certificates, of the authorities to trust; without it that of
                   REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE, or else certifi's

    A bad file is a report, not an exception. Raises `UsageError` for an unknown rule set, `RuleFileError` for an
    invalid rule file.

    >>> report = preflight.check("fixtures/accepted/picture.png", "atlas")
    >>> report.verdict, report.media.pixels
    ('pass', 307200)
    """
    return examine(target, plan_for(require_rules(rules), **options))


def require_rules(rules: Rules | None) -> Rules:
    """Return the rule sets. Raise `UsageError` if they are None, which would let everything pass."""
    if rules is None:
        raise UsageError(f"No rule set given. {catalog.choices()}")
    return rules


async def acheck(target: Target, rules: Rules, **options: Unpack[CheckKeywords]) -> Report:
    """Check in a thread, so that the event loop of asyncio continues. Takes the arguments of `check`."""
    import asyncio  # takes 36 ms to import, so only when it is needed

    return await asyncio.to_thread(check, target, rules, **options)
