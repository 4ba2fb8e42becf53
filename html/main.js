/*
 * The dashboard. The address says what is looked at (state.js), the API gives the figures (api.js), and
 * overview.js or user.js puts them on the page; here is when: at the start, on a change, and every minute.
 */
import { ApiError, now_ms, period_name, read_usage } from "./api.js";
import { redraw_chart, start_chart } from "./chart.js";
import { tick } from "./clocks.js";
import { element, find, set_attribute, set_text } from "./dom.js";
import { clock_exact, day_long, day_of, days_of, number, time_zone } from "./format.js";
import { address_of_all, read_state, remember, write_state } from "./state.js";
import { language, load_language, other_language, say, write_words } from "./text.js";

const REFRESH_MS = 60000;
const LIMIT_GRACE_MS = 1500; /* after a limit's end, until the store says so too */

const root = document.documentElement;
const view = import(root.dataset.view === "user" ? "./user.js" : "./overview.js");

let page = null;       /* the module of view */
let state = read_state();
let data = null;       /* what is on the page */
let updated_ms = 0;    /* when it came, by the reader's clock; tried_ms: when it was asked for last */
let tried_ms = 0;
let asking = null;     /* AbortController of the question under way */
let everybody = false; /* all users were asked for once: from then on always */
let last_error = null;
let filtered = false;  /* somebody is to hear how many users that leaves */

/* --- what is on the page --- */

/* Not for a moment after another period was chosen. */
const is_current = () => data?.period === period_name(state);

function press(buttons, is_pressed) {
	for (const button of buttons)
		button.setAttribute("aria-pressed", String(is_pressed(button.dataset)));
}

function show_controls() {
	const today = day_of(now_ms()), days = days_of(state, is_current() ? data.today : today), date = find("date");
	press(find("ranges").children, (button) => !state.date && Number(button.days) === state.days);
	press(find("metrics").children, (button) => button.metric === state.metric);
	date.value = state.date ?? "";
	date.max = today;
	date.min = days_of({ days: 90 }, today)[0];
	date.classList.toggle("chosen", Boolean(state.date));
	if (find("filter").value !== state.filter)
		find("filter").value = state.filter;
	set_attribute(find("home"), "href", address_of_all(state));
	set_text(find("period"), `${[...new Set([days[0], days.at(-1)])].map(day_long).join(" – ")} UTC`);
	set_text(find("updated"), updated_ms ? say("updated", { time: clock_exact(updated_ms) }) : last_error ? "" : say("loading"));
}

function show_words() {
	root.lang = language();
	write_words();
	find("filter").placeholder = say("filter");
	find("language").lang = other_language();
	document.title = `${state.user ?? say("title")} · claude-code-proxy`;
	find("heading").replaceChildren(...(state.user
		? [element("a", { href: address_of_all(state), text: say("all_users") }), ` / ${state.user}`] : [say("title")]));
	find("zone").textContent = say("utc", { zone: time_zone() });
	find("version").textContent = `claude-code-proxy ${root.dataset.version}`;
	find("theme").title = find("theme").ariaLabel = say(root.dataset.theme === "dark" ? "to_light" : "to_dark");
}

/* Instead of figures: what it means that there are none, and what to do. */
async function show_notice(error) {
	const wanted = data ? "empty" : "failed";
	const { show_empty, show_failure } = await import("./notice.js");
	if (root.dataset.phase === wanted)
		error ? show_failure(error, state, load) : show_empty(state);
}

/* Old figures stay on the page; a line above them says that they are old. */
function show_stale() {
	find("stale").hidden = !last_error;
	if (last_error)
		set_text(find("stale"), [updated_ms ? say("stale", { time: clock_exact(updated_ms) }) : say("failed"), last_error.message]
			.filter(Boolean).join(" "));
}

function render() {
	let count = 0;
	show_controls();
	if (data ? !is_current() : !last_error)
		return 0; /* they are on their way */
	const empty = data?.report.summary.total_requests === 0;
	root.dataset.phase = !data ? "failed" : empty ? "empty" : "ready";
	find("notice").hidden = root.dataset.phase === "ready";
	find("stale").hidden = true;
	if (data) {
		page.show_limit(data.report, state);
		count = empty ? 0 : page.show_usage(data, state, sort_by);
		show_stale();
	}
	if (!data || empty)
		show_notice(data ? null : last_error).catch(show_stale); /* the server is gone altogether */
	return count;
}

/* For those who do not see the page change. */
const announce = (text) => set_text(find("announce"), text);

function announce_count(count) {
	if (!filtered || !is_current() || page.needs_everybody(data.report, state))
		return; /* not yet */
	filtered = false;
	announce(`${say("users")}: ${number(count)}`);
}

/* --- asking --- */

async function load() {
	asking?.abort();
	const mine = (asking = new AbortController());
	const limited = data?.report.limits?.length;
	tried_ms = Date.now();
	root.classList.add("busy");
	root.classList.toggle("leaving", Boolean(data) && !is_current());
	try {
		const came = await read_usage(state, { anthropic: root.dataset.anthropic === "true", everybody, signal: mine.signal });
		if (asking !== mine)
			return;
		data = came;
		last_error = null;
		updated_ms = Date.now();
		if (limited !== undefined && limited !== came.report.limits.length)
			announce(say("limited_count", { count: number(came.report.limits.length) }));
	} catch (error) {
		if (asking !== mine)
			return;
		last_error = error instanceof ApiError ? error : new ApiError("server", error.message);
		data = is_current() ? data : null; /* figures of another period would mislead */
	}
	asking = null;
	root.classList.remove("busy", "leaving");
	announce_count(render());
	ask_for_rest();
}

/* Somebody looks for users beyond those on top. */
function ask_for_rest() {
	if (everybody || asking || !data || !page.needs_everybody(data.report, state))
		return;
	everybody = true;
	load();
}

/* Another period needs other figures; for the rest they are here. */
function change_state(change) {
	const before = state;
	const period = "days" in change || "date" in change;
	state = { ...state, page: 0, ...change };
	write_state(state, period);
	if (period) {
		show_controls();
		load();
		return;
	}
	const table = page.show_table && root.dataset.phase === "ready" && is_current() && !("metric" in change);
	const count = table ? page.show_table(data, state, sort_by) : render();
	if (table)
		show_controls();
	filtered ||= before.filter !== state.filter;
	announce_count(count);
	ask_for_rest();
}

function sort_by(by) {
	change_state({ sort: { by, down: state.sort.by === by ? !state.sort.down : by !== "user" } });
}

/* --- what people press --- */

function show_theme(theme) {
	root.dataset.theme = theme;
	show_words();
	redraw_chart();
}

function switch_theme() {
	show_theme(root.dataset.theme === "dark" ? "light" : "dark");
	remember("ccp-theme", root.dataset.theme);
}

async function switch_language() {
	await load_language(other_language());
	remember("ccp-language", language());
	show_words();
	render();
}

async function save_csv() {
	const is_part = () => !state.user && Object.keys(data.report.users).length < data.report.summary.total_users;
	if (data && is_part()) {
		everybody = true;
		await load();
	}
	if (!is_current() || is_part())
		return; /* the page says why */
	const { download_rows } = await import("./csv.js");
	download_rows(page.table_rows(data.report, state), state, data.today);
}

function listen() {
	const on = (id, event, listener) => find(id).addEventListener(event, ({ target }) => listener(target));
	on("ranges", "click", ({ dataset }) => dataset.days && change_state({ days: Number(dataset.days), date: null }));
	on("date", "change", (date) => date.validity.valid && change_state({ date: date.value || null }));
	on("metrics", "click", ({ dataset }) => dataset.metric && change_state({ metric: dataset.metric, page: state.page }));
	on("filter", "input", ({ value }) => change_state({ filter: value }));
	on("previous", "click", () => change_state({ page: state.page - 1 }));
	on("next", "click", () => change_state({ page: state.page + 1 }));
	on("refresh", "click", load);
	on("theme", "click", switch_theme);
	on("language", "click", switch_language);
	for (const button of document.querySelectorAll(".csv"))
		button.addEventListener("click", save_csv);
	addEventListener("popstate", () => {
		state = read_state();
		show_words();
		load();
	});
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show_theme(root.dataset.theme));
	/* paper is white: the chart is drawn for it */
	let theme;
	addEventListener("beforeprint", () => {
		theme = root.dataset.theme;
		show_theme("light");
	});
	addEventListener("afterprint", () => show_theme(theme));
}

/* Every second, for the countdowns. Out of sight nothing is asked; back in sight, at once. Clocks may be set back. */
function keep_time() {
	if (document.hidden)
		return;
	if (tick())
		setTimeout(load, LIMIT_GRACE_MS);
	if (!asking && Math.abs(Date.now() - tried_ms) >= REFRESH_MS)
		load();
}

[page] = await Promise.all([view, load_language(root.lang)]);
show_words();
show_controls();
start_chart();
listen();
setInterval(keep_time, 1000);
document.addEventListener("visibilitychange", keep_time);
load();
