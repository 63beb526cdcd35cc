"""Codes for files used together, and for what becomes of those that are submitted."""

from __future__ import annotations

from typing import Final

from preflight.codes.code import Code, bound

OF_USES: Final[dict[str, Code]] = {
    # several files used together
    "too_many_files": bound("Too many files", "One request takes a limited number of files of this kind."),
    "too_few_files": bound("Too few files", "One request needs a number of files of this kind."),
    "total_duration_too_long": bound("Too long together", "The files of this kind play too long together."),
    "total_duration_too_short": bound("Too short together", "The files of this kind are too short together."),
    "total_size_too_large": bound("Too large together", "The files have too many bytes together."),
    "total_size_too_small": bound("Too small together", "The files have too few bytes together."),
    "companion_required": Code(
        "error", "Needs a companion", "This kind of file is only taken together with one of another kind."
    ),
    "asset_not_counted": Code(
        "note",
        "Asset not counted",
        "The kind of a registered asset, or its share of a total, is not known to preflight. The service decides.",
    ),
    "file_not_accepted": Code(
        "error", "One of the files", "A file of the request does not pass on its own, so the request does not."
    ),
    "file_unknown": Code(
        "unknown", "One of the files", "Of a file of the request it is not known whether it passes on its own."
    ),
    # what only a provider can say of a file
    "content_restricted": Code(
        "error",
        "Restricted content",
        "The provider's rules forbid what the file shows: a protected character, a trademark, a known person. Use "
        "another file, or ask the provider if you hold the rights.",
    ),
    "sensitive_content": Code(
        "error",
        "Sensitive content",
        "The provider's moderation refuses what the file shows or says; a real person's face counts, where consent "
        "was not proven. Use another file, or the provider's way to prove consent.",
    ),
    "face_mismatch": Code(
        "error",
        "Another face",
        "The face is not the one that the group was made for. Put the file into the group of its own person.",
    ),
    "transcoding_failed": Code(
        "error", "Could not be transcoded", "The provider could not decode the file. Write it anew; see --deep."
    ),
    "moderation_failed": Code(
        "unknown", "Moderation broke down", "The provider could not look at the content. Registering again may succeed."
    ),
    "provider_internal": Code(
        "unknown", "Provider's own fault", "The provider failed over the file. Registering again may succeed."
    ),
    "provider_rejected": Code(
        "error", "Rejected by the provider", "The provider gives no reason that preflight knows; its own words follow."
    ),
    # what keeps a file that passes from being an active asset
    "upload_failed": Code(
        "unknown", "Not hosted", "The file could not be put where the provider fetches it. Nothing was registered."
    ),
    "unknown_outcome": Code(
        "unknown",
        "Outcome not known",
        "The answer to the registration was lost, and the asset could not be looked up: it may exist, so it is not "
        "registered again. Settle it with `assets sync` or `assets forget`.",
    ),
    "deadline": Code(
        "unknown", "Still processing", "The provider takes longer than was waited for. The same command polls on."
    ),
    "asset_gone": Code(
        "unknown", "Gone at the provider", "The asset was registered and is no longer there. The next run registers it."
    ),
    "ledger_error": Code(
        "unknown", "Ledger not usable", "What is registered could not be kept. The message says what stands in its way."
    ),
}
