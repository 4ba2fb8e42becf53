/* What both pages have: figures on top, the chart of days (of one day: its models), models. */
import { show_bars, show_legend } from "./bars.js";
import { show_cards } from "./cards.js";
import { hide_chart, show_chart } from "./chart.js";
import { find, set_text } from "./dom.js";
import { days_of, money, money_exact, money_short, number, short, short_axis } from "./format.js";
import { colour_of, series_of } from "./series.js";
import { say } from "./text.js";

/* How figures of the metric are written: in lists, exactly, at the axis. */
export const writer = (metric) => (metric === "cost" ? { show: money, exact: money_exact, axis: money_short }
	: { show: short, exact: number, axis: short_axis });

/* Gives the items for a list of models. */
export function show_figures(data, state) {
	const days = days_of(state, data.today);
	const { show, exact, axis } = writer(state.metric);
	const series = series_of(data.report, days, state.metric);
	const models = series.map((one) => ({ name: one.name, value: one.total, shown: show(one.total), exact: exact(one.total),
		address: null, colour: colour_of(one.place) })).sort((a, b) => b.value - a.value);
	const course = days.length > 1;
	show_cards(data);
	set_text(find("chart-title"), say(course ? "per_day" : "per_model"));
	for (const [id, hidden] of [["chart", !course], ["chart-table", !course], ["legend", !course || state.user], ["models", course]])
		find(id).hidden = Boolean(hidden); /* a user's models have a list of their own */
	if (course)
		show_chart({ days, series, show, axis, name: say(state.metric) });
	else
		hide_chart();
	show_legend(find("legend"), models);
	show_bars(find("models"), models);
	find("estimated").hidden = !data.report.summary.estimated;
	return { models, course };
}
