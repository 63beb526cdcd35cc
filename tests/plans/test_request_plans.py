"""Plans of whole requests: why no change of the files makes them pass together, and what each file must keep."""

from __future__ import annotations

from preflight import catalog
from preflight.fixer.planning import FixGoal, propose
from preflight.judge import judge
from preflight.media import Media
from preflight.plans.members import RequestFile
from preflight.plans.requests import RequestPlan, plan_request
from preflight.report import Report
from preflight.ruleset import Section
from tests.plans.request_cases import AUDIO, IMAGE, VIDEO, changed, lasting, messages, planned, refused, rules
from tests.rows import each_row


class TestObstacles:
    @each_row(
        ("name", "medias", "roles", "said"),
        [
            (
                "seedance-2.0",
                [IMAGE] * 10,
                {},
                "The request has 10 images, and Seedance 2.0 accepts at most 9. Leave some out.",
            ),
            (
                "kling-element",
                [IMAGE],
                {},
                "The request has 1 images, and Kling accepts 2 to 4 (a front view and 1 to 3 others). Add more.",
            ),
            (
                "seedance-2.0",
                [AUDIO],
                {},
                "Seedance 2.0 accepts audio only together with image or video. Add one.",
            ),
            (
                "seedance-2.0",
                [IMAGE],
                {0: "last_frame"},
                "Seedance 2.0 accepts last_frame only together with first_frame. Add first_frame.",
            ),
            (
                "seedance-2.0",
                [IMAGE, IMAGE],
                {0: "first_frame"},
                "Seedance 2.0 does not accept first_frame and reference in one request. Leave one of them out.",
            ),
            (
                "seedance-2.0",
                [VIDEO],
                {0: "first_frame"},
                "f0 is video, and Seedance 2.0 accepts image as first_frame. Give another file or role.",
            ),
            (
                "seedance-2.0",
                [IMAGE, IMAGE],
                {0: "first_frame", 1: "first_frame"},
                "The request has 2 first_frame files, and Seedance 2.0 accepts at most 1. Leave some out.",
            ),
        ],
    )
    def test_impossible_requests_give_a_reason(
        self, name: str, medias: list[Media], roles: dict[int, str], said: str
    ) -> None:
        assert messages(planned(catalog.load(name), *medias, roles=roles)) == [said]

    def test_limits_depend_on_the_other_files(self) -> None:
        kling = catalog.load("kling-omni")
        assert planned(kling, *[IMAGE] * 7).obstacles == ()
        assert len(planned(kling, *[IMAGE] * 5, VIDEO).obstacles) == 1

    def test_facts_of_each_file_are_limited_by_the_number_of_files(self) -> None:
        claude = catalog.load("claude")
        small = IMAGE._replace(size=1000)
        assert planned(claude, *[small] * 20).limits == ({},) * 20
        plan = planned(claude, *[small] * 21)
        assert all(limits["width"].high == limits["height"].high == 2000 for limits in plan.limits)

    def test_files_that_could_not_be_read_are_left_to_their_own_plan(self) -> None:
        files = [RequestFile("gone.mp4", None), RequestFile("b", lasting(40)[0])]
        plan = plan_request(files, catalog.load("seedance-2.0"))
        assert plan == RequestPlan(({}, {}), ())

    def test_names_from_outside_are_escaped(self) -> None:
        files = [RequestFile("\x1b[31m", VIDEO, "first_frame")]
        (obstacle,) = plan_request(files, catalog.load("seedance-2.0")).obstacles
        assert obstacle.message.startswith("\\x1b[31m is video")

    def test_a_rule_set_without_limits_on_requests_adds_none(self) -> None:
        assert planned(rules(""), IMAGE, VIDEO) == RequestPlan(({}, {}), ())


@each_row(
    ("name", "medias", "sentences"),
    [
        ("seedance-2.0", lasting(8, 2.5, 30), ["keep the first 6.05 s", "", "keep the first 6.05 s"]),
        (
            "pinterest",
            [IMAGE._replace(format="jpeg", width=width) for width in (640, 640, 480)],
            ["", "", "crop it to 480×360 and scale it to 640×480"],
        ),
        ("vidu", [IMAGE._replace(width=640), IMAGE._replace(width=860)], ["crop it to 640×446", ""]),
    ],
)
def test_the_limits_lead_to_the_plan_of_each_file(name: str, medias: list[Media], sentences: list[str]) -> None:
    ruleset = catalog.load(name)
    medias = [each._replace(width=1280, height=720) if each.kind == "video" else each for each in medias]
    for media, limits, sentence in zip(medias, planned(ruleset, *medias).limits, sentences, strict=True):
        aim = FixGoal((ruleset,), extra_limits=(("the request", Section(tuple(limits.values()), {})),))
        plan = propose(Report("a", media, (judge(media, ruleset),)), aim).plan
        assert plan.obstacles == ()
        assert plan.sentence.removesuffix(" without re-encoding") == sentence


def test_every_example_of_a_request_passes_after_its_plan_or_has_an_obstacle() -> None:
    fields = set(Media._fields)
    count = 0
    for name in catalog.names():
        for example in catalog.load(name).table.get("examples", ()):
            if "files" not in example:
                continue
            ruleset = catalog.load(f"{name}:{example['variant']}" if "variant" in example else name)
            medias = [
                Media(**{key: value for key, value in facts.items() if key in fields}) for facts in example["files"]
            ]
            roles = {at: facts["role"] for at, facts in enumerate(example["files"]) if "role" in facts}
            plan = planned(ruleset, *medias, roles=roles)
            wrong = refused(ruleset, medias, roles)
            if not plan.obstacles:
                after = [changed(media, limits, ruleset) for media, limits in zip(medias, plan.limits, strict=True)]
                assert not refused(ruleset, after, roles), (name, example)
            else:
                assert wrong, (name, plan.obstacles)
            count += bool(wrong)
    assert count > 20
