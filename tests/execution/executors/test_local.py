"""The executor of this machine keeps the contract of all executors."""

from __future__ import annotations

from detstudy.execution import LocalExecutor
from detstudy.execution.executors.contract import Executor
from detstudy.ledger import Ledger
from detstudy.testing import ExecutorContract


class TestLocalExecutor(ExecutorContract):
    def make_executor(self, ledger: Ledger) -> Executor:
        return LocalExecutor(ledger, ["cpu", "cpu"])
