"""What each setting reaches against what it takes, of time and memory.

Answers: which settings does none beat, from where on is more not worth it, and what does a further AP point cost?
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from detstudy.analysis import Analysis
from detstudy.analysis.records import Price, TradeOff, TradePoint
from detstudy.numbers import format_ap, format_change, format_cost, format_interval, format_share
from detstudy.reporting.figure import finish_chart, inline_rows
from detstudy.reporting.listing import Listing
from detstudy.reporting.standing import caption_setting
from detstudy.wording.cost import COST_NAMES
from detstudy.wording.labels import label_measure
from detstudy.wording.say import say

WIDTH, HEIGHT = 200, 300  # of a panel
LABEL_PIXELS = 14  # between two labels, so that none covers another
CAPTION = (
    "Green: the setting to take. Dark: on the front (step line), where no setting reaches more at no more cost. Grey: "
    "beaten by one of those. Thick bars: one standard error of the difference to the best setting (dashed line); thin "
    "bars: the 95 % interval of that difference, and of the cost."
)
_ROLES = {"chosen": "#15803d", "on the front": "#334155", "beaten": "#94a3b8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A setting in a panel, its cost in the panel's unit. Ends of bars are None where the noise is unknown."""

    label: str
    role: str  # chosen, on the front, beaten
    ap: float
    low: float | None  # of the 95 % interval
    high: float | None
    near_low: float | None  # one standard error
    near_high: float | None
    cost: float
    cost_low: float | None
    cost_high: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A row of the table of prices: from a setting of the front to the next dearer one."""

    step: str  # "batch size 4 → baseline"
    gain: str  # "+2.9"
    extra: str  # "7.3 s"
    price: str  # "2.5 s (1.1 s to 9.8 s)", or why there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The objective against one cost."""

    name: str  # "training time"
    title: str  # "training time, s"
    sentence: str
    marks: tuple[Mark, ...]
    best: float  # AP of the best setting
    missing: tuple[str, ...]  # settings without a result, why, and what they had used
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOffs:
    """All costs side by side, over one AP axis."""

    objective: str
    tolerance: float | None
    low: float  # of the AP axis
    high: float
    places: tuple[tuple[str, float, float], ...]  # label, its AP, where the label stands, apart from others
    panels: tuple[Panel, ...]
    caption: str = CAPTION


def gather_trade_offs(analysis: Analysis) -> TradeOffs | None:
    """Return what each setting reaches and takes, or None where no two settings have both numbers."""
    known = [trade_off for trade_off in analysis.trade_offs if len(trade_off.points) > 1]
    if not known:
        return None
    captions = {key: caption_setting(analysis, setting) for key, setting in analysis.settings.items()}
    panels = tuple(gather_panel(trade_off, captions) for trade_off in known)
    marks = {mark.label: mark for panel in panels for mark in panel.marks}
    means = [mark.ap for mark in marks.values()]
    spread = max(max(means) - min(means), 1.0)
    ends = [end for mark in marks.values() for end in (mark.low, mark.high) if end is not None]
    # a bar may leave the picture; the points may not be squeezed by it
    low = max(0.0, min(means) - 0.5 * spread, min([*ends, *means]) - 0.05 * spread)
    high = min(max(means) + 0.5 * spread, max([*ends, *means]) + 0.05 * spread)
    found = sorted((mark.ap, label) for label, mark in marks.items())
    places = spread_labels([ap for ap, _ in found], (high - low) * LABEL_PIXELS / HEIGHT)
    return TradeOffs(
        objective=label_measure(analysis.study.objective),
        tolerance=analysis.study.tolerance,
        low=min(low, places[0]),
        high=max(high, places[-1]),
        places=tuple((label, ap, place) for (ap, label), place in zip(found, places, strict=True)),
        panels=panels,
    )


def gather_panel(trade_off: TradeOff, captions: dict[str, str]) -> Panel:
    """Return one cost's panel with its prices; `captions` are the settings' names by id."""
    (title, scale), name = _choose_unit(trade_off), COST_NAMES[trade_off.measure]
    best = next(point for point in trade_off.points if point.id == trade_off.best)
    return Panel(
        name=name,
        title=f"{name}, {title}",
        sentence=say(trade_off),
        marks=tuple(_gather_mark(trade_off, point, captions[point.id], scale) for point in trade_off.points),
        best=best.ap,
        missing=tuple(map(say, trade_off.missing)),
        steps=tuple(_gather_step(price, captions, trade_off.unit) for price in trade_off.prices),
    )


def spread_labels(values: list[float], gap: float) -> list[float]:
    """Return places for rising values, at least `gap` apart, moved as little as a single sweep each way can."""
    places = list(values)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    shift = sum(p - v for p, v in zip(places, values, strict=True)) / max(1, len(values))
    return [place - shift for place in places]


def find_domain(panel: Panel) -> tuple[list[float], bool]:
    """Return the ends of a panel's cost axis, and whether it is logarithmic.

    Costs that hardly differ stay close together; a bar may leave the picture rather than squeeze the points.
    """
    costs = [mark.cost for mark in panel.marks]
    low, high = min(costs), max(costs)
    if high > 8 * low:
        return [low / 1.25, high * 1.25], True
    ends = [end for mark in panel.marks for end in (mark.cost_low, mark.cost_high) if end is not None]
    spread = max(high - low, 0.25 * high)
    middle = (low + high) / 2
    reach_low = min(max(low - min([*ends, low]), 0.05 * spread), 0.5 * spread)
    reach_high = min(max(max([*ends, high]) - high, 0.05 * spread), 0.5 * spread)
    return [max(0.0, min(low - reach_low, middle - spread / 2)), max(high + reach_high, middle + spread / 2)], False


def list_prices(trade_offs: TradeOffs) -> tuple[Listing, ...]:
    """Return what each further AP point costs along the front, a table a cost that has steps."""
    return tuple(
        Listing(
            caption=f"The price of a point: {panel.name}",
            header=("step", "gain in AP", "costs more", "a point costs (95 %)"),
            rows=tuple((step.step, step.gain, step.extra, step.price) for step in panel.steps),
        )
        for panel in trade_offs.panels
        if panel.steps
    )


def draw_trade_offs(trade_offs: TradeOffs) -> dict[str, Any]:
    """Return the objective against each cost, side by side, with the settings' names at the right."""
    import altair as alt

    last = trade_offs.panels[-1]
    panels = [_draw_panel(trade_offs, panel, named=panel is last) for panel in trade_offs.panels]
    worded = " ".join(f"{panel.name}: {panel.sentence}" for panel in trade_offs.panels)
    return finish_chart(alt.hconcat(*panels, spacing=18), f"{trade_offs.objective} against its costs. {worded}")


def _choose_unit(trade_off: TradeOff) -> tuple[str, float]:
    """Return the axis's unit and how much of the cost's own it is."""
    if trade_off.unit == "bytes":
        most = max(point.cost for point in trade_off.points)
        return ("GiB", 2.0**30) if most >= 2**30 else ("MiB", 2.0**20)
    return ("s", 1.0) if trade_off.unit == "s" else ("ms an image", 1e-3)


def _gather_mark(trade_off: TradeOff, point: TradePoint, label: str, scale: float) -> Mark:
    role = "chosen" if point.id == trade_off.choice else "on the front" if point.front else "beaten"
    error = point.ap_error
    share = "" if point.share is None else f", chosen in {format_share(point.share)} of repeats"
    return Mark(
        label=label,
        role=role,
        ap=point.ap,
        low=point.ap_low,
        high=point.ap_high,
        near_low=None if error is None else point.ap - error,
        near_high=None if error is None else point.ap + error,
        cost=point.cost / scale,
        cost_low=None if point.cost_low is None else point.cost_low / scale,
        cost_high=None if point.cost_high is None else point.cost_high / scale,
        text=f"{format_ap(point.ap)} for {format_cost(point.cost, trade_off.unit)}; {role}{share}",
    )


def _gather_step(price: Price, captions: dict[str, str], unit: str) -> Step:
    text = say(price.reason) if price.reason else ""
    if price.price is not None and price.low is not None and price.high is not None:
        interval = format_interval(price.low, price.high, lambda value: format_cost(value, unit))
        text = f"{format_cost(price.price, unit)} ({interval})"
    return Step(
        step=f"{captions[price.cheaper]} → {captions[price.dearer]}",
        gain=format_change(price.gain),
        extra=format_cost(price.extra, unit),
        price=text,
    )


def _draw_panel(trade_offs: TradeOffs, panel: Panel, *, named: bool) -> Any:
    import altair as alt

    domain, logarithmic = find_domain(panel)
    scale_x = alt.Scale(type="log" if logarithmic else "linear", domain=domain, nice=False, zero=False)
    scale_y = alt.Scale(domain=[trade_offs.low, trade_offs.high], nice=False, zero=False)
    axis_y = alt.Axis(title=trade_offs.objective) if panel is trade_offs.panels[0] else alt.Axis(labels=False, title="")

    def x(field: str) -> Any:
        return alt.X(field=field, type="quantitative", scale=scale_x, title=panel.title, axis=alt.Axis(tickCount=5))

    def y(field: str) -> Any:
        return alt.Y(field=field, type="quantitative", scale=scale_y, axis=axis_y)

    scale_role = alt.Scale(domain=list(_ROLES), range=list(_ROLES.values()))
    colour = alt.Color(field="role", type="nominal", scale=scale_role, legend=None)
    tooltip = [alt.Tooltip(field="label", title="setting"), alt.Tooltip(field="text", title=trade_offs.objective)]
    base = alt.Chart(inline_rows([asdict(mark) for mark in panel.marks]))
    layers = [
        alt.Chart(inline_rows([{"best": panel.best}])).mark_rule(strokeDash=[4, 3], color="#64748b").encode(y=y("best"))
    ]
    if trade_offs.tolerance:
        band = alt.Chart(inline_rows([{"from": panel.best - trade_offs.tolerance, "to": panel.best}]))
        layers.insert(0, band.mark_rect(color="#93c5fd", opacity=0.3).encode(y=y("from"), y2=alt.Y2(field="to")))
    front = sorted((mark.cost, mark.ap) for mark in panel.marks if mark.role != "beaten")
    ends = [{"cost": cost, "ap": ap} for cost, ap in [*front, (domain[1], front[-1][1])]]
    steps = alt.Chart(inline_rows(ends)).mark_line(
        interpolate="step-after", color="#334155", strokeWidth=1.2, opacity=0.6, clip=True
    )
    layers.append(steps.encode(x=x("cost"), y=y("ap"), order=alt.Order(field="cost", type="quantitative")))
    noisy = base.transform_filter("datum.low !== null")
    for low, high, width in (("low", "high", 1.2), ("near_low", "near_high", 4)):
        bar = noisy.mark_rule(strokeWidth=width, opacity=0.55, clip=True)
        layers.append(bar.encode(x=x("cost"), y=y(low), y2=alt.Y2(field=high), color=colour))
    clock = base.transform_filter("datum.cost_low !== null").mark_rule(strokeWidth=1.2, opacity=0.55, clip=True)
    layers.append(clock.encode(x=x("cost_low"), x2=alt.X2(field="cost_high"), y=y("ap"), color=colour))
    point = base.mark_point(size=90, filled=True, opacity=1)
    layers.append(point.encode(x=x("cost"), y=y("ap"), color=colour, tooltip=tooltip))
    if named:
        rows = [{"label": label, "ap": ap, "place": place} for label, ap, place in trade_offs.places]
        names = alt.Chart(inline_rows(rows))
        leader = names.mark_rule(color="#cbd5e1").encode(
            x=alt.value(WIDTH), x2=alt.value(WIDTH + 22), y=y("ap"), y2=alt.Y2(field="place")
        )
        text = names.mark_text(align="left", fontSize=11.5, limit=260, color="#334155").encode(
            x=alt.value(WIDTH + 26), y=y("place"), text=alt.Text(field="label", type="nominal")
        )
        layers += [leader, text]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
