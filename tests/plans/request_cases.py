"""Requests for tests: rule sets, files, and the facts of files after a plan."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence

from preflight.combination import judge_request
from preflight.judge import judge
from preflight.limit import Limit
from preflight.media import NONE, Media
from preflight.plans import geometry
from preflight.plans.combined import Conflict, combine
from preflight.plans.encoding import GEOMETRY, Subject
from preflight.plans.members import RequestFile
from preflight.plans.requests import RequestPlan, plan_request
from preflight.report import Report, Result
from preflight.rulefile import RuleFile, find_problems
from preflight.ruleset import RuleSet, Section, compile_ruleset

HEAD = """\
title = "Mine: clips"
stage = "generate"
source = "https://example.com/limits"
as_of = 2026-11-28
basis = "published"
"""
KINDS = "[image]\n[video]\n[audio]\n"
IMAGE = Media(kind="image", format="png", size=3_000_000, width=640, height=480, animated=False)
VIDEO = Media(
    kind="video", format="mp4", size=9_000_000, width=640, height=480, duration=5.0, fps=24.0, video_codec="h264",
    audio_codec=NONE,
)  # fmt: skip
AUDIO = Media(kind="audio", format="mp3", size=1_000_000, duration=5.0, audio_codec="mp3")
TOGETHER = {
    "total_duration_too_long", "total_duration_too_short", "total_size_too_large", "files_differ",
    "files_too_different", "too_many_files", "too_few_files", "companion_required", "role_incomplete",
    "roles_exclusive", "role_kind_not_accepted",
}  # fmt: skip


def rules(text: str, kinds: str = KINDS) -> RuleSet:
    table = tomllib.loads(HEAD + kinds + text)
    assert find_problems(RuleFile("mine.toml", HEAD + kinds + text, table)) == []
    return compile_ruleset("mine", table)


def sized(width: int, height: int, media: Media = IMAGE) -> Media:
    return media._replace(width=width, height=height)


def lasting(*seconds: float, media: Media = VIDEO) -> list[Media]:
    return [media._replace(duration=one) for one in seconds]


def planned(
    ruleset: RuleSet, *medias: Media, roles: Mapping[int, str] | None = None, strict: bool = False
) -> RequestPlan:
    given_roles = roles or {}
    files = [RequestFile(f"f{at}", each, given_roles.get(at, "reference")) for at, each in enumerate(medias)]
    return plan_request(files, ruleset, strict=strict)


def changed(media: Media, limits: Mapping[str, Limit], ruleset: RuleSet) -> Media:
    """The facts of a file that is brought inside its own limits and those of the request, combined."""
    own = ruleset.sections[media.kind or ""]
    both = combine([("own", own.mandatory), ("request", Section(tuple(limits.values()), {}))], media.kind)
    assert not isinstance(both, Conflict), both.sentence
    by_fact = both.by_fact(media.format)
    for fact in ("duration", "size"):
        value, limit = getattr(media, fact), by_fact.get(fact)
        if value is not None and limit is not None and limit.high is not None and limit.side(value) > 0:
            assert limit.low is None or limit.low <= limit.high
            media = media._replace(**{fact: limit.high})
    if any(limit.side(getattr(media, fact), media.height) for fact, limit in by_fact.items() if fact in GEOMETRY):
        shape = geometry.plan_shape(Subject.of(media), by_fact)
        assert isinstance(shape, geometry.Shape)
        media = media._replace(width=shape.result[0], height=shape.result[1])
    return media


def judged(ruleset: RuleSet, medias: Sequence[Media], roles: Mapping[int, str] | None = None) -> Result:
    reports = [Report(f"f{at}", each, (judge(each, ruleset),), at) for at, each in enumerate(medias)]
    return judge_request(reports, ruleset, roles=roles or {})


def refused(ruleset: RuleSet, medias: Sequence[Media], roles: Mapping[int, str] | None = None) -> set[str]:
    """The codes of errors of files together."""
    return TOGETHER & {one.code for one in judged(ruleset, medias, roles).findings if one.severity == "error"}


def applied(ruleset: RuleSet, *medias: Media, roles: Mapping[int, str] | None = None) -> list[Media]:
    """The facts after a plan without obstacles, which pass together."""
    plan = planned(ruleset, *medias, roles=roles)
    assert plan.obstacles == ()
    after = [changed(media, limits, ruleset) for media, limits in zip(medias, plan.limits, strict=True)]
    assert not refused(ruleset, after, roles)
    return after


def caps(plan: RequestPlan, fact: str = "duration") -> list[float | None]:
    assert plan.obstacles == ()
    return [limits[fact].high if fact in limits else None for limits in plan.limits]


def messages(plan: RequestPlan) -> list[str]:
    assert all(not limits.get("duration") for limits in plan.limits)
    return [message for message, _ in plan.obstacles]
