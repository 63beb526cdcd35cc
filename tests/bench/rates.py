"""What accounts of each tier cost while their rate is learned: calls for each asset, and time against the rate alone.

`tox -e bench -- rates`, or `python -m tests.bench.rates`. In simulated time, against accounts that count calls by a
sliding window, by the minute of the clock and by a token bucket, without Retry-After. The goal: at most 1.3 calls for
each asset, and at the published rate no refusal and 1.05 × the time of the rate alone.
"""

from __future__ import annotations

from preflight.providers import Rate
from preflight.rates import RateEstimate
from tests.rates.accounts import Client, calendar_window, simulate, sliding_window, token_bucket

TIERS = ((3, 60.0, 9), (3, 60.0, 300), (120, 60.0, 300), (300, 60.0, 1000), (10, 1.0, 600), (30, 1.0, 10_000))
ACCOUNTS = {"sliding": sliding_window, "calendar": calendar_window, "bucket": token_bucket}


def main() -> None:
    print("\nregistrations while the rate of the account is learned")
    print(f"  {'account':24}{'assets':>8}{'calls each':>12}{'refused':>9}{'time':>10}{'of the rate':>13}")
    for calls, per, count in TIERS:
        for name, account in ACCOUNTS.items():
            client = Client(RateEstimate(Rate(30), 30, 0.0), count)
            seconds = simulate([client], account(calls, per))
            label = f"{calls} in {per:g} s, {name}"
            ratio = seconds / (count * per / calls)
            each, refused = client.calls / count, len(client.refused)
            print(f"  {label:24}{count:8}{each:12.3f}{refused:9}{seconds:8.0f} s{ratio:11.2f} ×")


if __name__ == "__main__":
    main()
