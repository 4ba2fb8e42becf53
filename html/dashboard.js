"use strict";

/* The page's words; the browser's language chooses. Figures come from /v1/usage and /v1/usage/me. */
const words = {
	en: {
		period: "Period", days: "days", limited: "Limited by Anthropic now", models: "Models",
		users: "Users", user: "User", requests: "Requests", input: "Input", output: "Output",
		cacheRead: "Cache read", cacheWrite: "Cache write", cost: "Cost", daily: "By day", day: "Day",
		model: "Model", until: "until", loading: "Loading …", none: "Nothing was counted in this period.",
		failed: "The figures cannot be read now", estimated: "Figures with ≈ are partly estimated.",
	},
	ko: {
		period: "기간", days: "일", limited: "현재 Anthropic 한도에 걸린 사용자", models: "모델",
		users: "사용자", user: "사용자", requests: "요청", input: "입력", output: "출력",
		cacheRead: "캐시 읽기", cacheWrite: "캐시 쓰기", cost: "비용", daily: "일별", day: "날짜",
		model: "모델", until: "해제 시각", loading: "불러오는 중 …", none: "이 기간에 집계된 사용량이 없습니다.",
		failed: "지금은 사용량을 읽을 수 없습니다", estimated: "≈ 표시는 일부 추정값입니다.",
	},
};
const korean = (navigator.languages || [navigator.language]).find((l) => /^(ko|en)\b/.test(l))?.startsWith("ko");
const language = korean ? "ko" : "en";
const text = words[language];
const number = new Intl.NumberFormat(language);
const money = new Intl.NumberFormat(language, { style: "currency", currency: "USD", maximumFractionDigits: 4 });
const clock = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

const params = new URLSearchParams(location.search);
const user = params.get("user");
const days = document.getElementById("days");
const columns = [
	["requests", "requests"], ["input_tokens", "input"], ["output_tokens", "output"],
	["cache_read_tokens", "cacheRead"], ["cache_write_tokens", "cacheWrite"], ["cost_usd", "cost"],
];

/* Everything on the page is made here, from text only: no name can become markup. */
function element(tag, ...children) {
	const made = document.createElement(tag);
	made.append(...children);
	return made;
}

function show(key, sums) {
	if (key !== "cost_usd")
		return number.format(sums[key]);
	return (sums.estimated ? "≈ " : "") + money.format(sums[key]);
}

function fillTable(table, title, rows, link) {
	const head = element("tr", element("th", title), ...columns.map(([, word]) => element("th", text[word])));
	for (const cell of head.children)
		cell.scope = "col";
	table.tHead.replaceChildren(head);
	table.tBodies[0].replaceChildren(...rows.map(([name, sums]) => {
		const cell = element("td", name);
		if (link) {
			const a = element("a", name);
			a.href = "ui?" + new URLSearchParams({ user: name, days: days.value });
			cell.replaceChildren(a);
		}
		return element("tr", cell, ...columns.map(([key]) => element("td", show(key, sums))));
	}));
}

function fillTotals(summary) {
	const sums = { ...summary, requests: summary.total_requests, input_tokens: summary.total_input_tokens,
		output_tokens: summary.total_output_tokens };
	const entries = columns.map(([key, word]) => [text[word], show(key, sums)]);
	if (summary.total_users !== undefined)
		entries.unshift([text.users, number.format(summary.total_users)]);
	document.getElementById("totals").replaceChildren(
		...entries.map(([word, value]) => element("div", element("dt", word), element("dd", value))));
}

function fillLimits(limits) {
	const section = document.getElementById("limited");
	section.hidden = limits.length === 0;
	section.querySelector("ul").replaceChildren(...limits.map((limit) => element("li",
		`${limit.user} — ${text.until} ${clock.format(limit.retry_until * 1000)} (${limit.reason})`)));
}

function fill(report) {
	const byCost = ([, a], [, b]) => b.cost_usd - a.cost_usd || b.total_tokens - a.total_tokens;
	const rows = user ? Object.entries(report.daily_stats).reverse() : Object.entries(report.users).sort(byCost);
	const models = Object.entries(report.summary.models).sort(byCost);
	const section = document.getElementById("models");
	fillTotals(report.summary);
	fillLimits(user ? (report.limit ? [{ user, ...report.limit }] : []) : report.limits);
	document.getElementById("table-title").textContent = user ? text.daily : text.users;
	fillTable(document.getElementById("table"), user ? text.day : text.user, rows, !user);
	section.hidden = models.length === 0;
	fillTable(section.querySelector("table"), text.model, models, false);
	document.getElementById("note").textContent =
		rows.length === 0 ? text.none : report.summary.estimated ? text.estimated : "";
}

async function load() {
	const query = new URLSearchParams({ days: days.value, request_type: "bedrock" });
	const note = document.getElementById("note");
	if (user)
		query.set("claude-code-user", user);
	else
		query.set("top", "1000");
	/* the program takes '+' as it stands, so a blank must be %20 */
	const url = (user ? "v1/usage/me?" : "v1/usage?") + query.toString().replaceAll("+", "%20");
	note.textContent = text.loading;
	try {
		const answer = await fetch(url, { cache: "no-store" });
		const body = await answer.json();
		if (!answer.ok)
			throw new Error(body.error.message);
		fill(body);
	} catch (error) {
		note.textContent = `${text.failed}: ${error.message}`;
	}
}

document.documentElement.lang = language;
for (const place of document.querySelectorAll("[data-text]"))
	place.textContent = text[place.dataset.text];
if (user) {
	document.getElementById("subject").textContent = user;
	document.title = `${user} · claude-code-proxy`;
}
if ([...days.options].some((option) => option.value === params.get("days")))
	days.value = params.get("days");
days.addEventListener("change", () => {
	params.set("days", days.value);
	history.replaceState(null, "", "?" + params);
	load();
});
setInterval(load, 5 * 60 * 1000);
load();
