/* Asks /v1/usage and /v1/usage/me, and nobody else. */
import { day_of } from "./format.js";

/* More users come only when somebody looks for them: 10,000 are 10 MB. */
const TOP = 500;
const TIMEOUT_MS = 30000;

let offset_ms = 0;

/* The server's clock: limits end by it, whatever the reader's clock says. */
export const now_ms = () => Date.now() + offset_ms;

/* kind: "store" (503), "request" (400), "server", "network", "slow"; message: the API's own words, where there are any. */
export class ApiError extends Error {
	constructor(kind, message, request_id = null) {
		super(message);
		this.kind = kind;
		this.request_id = request_id;
	}
}

function set_clock(answer, asked_ms) {
	const date = Date.parse(answer.headers.get("date") ?? "");
	const came_ms = Date.now();
	/* the header has whole seconds, cut off: half a second is added on average */
	if (!Number.isNaN(date) && came_ms - asked_ms < 5000)
		offset_ms = date + 500 - (asked_ms + came_ms) / 2;
	if (Math.abs(offset_ms) < 1500)
		offset_ms = 0;
}

async function ask(path, query, signal) {
	/* the programs take '+' as it stands, so nothing here may use it for a blank */
	const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
	const asked_ms = Date.now();
	const limit = AbortSignal.timeout(TIMEOUT_MS);
	let answer, body;
	try {
		answer = await fetch(`${path}?${text}`, { cache: "no-store", signal: AbortSignal.any([signal, limit]) });
		body = await answer.json();
	} catch (error) {
		signal.throwIfAborted();
		if (limit.aborted)
			throw new ApiError("slow", "");
		throw new ApiError(answer ? "server" : "network", answer ? `HTTP ${answer.status}` : error.message);
	}
	if (!answer.ok) {
		const kind = answer.status === 503 ? "store" : answer.status === 400 ? "request" : "server";
		throw new ApiError(kind, body.error?.message ?? `HTTP ${answer.status}`, body.request_id);
	}
	set_clock(answer, asked_ms);
	return { body, today: day_of(now_ms()) };
}

const period = (state) => (state.date ? { date: state.date } : { days: state.days });

export const period_name = (state) => JSON.stringify(period(state));

/*
 * What the page shows: report of the API; today (UTC) when it came, and the period that it is of; anthropic_requests,
 * null where Anthropic's own answers are not counted. everybody: all users, not only those on top.
 */
export async function read_usage(state, { anthropic, everybody, signal }) {
	const path = state.user ? "v1/usage/me" : "v1/usage";
	const who = state.user ? { "claude-code-user": state.user } : {};
	const [mine, other] = await Promise.all([
		ask(path, { ...who, ...period(state), request_type: "bedrock", ...(state.user || everybody ? {} : { top: TOP }) }, signal),
		anthropic ? ask(path, { ...who, ...period(state), request_type: "anthropic", ...(state.user ? {} : { top: 1 }) }, signal) : null,
	]);
	const report = mine.body;
	return {
		report,
		today: mine.today,
		period: period_name(state),
		anthropic_requests: other ? other.body.summary.total_requests : null,
		anthropic_requests_before: other?.body.previous ? other.body.previous.total_requests : null,
	};
}
