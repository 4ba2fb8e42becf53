/* The page of one user: when Anthropic opens again, in one sentence; then days and models. */
import { now_ms } from "./api.js";
import { show_bars } from "./bars.js";
import { set_clocks } from "./clocks.js";
import { find, set_attribute, set_text } from "./dom.js";
import { show_figures } from "./figures.js";
import { moment } from "./format.js";
import { column_names, write_head, write_rows } from "./table.js";
import { say, say_reason } from "./text.js";

export const needs_everybody = () => false;

/* The newest day first. */
export const table_rows = (report) => Object.entries(report.daily_stats).sort(([a], [b]) => (a < b ? 1 : -1));

export function show_limit({ limit }, { user }) {
	const box = find("verdict"), left = find("verdict-left");
	box.classList.toggle("limited", limit !== null);
	set_attribute(box, "data-until", limit?.retry_until);
	left.hidden = limit === null;
	set_text(find("verdict-says"), limit ? say("is_limited", { user, time: moment(limit.retry_until * 1000, now_ms()) })
		: say("is_open", { user }));
	set_text(find("verdict-note"), limit ? say("is_limited_note", { reason: say_reason(limit.reason) }) : say("is_open_note"));
	set_clocks(limit ? [{ node: left, end_ms: limit.retry_until * 1000 }] : []);
}

export function show_usage(data, state) {
	const { models, course } = show_figures(data, state);
	set_text(find("top-title"), say("per_model"));
	show_bars(find("top"), models);
	find("top").closest("section").hidden = !course; /* of one day they are in the chart's place */
	write_head(find("days"), [say("day"), ...column_names()]);
	write_rows(find("days"), table_rows(data.report), () => null, () => "");
}
