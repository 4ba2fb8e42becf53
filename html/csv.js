/* The table as a file for a spreadsheet. */
import { days_of } from "./format.js";

/*
 * A spreadsheet takes a text that begins like this for a formula (some take the full-width signs too); with ' before it
 * it stays text.
 */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

function cell(value) {
	let text = String(value);
	if (typeof value === "string" && FORMULA.test(text))
		text = `'${text}`;
	return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const FIELDS = ["requests", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "total_tokens",
	"cost_usd", "estimated"];

/* rows: [name, sums] of the API. The byte order mark tells Excel that it is UTF-8. */
function csv_of(first, rows) {
	const lines = [[first, ...FIELDS], ...rows.map(([name, sums]) => [name, ...FIELDS.map((field) => sums[field])])];
	return `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

function download(name, text) {
	const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
	const link = document.createElement("a");
	link.href = url;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/* today: the last day of the report. */
export function download_rows(rows, state, today) {
	const days = days_of(state, today);
	const name = ["claude-code-proxy", state.user, ...new Set([days[0], days.at(-1)])].filter(Boolean).join("_");
	download(`${name}.csv`, csv_of(state.user ? "date" : "user", rows));
}
