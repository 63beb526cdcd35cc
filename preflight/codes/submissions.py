"""Finding codes for files used together, for what providers report about a file, and for submissions."""

from __future__ import annotations

from typing import Final

from preflight.codes.code import Code, bound_code

SUBMISSION_CODES: Final[dict[str, Code]] = {
    # several files used together
    "too_many_files": bound_code("Too many files", "The request has more files of this kind than the service accepts."),
    "too_few_files": bound_code("Too few files", "The request has fewer files of this kind than the service requires."),
    "total_duration_too_long": bound_code(
        "Total duration too long", "The total duration of the files of this kind is above the maximum."
    ),
    "total_duration_too_short": bound_code(
        "Total duration too short", "The total duration of the files of this kind is below the minimum."
    ),
    "total_size_too_large": bound_code("Total size too large", "The total size of the files is above the maximum."),
    "total_size_too_small": bound_code("Total size too small", "The total size of the files is below the minimum."),
    "companion_required": Code(
        "error", "Needs another file", "The service accepts this kind of file only together with one of another kind."
    ),
    "asset_not_counted": Code(
        "note",
        "Asset not counted",
        "The kind of a registered asset, or its share of a total, is unknown to preflight. The service decides.",
    ),
    "file_not_accepted": Code("error", "A file fails", "A file of the request fails on its own, so the request fails."),
    "file_unknown": Code(
        "unknown", "A file is unknown", "It is unknown whether a file of the request passes on its own."
    ),
    # what only a provider can check
    "content_restricted": Code(
        "error",
        "Restricted content",
        "The provider's rules forbid the content: a protected character, a trademark, a known person. Use another "
        "file, or ask the provider if you hold the rights.",
    ),
    "sensitive_content": Code(
        "error",
        "Sensitive content",
        "The provider's moderation refuses the content; this includes the face of a real person without proof of "
        "consent. Use another file, or prove consent as the provider describes.",
    ),
    "face_mismatch": Code(
        "error",
        "Different face",
        "The face is not that of the person for whom the group was created. Use the group of the right person.",
    ),
    "transcoding_failed": Code(
        "error",
        "Could not be transcoded",
        "The provider could not decode the file. Export it again; a deep check may find the damage.",
    ),
    "moderation_failed": Code(
        "unknown", "Moderation failed", "The provider could not examine the content. Registering again may succeed."
    ),
    "provider_internal": Code(
        "unknown", "Provider error", "The provider failed to process the file. Registering again may succeed."
    ),
    "provider_rejected": Code(
        "error", "Rejected by the provider", "The provider gives no reason that preflight knows; its message follows."
    ),
    # submissions of files that pass
    "upload_failed": Code(
        "unknown", "Upload failed", "The file could not be uploaded to the host. Nothing was registered."
    ),
    "unknown_outcome": Code(
        "unknown",
        "Outcome unknown",
        "The response to the registration was lost and the asset could not be looked up. It may exist, so it is not "
        "registered again. Run `assets sync`, or `assets forget` to register it again.",
    ),
    "deadline": Code(
        "unknown",
        "Still processing",
        "The provider took longer than the deadline. Run the same command to continue polling.",
    ),
    "asset_gone": Code(
        "unknown", "Asset gone", "The asset was registered but no longer exists. The next run registers it again."
    ),
    "ledger_error": Code("unknown", "Ledger error", "The ledger could not be read or written. The message says why."),
}
