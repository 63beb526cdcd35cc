"""The authorities that TLS connections trust: certifi's, or those of a CA bundle: `TrustedAuthorities`."""

from __future__ import annotations

import errno
import os
import re
import ssl
import stat
from contextlib import suppress
from typing import Final, NamedTuple

from preflight.errors import UsageError

CA_BUNDLE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Environment variables that name a CA bundle, in order of precedence."""
_REMEDY: Final = "Give a PEM file, or a folder of certificates."
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+")
"""A certificate in a folder that `openssl rehash` prepared; OpenSSL reads it when it is needed."""
_CERTIFICATE: Final = re.compile(r".+\.(pem|crt|cer)", re.IGNORECASE)


class TrustedAuthorities(NamedTuple):
    """The CA bundle that is trusted in place of certifi's. variable: what named it; None: the caller."""

    path: str | None = None
    variable: str | None = None

    @classmethod
    def choose(cls, ca_bundle: str | None) -> TrustedAuthorities:
        """Return the bundle of the caller, or else of the environment."""
        if ca_bundle is not None:
            return cls(ca_bundle)
        found = ((os.environ.get(name), name) for name in CA_BUNDLE_VARIABLES)
        return next((cls(path, name) for path, name in found if path), cls())

    def context(self) -> ssl.SSLContext:
        """Return a TLS context for a client. Raise `UsageError` for a bundle without certificates."""
        if self.path is None:
            import certifi  # only for https

            return ssl.create_default_context(cafile=certifi.where())
        # Unlike the default context, this one takes authorities that violate RFC 5280, as those of companies often do.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if os.path.isdir(self.path):
                self._load_folder(context, self.path)
            else:
                _require_file(self.path)
                context.load_verify_locations(self.path)
        except OSError as error:
            raise self.unusable(error) from None
        return context

    def unusable(self, error: OSError) -> UsageError:
        """Return the error for a bundle that cannot be read."""
        reason = "it contains no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        if self.variable is not None:
            text = f"{self.variable} names the CA bundle {self.path}, which cannot be read ({reason}). {_REMEDY}"
            return UsageError(text)
        return UsageError(
            f"The CA bundle of ca_bundle={self.path} cannot be read ({reason}). {_REMEDY}", parameters=("ca_bundle",)
        )

    @staticmethod
    def _load_folder(context: ssl.SSLContext, folder: str) -> None:
        """Load every certificate of a folder, whether or not `openssl rehash` prepared it. Raise `OSError`."""
        names = os.listdir(folder)
        context.load_verify_locations(capath=folder)
        is_usable = any(map(_HASHED.fullmatch, names))
        for name in filter(_CERTIFICATE.fullmatch, sorted(names)):
            with suppress(OSError):  # a key, or another file in PEM format
                context.load_verify_locations(os.path.join(folder, name))
                is_usable = True
        if not is_usable:
            raise ssl.SSLError


def _require_file(path: str) -> None:
    """Raise `OSError` for a missing file, and for a pipe, which would wait for a writer."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")


def check_ca_bundle(path: str) -> None:
    """Raise `UsageError` for a CA bundle that is missing or not readable."""
    try:
        if os.path.isdir(path):
            os.listdir(path)
        else:
            _require_file(path)
            with open(path, "rb"):
                pass
    except OSError as error:
        raise TrustedAuthorities(path).unusable(error) from None
