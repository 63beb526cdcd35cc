"""Short forms of the benchmarks of registering, which check everything but the time that a busy machine takes."""

from __future__ import annotations

import pytest

from tests.bench import clients, processes, resume

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("provider", "unknown"), [("atlas", 0), ("volcengine", 0), ("crun", 2), ("agentsflare", 2)])
def test_killed_run_is_resumed_without_doubling_or_losing_a_url(provider: str, unknown: int) -> None:
    found = resume.measure(provider, 150)
    assert (found.doubled, found.lost) == (0, 0)
    assert sum(found.outcomes.values()) == 150
    assert found.outcomes["active"] >= 150 - unknown
    assert found.memory <= resume.MAX_MEMORY


@pytest.mark.parametrize("provider", ["atlas", "volcengine"])
def test_processes_with_one_ledger_register_each_url_once(provider: str) -> None:
    found = processes.measure(provider, processes=6, count=60)
    assert (found.doubled, found.lost, found.wrong) == (0, 0, [])
    assert sum(found.registered.values()) == 54


@pytest.mark.parametrize("provider", ["atlas", "volcengine"])
def test_async_client_polls_many_assets_with_few_threads_and_calls(provider: str) -> None:
    found = clients.measure(provider, count=100, processing=8.0)
    assert len(found.waited) == 100
    assert found.threads <= clients.MAX_THREADS
    assert found.p95 <= 2 * clients.MAX_P95
    assert found.calls.total() <= 8 * 100
