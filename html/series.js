/* A report as series per model: the same colour for the same model on the whole page. */
import { say } from "./text.js";

const COLOURS = 5; /* and one for the rest: more cannot be told apart */
const known = new Map();

export const colour_of = (place) => `var(--model-${place})`;

export function value_of(sums, metric) {
	return metric === "cost" ? sums.cost_usd : sums.total_tokens;
}

/*
 * Models keep their place while the page is open, also when another one overtakes them. By name at first, so that
 * another period most likely gives the same.
 */
function places(names) {
	const more = names.filter((name) => !known.has(name)).slice(0, COLOURS - known.size);
	for (const name of more.sort())
		known.set(name, known.size + 1);
	return names.filter((name) => known.has(name)).sort((a, b) => known.get(a) - known.get(b));
}

/*
 * [{ name, place, total, values }], one value a day; models beyond the colours are one series "others". Those of
 * nothing but zeros are left out.
 */
export function series_of(report, days, metric) {
	const totals = Object.entries(report.summary.models).sort(([, a], [, b]) => b.cost_usd - a.cost_usd);
	const shown = places(totals.map(([name]) => name));
	const rest = totals.map(([name]) => name).filter((name) => !known.has(name));
	const day_models = days.map((day) => new Map(Object.entries(report.daily_stats[day]?.models ?? {})));
	const sum_of = (names) => {
		const pick = (models) => names.reduce((sum, name) => sum + (models.has(name) ? value_of(models.get(name), metric) : 0), 0);
		return { total: pick(new Map(totals)), values: day_models.map(pick) };
	};
	const list = shown.map((name) => ({ name, place: known.get(name), ...sum_of([name]) }));
	if (rest.length)
		list.push({ name: say("other"), place: COLOURS + 1, ...sum_of(rest) });
	return list.filter((one) => one.total > 0);
}
