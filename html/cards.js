/* The figures on top, each with its change against the period before. */
import { element, find, keep_list, set_attribute, set_figure, set_text } from "./dom.js";
import { money, money_exact, number, percent, points, short } from "./format.js";
import { say } from "./text.js";

const ESTIMATED = "≈";

/* word: of words-*.js; before: null where it is not known; points: a share, whose change is in points of a hundred. */
function figures({ report, anthropic_requests, anthropic_requests_before }) {
	const now = report.summary, before = report.previous ?? null;
	const list = [
		{ word: "cost", note: say("cost_note"), key: "cost_usd", show: money, exact: money_exact, estimated: now.estimated, large: true },
		{ word: "requests", note: say("requests_note"), key: "total_requests", show: number },
	];
	if (now.total_users !== undefined)
		list.push({ word: "users", note: say("users_note"), key: "total_users", show: number });
	const cards = list.map((card) => ({ ...card, value: now[card.key], before: before ? before[card.key] : null }));
	if (anthropic_requests !== null) {
		const share = (bedrock, anthropic) => (bedrock + anthropic ? bedrock / (bedrock + anthropic) : null);
		cards.push({
			word: "share", show: percent, exact: percent, points: true,
			note: say("share_note", { count: short(now.total_requests + anthropic_requests) }),
			value: share(now.total_requests, anthropic_requests),
			before: before && anthropic_requests_before !== null ? share(before.total_requests, anthropic_requests_before) : null,
		});
	}
	return cards;
}

function tokens({ report }) {
	const now = report.summary, before = report.previous ?? null;
	return [["input", "total_input_tokens"], ["output", "total_output_tokens"], ["cache_read", "cache_read_tokens"],
		["cache_write", "cache_write_tokens"]].map(([word, key]) => (
		{ word, value: now[key], before: before ? before[key] : null }));
}

function make_card() {
	return element("div", { class: "card" }, element("dt"), element("dd", {}, element("data", { class: "figure" }),
		element("span", { class: "delta" }), element("span", { class: "note" })));
}

function write_delta(node, card, show) {
	node.hidden = card.before === null;
	if (node.hidden)
		return;
	const by = card.value - card.before;
	const text = by === 0 ? say("same")
		: card.points ? say("points", { points: points(Math.abs(by) * 100) })
		: card.before === 0 ? say("new_here") : percent(Math.abs(by / card.before));
	set_text(node, text);
	node.dataset.way = card.before === 0 || by === 0 ? "" : by > 0 ? "up" : "down";
	set_attribute(node, "title", say("before", { before: show(card.before) }));
}

function write_card(node, card) {
	const show = card.show ?? short, exact = card.exact ?? number;
	const [figure, delta, note] = node.lastChild.children;
	node.classList.toggle("large", Boolean(card.large));
	node.dataset.figure = card.word;
	set_text(node.firstChild, say(card.word));
	set_figure(figure, card.value, (card.estimated ? ESTIMATED : "") + show(card.value), exact(card.value));
	write_delta(delta, card, exact);
	set_text(note, card.note ?? "");
}

export function show_cards(data) {
	keep_list(find("cards"), figures(data), (card) => card.word, make_card, write_card);
	keep_list(find("tokens"), tokens(data), (card) => card.word, make_card, write_card);
}
