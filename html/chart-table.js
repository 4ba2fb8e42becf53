/* What the chart shows, as a table: the newest day first. */
import { element } from "./dom.js";
import { write_head } from "./table.js";
import { say } from "./text.js";

/* what: of show_chart(). */
export function write_days(table, { days, series, show }) {
	const sum_at = (i) => series.reduce((all, one) => all + one.values[i], 0);
	write_head(table, [say("day"), ...series.map((one) => one.name), say("total")]);
	table.tBodies[0].replaceChildren(...days.map((day, i) => element("tr", {}, element("th", { scope: "row", text: day }),
		...series.map((one) => element("td", { text: show(one.values[i]) })),
		element("td", { text: show(sum_at(i)) }))).reverse());
}
