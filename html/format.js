/* Numbers, money, days and times as the reader's language writes them. */
import { language } from "./text.js";

const made = new Map();

/* Intl's makers are slow; each is made once a language. */
function formatter(Kind, name, options) {
	const key = `${language()} ${name}`;
	if (!made.has(key))
		made.set(key, new Kind(language(), options));
	return made.get(key);
}
const numbers = (name, options) => formatter(Intl.NumberFormat, name, options);
const dates = (name, options) => formatter(Intl.DateTimeFormat, name, options);

export const number = (n) => numbers("whole").format(n);

/* 12.4M, 1,234: short where the exact one would not be read anyway. */
export const short = (n) => (Math.abs(n) < 10000 ? number(n)
	: numbers("short", { notation: "compact", minimumSignificantDigits: 3, maximumSignificantDigits: 3 }).format(n));

export const short_axis = (n) => numbers("axis", { notation: "compact" }).format(n);

const dollars = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" };

/* Cents; what is less than a cent but something keeps what is needed to see it. */
export function money(usd) {
	if (usd !== 0 && Math.abs(usd) < 0.01)
		return numbers("tiny", { ...dollars, maximumFractionDigits: 6 }).format(usd);
	return numbers("money", { ...dollars, minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(usd);
}
export const money_exact = (usd) => numbers("exact", { ...dollars, minimumFractionDigits: 2, maximumFractionDigits: 6 }).format(usd);

/* For the axis of a chart. */
export const money_short = (usd) => (usd >= 1000 || Number.isInteger(usd)
	? numbers("dollars", { ...dollars, notation: "compact", maximumFractionDigits: 1, minimumFractionDigits: 0 }).format(usd) : money(usd));

export const percent = (part) => numbers(part < 0.1 ? "percent1" : "percent", { style: "percent", maximumFractionDigits: part < 0.1 ? 1 : 0 }).format(part);
export const points = (n) => numbers("points", { maximumFractionDigits: 1 }).format(n);

const DAY_MS = 86400000;
const at_midnight = (day) => new Date(`${day}T00:00:00Z`);

export const day_of = (ms) => new Date(ms).toISOString().slice(0, 10);
export const day_short = (day) => dates("day", { month: "short", day: "numeric", timeZone: "UTC" }).format(at_midnight(day));
export const day_long = (day) => dates("long", { weekday: "short", month: "short", day: "numeric", year: "numeric", timeZone: "UTC" }).format(at_midnight(day));

/* The days of a period, oldest first. */
export function days_of(state, today) {
	if (state.date)
		return [state.date];
	return Array.from({ length: state.days }, (_, i) => day_of(at_midnight(today).getTime() - (state.days - 1 - i) * DAY_MS));
}

export const clock_exact = (ms) => dates("seconds", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(ms);

/* 14:05 today, Tue 14:05 within some days, Nov 24, 14:05 beyond. */
export function moment(ms, now) {
	const day = new Date(ms).toDateString() === new Date(now).toDateString() ? {}
		: Math.abs(ms - now) < 6 * DAY_MS ? { weekday: "short" } : { month: "short", day: "numeric" };
	return dates(`moment ${Object.keys(day)}`, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
}

/* 2:14:09, and for days 3d 02:14:09. */
export function countdown(ms) {
	const left = Math.max(0, Math.ceil(ms / 1000));
	const two = (n) => String(n).padStart(2, "0");
	const days = Math.floor(left / 86400), hours = Math.floor(left / 3600) % 24;
	const rest = `${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
	if (days)
		return `${days}${language() === "ko" ? "일" : "d"} ${two(hours)}:${rest}`;
	return hours ? `${hours}:${rest}` : rest;
}

export const time_zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
