/* The page's words; the other language comes on demand. */

let words = {};
let more = { en: {}, ko: {} };
let name = "en";

export const language = () => name;
export const other_language = () => (name === "ko" ? "en" : "ko");

export async function load_language(wanted) {
	({ words } = await import(`./words-${wanted === "ko" ? "ko" : "en"}.js`));
	name = wanted === "ko" ? "ko" : "en";
}

/* Words of both languages that came later. */
export function add_words(all) {
	more = all;
}

/* {name} in the text becomes values.name. */
export const say = (key, values = {}) => (words[key] ?? more[name][key]).replace(/\{(\w+)\}/g, (whole, place) => values[place] ?? whole);

/* A limit's reason: Anthropic's claim, a spend cap's error code, retry_after (also where none was stored); others as they are. */
export function say_reason(reason) {
	const key = `reason ${reason.endsWith("spend_limit_reached") ? "spend_limit" : reason || "retry_after"}`;
	return Object.hasOwn(words, key) ? say(key) : reason;
}

/* Words that stand in the page itself: data-text, data-label (aria-label), data-hint (title too). */
export function write_words() {
	for (const place of document.querySelectorAll("[data-text]"))
		place.textContent = say(place.dataset.text);
	for (const place of document.querySelectorAll("[data-label], [data-hint]")) {
		place.ariaLabel = say(place.dataset.label ?? place.dataset.hint);
		if (place.dataset.hint)
			place.title = say(place.dataset.hint);
	}
}
