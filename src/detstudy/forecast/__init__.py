"""What a study will cost, what of it fits, and what it will be able to show, before anything is spent."""

from detstudy.forecast.forecast import Forecast, Range, RunForecast, forecast_study
from detstudy.forecast.suggestion import Suggestion, suggest_changes

__all__ = ["Forecast", "Range", "RunForecast", "Suggestion", "forecast_study", "suggest_changes"]
