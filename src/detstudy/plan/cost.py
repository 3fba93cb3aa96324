"""What a setting's runs cost is the same for many settings: fields that change results but no time and no memory."""

from __future__ import annotations

from detstudy.study.setting import Setting


def identify_cost(setting: Setting) -> Setting:
    """Return the setting without what changes neither the time of an iteration nor memory: equal ones cost the same."""
    return setting.keep(lambda each: not each.costs_alike)
