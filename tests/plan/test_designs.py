"""The designs that ship fulfil the contract that anybody's must."""

from __future__ import annotations

from detstudy.plan.designs import Design, Grid, OneFactor
from detstudy.testing import DesignContract


class TestOneFactor(DesignContract):
    def make_design(self) -> Design:
        return OneFactor()


class TestGrid(DesignContract):
    def make_design(self) -> Design:
        return Grid()
