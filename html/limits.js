/* Who is limited, since when, until when, and why. */
import { now_ms } from "./api.js";
import { set_clocks } from "./clocks.js";
import { element, find, keep_list, set_attribute, set_text } from "./dom.js";
import { moment, number } from "./format.js";
import { address_of_user } from "./state.js";
import { say, say_reason } from "./text.js";

const SHOWN_MAX = 50; /* more than a screen of them is an outage, and the table marks everyone */

const make_row = () => element("li", { class: "limit" }, element("a", { class: "name" }), element("span", { class: "reason" }),
	element("span", { class: "span soft" }), element("span", { class: "left", role: "timer" }),
	element("span", { class: "bar", "aria-hidden": "true" }, element("span")));

function write_row(node, limit, state) {
	const [name, reason, span] = node.children;
	const now = now_ms();
	set_text(name, limit.user);
	set_attribute(name, "href", address_of_user(state, limit.user));
	set_text(reason, say_reason(limit.reason));
	set_text(span, say("since_until", { since: moment(limit.since * 1000, now), until: moment(limit.retry_until * 1000, now) }));
	set_attribute(node, "data-until", limit.retry_until);
}

export function show_limits(limits, state) {
	const list = [...limits].sort((a, b) => a.retry_until - b.retry_until);
	const shown = list.slice(0, SHOWN_MAX), nodes = find("limits-list");
	find("limits").classList.toggle("calm", list.length === 0);
	set_text(find("limits-title"), say(list.length ? "limited_now" : "nobody_limited"));
	set_text(find("limits-count"), list.length ? number(list.length) : "");
	set_text(find("limits-note"), say(list.length ? "limited_note" : "nobody_note"));
	keep_list(nodes, shown, (limit) => limit.user, make_row, (node, limit) => write_row(node, limit, state));
	set_text(find("limits-more"), list.length > SHOWN_MAX ? say("more_limited", { count: number(list.length - SHOWN_MAX) }) : "");
	set_clocks(shown.map((limit, i) => ({ node: nodes.children[i].children[3], end_ms: limit.retry_until * 1000,
		bar: nodes.children[i].lastChild.firstChild, since_ms: limit.since * 1000 })));
}
