/* The table of users: sorted, filtered, in pages. */
import { element, find, set_attribute, set_text } from "./dom.js";
import { number } from "./format.js";
import { address_of_user, is_default_sort } from "./state.js";
import { COLUMNS, write_rows } from "./table.js";
import { language, say } from "./text.js";

const PAGE = 25;
const HEADS = [["user", "user"], ...COLUMNS];

let sorted = { report: null, key: "", rows: [] };

/* Every user in order, sorted once: 10,000 of them at each key pressed would be felt. */
function sorted_rows(report, { by, down }) {
	const key = `${by} ${down} ${language()}`;
	if (sorted.report !== report || sorted.key !== key) {
		const names = new Intl.Collator(language(), { numeric: true });
		const by_name = ([a], [b]) => names.compare(a, b);
		const compare = by === "user" ? by_name : ([, a], [, b]) => a[by] - b[by];
		const sign = down ? -1 : 1;
		sorted = { report, key, rows: Object.entries(report.users).sort((a, b) => sign * compare(a, b) || by_name(a, b)) };
	}
	return sorted.rows;
}

/* All that the filter leaves. */
export function rows_of(report, state) {
	const text = state.filter.trim().toLocaleLowerCase();
	const rows = sorted_rows(report, state.sort);
	return text ? rows.filter(([name]) => name.toLocaleLowerCase().includes(text)) : rows;
}

/* A report of the largest users alone does not do: then all of them are asked for. */
export function needs_everybody(report, state) {
	const here = Object.keys(report.users).length;
	return here < report.summary.total_users
		&& (state.filter !== "" || !is_default_sort(state.sort) || (state.page + 1) * PAGE > here);
}

function show_heads(head, sort, on_sort) {
	if (!head.firstChild)
		head.append(element("tr", {}, ...HEADS.map(([key]) => element("th", { scope: "col" },
			element("button", { type: "button", "data-sort": key, on: { click: () => on_sort(key) } })))));
	HEADS.forEach(([key, word], i) => {
		const cell = head.firstChild.children[i];
		set_text(cell.firstChild, say(word));
		set_attribute(cell, "aria-sort", sort.by !== key ? null : sort.down ? "descending" : "ascending");
	});
}

/* on_sort: called with the column whose head was pressed. Gives how many users the filter leaves. */
export function show_users(report, state, on_sort) {
	const limited = new Set(report.limits.map((limit) => limit.user));
	const rows = rows_of(report, state);
	const filter = state.filter.trim();
	const count = filter ? rows.length : report.summary.total_users;
	const last = Math.max(0, Math.ceil(count / PAGE) - 1);
	state.page = Math.min(state.page, last);
	const from = state.page * PAGE, page = rows.slice(from, from + PAGE);

	show_heads(find("users").tHead, state.sort, on_sort);
	write_rows(find("users"), page, (name) => address_of_user(state, name), (name) => (limited.has(name) ? say("is_limited_mark") : ""));
	find("no-match").hidden = page.length > 0;
	set_text(find("no-match"), needs_everybody(report, state) ? say("loading") : say("no_match", { text: filter }));
	find("pager").hidden = count <= PAGE;
	set_text(find("rows"), page.length === 0 ? "" : say("rows", { from: number(from + 1), to: number(from + page.length), count: number(count) }));
	find("previous").disabled = state.page === 0;
	find("next").disabled = state.page >= last;
	return count;
}
