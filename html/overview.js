/* The page of everybody. */
import { show_bars } from "./bars.js";
import { find, set_text } from "./dom.js";
import { show_figures, writer } from "./figures.js";
import { show_limits } from "./limits.js";
import { value_of } from "./series.js";
import { address_of_user } from "./state.js";
import { say } from "./text.js";
import { needs_everybody, rows_of, show_users } from "./users.js";

const TOP_USERS = 8;

export { needs_everybody };

export const table_rows = (report, state) => rows_of(report, state);

export const show_limit = (report, state) => show_limits(report.limits, state);

function top_users(report, state) {
	const { show, exact } = writer(state.metric);
	return Object.entries(report.users).map(([name, sums]) => ({ name, value: value_of(sums, state.metric) }))
		.filter((item) => item.value > 0).sort((a, b) => b.value - a.value).slice(0, TOP_USERS)
		.map((item) => ({ ...item, shown: show(item.value), exact: exact(item.value), address: address_of_user(state, item.name) }));
}

/* The table alone, quickly. Gives how many users the filter leaves. */
export const show_table = (data, state, on_sort) => show_users(data.report, state, on_sort);

/* All; gives the same. */
export function show_usage(data, state, on_sort) {
	show_figures(data, state);
	set_text(find("top-title"), say("top_users"));
	show_bars(find("top"), top_users(data.report, state));
	return show_table(data, state, on_sort);
}
