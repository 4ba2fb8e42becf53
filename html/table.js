/* What tables share: columns, and cells with the exact value behind the short one. */
import { element, keep_list, set_attribute, set_figure, set_text } from "./dom.js";
import { money, money_exact, number, short } from "./format.js";
import { say } from "./text.js";

export const COLUMNS = [["cost_usd", "cost"], ["requests", "requests"], ["input_tokens", "input"], ["output_tokens", "output"],
	["cache_read_tokens", "cache_read"], ["cache_write_tokens", "cache_write"]];

const make_row = () => element("tr", {}, element("th", { scope: "row" }, element("a"), element("span", { class: "mark" })),
	...COLUMNS.map(() => element("td", {}, element("data"))));

function write_cell(data, key, sums) {
	const value = sums[key];
	if (key === "cost_usd")
		set_figure(data, value, (sums.estimated ? "≈ " : "") + money(value), money_exact(value));
	else
		set_figure(data, value, key === "requests" ? number(value) : short(value), number(value));
}

/* rows: [name, sums] of the API. address(name): where its link leads, or null; mark(name): a word beside it, or "". */
export function write_rows(table, rows, address, mark) {
	keep_list(table.tBodies[0], rows, ([name]) => name, make_row, (row, [name, sums]) => {
		const [link, word] = row.firstChild.children;
		set_text(link, name);
		set_attribute(link, "href", address(name));
		set_text(word, mark(name));
		COLUMNS.forEach(([key], i) => write_cell(row.children[i + 1].firstChild, key, sums));
	});
}

export const write_head = (table, names) => table.tHead.replaceChildren(
	element("tr", {}, ...names.map((text) => element("th", { scope: "col", text }))));

export const column_names = () => COLUMNS.map(([, word]) => say(word));
