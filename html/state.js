/* What is looked at, kept in the address: a link that is sent to somebody shows the same. */

export const RANGES = [1, 7, 30, 90];
const METRICS = ["cost", "tokens"];
export const SORTS = ["user", "cost_usd", "requests", "input_tokens", "output_tokens", "cache_read_tokens",
	"cache_write_tokens"];

export const DEFAULT_SORT = { by: "cost_usd", down: true };

/* A day that exists, as YYYY-MM-DD. */
export function is_day(text) {
	const at_ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
	/* some browsers take February 30 for March 2 */
	return !Number.isNaN(at_ms) && new Date(at_ms).toISOString().startsWith(text);
}

export function read_state() {
	/* user names may hold '+', never blanks */
	const query = new URLSearchParams(location.search.replaceAll("+", "%2B"));
	const [by, order] = (query.get("sort") ?? "").split(".");
	const days = Number(query.get("days"));
	return {
		user: query.get("user") || null,
		days: RANGES.includes(days) ? days : 7,
		date: is_day(query.get("date") ?? "") ? query.get("date") : null,
		metric: METRICS.includes(query.get("show")) ? query.get("show") : "cost",
		sort: SORTS.includes(by) ? { by, down: order !== "up" } : { ...DEFAULT_SORT },
		filter: query.get("find") ?? "",
		page: 0,
	};
}

export const is_default_sort = (sort) => sort.by === DEFAULT_SORT.by && sort.down === DEFAULT_SORT.down;

export function address_of(state) {
	const parts = [];
	const add = (name, value) => parts.push(`${name}=${encodeURIComponent(value)}`);
	if (state.user)
		add("user", state.user);
	if (state.date)
		add("date", state.date);
	else if (state.days !== 7)
		add("days", state.days);
	if (state.metric !== "cost")
		add("show", state.metric);
	if (!is_default_sort(state.sort))
		add("sort", `${state.sort.by}.${state.sort.down ? "down" : "up"}`);
	if (state.filter)
		add("find", state.filter);
	return parts.length ? `ui?${parts.join("&")}` : "ui";
}

/* The period alone, for links from one page to another. */
export const address_of_user = (state, user) =>
	address_of({ user, date: state.date, days: state.days, metric: state.metric, sort: DEFAULT_SORT, filter: "" });
export const address_of_all = (state) => address_of_user(state, null);

/* A new range is a step that "back" takes back; sorting or typing is none. */
export function write_state(state, step) {
	const address = address_of(state);
	if (step)
		history.pushState(null, "", address);
	else
		history.replaceState(null, "", address);
}

/* What the browser remembers of the reader; works without storage. */
export function remember(name, value) {
	try {
		localStorage.setItem(name, value);
	} catch {
		/* then for this page only */
	}
}
