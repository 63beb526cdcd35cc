"""The text of a new rule file: commented, and valid as it stands."""

from __future__ import annotations

from typing import Final

_SKELETON: Final = """\
# A rule set: the limits that one service puts on one stage. Check this file with `preflight rules validate`;
# `preflight rules schema` prints the schema for editors.

title = "NAME: what the files are for"   # "Service: what of it"; messages name the service
stage = "upload"                         # upload, register, generate, transcribe, analyze or post
source = "https://example.com/limits"    # the page where the limits are published
as_of = DATE                       # the day on which it was read
basis = "published"                      # or mirrored, measured, reported, assumed: the weakest that it rests on
not_checked = ["content policy: only the service can check it"]

# A kind without a section is not accepted. Every fact that `preflight probe` prints can be limited.
[image]
format = { any_of = ["jpeg", "png"] }
long_side = { max = 4096 }                                        # min and max pass, above and below fail
size = { max = "10 MB", lenient = { max = "10 MiB" } }            # between the two: a warning
# aspect_ratio = { any_of = ["16:9", "9:16"], within = 0.01 }     # within 1 %
# width = { multiple_of = 16 }
# bit_depth = { max = 8, otherwise = "converted" }                # the service accepts it and changes it: a warning

# [video]
# format = { any_of = ["mp4", "mov"] }
# video_codec = { any_of = ["h264"] }
# audio_codec = { any_of = ["aac"], required = true }             # fails without an audio track
# duration = { min = 2, max = 15 }
#
# [[video.when]]                                                  # limits for files for which all conditions hold
# format = "mov"                                                  # a condition: a value, a list, or "> 8 s"
# audio_codec = { any_of = ["aac", "pcm"] }

# [variants.pro.video]                                            # NAME:pro: what differs, limit by limit
# duration = { max = 60 }

# [request.image]                                                 # files that are used together
# files = { max = 9 }

# The result that is expected for facts. Give examples from both sides of each bound.
[[examples]]
verdict = "pass"
facts = { kind = "image", format = "png", width = 4096, height = 300, size = 10_000_000 }

[[examples]]
verdict = "fail"
codes = ["long_side_too_large", "file_size_too_large"]
facts = { kind = "image", format = "jpeg", width = 300, height = 4097, size = 10_500_000 }
"""


def skeleton(name: str, day: str) -> str:
    """Return the text of a rule file for a service of this name, read on an ISO day."""
    return _SKELETON.replace("DATE", day).replace("NAME", name)
