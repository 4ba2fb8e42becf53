/* Countdowns, by the server's clock. */
import { now_ms } from "./api.js";
import { set_text } from "./dom.js";
import { countdown } from "./format.js";
import { say } from "./text.js";

let clocks = []; /* { node, end_ms }, with bar and since_ms where how much has passed is drawn too */

export function set_clocks(list) {
	clocks = list;
	tick();
}

/* Once a second. True when a limit has just ended: time to ask anew. */
export function tick() {
	let ended = false;
	for (const one of clocks) {
		const left_ms = one.end_ms - now_ms();
		set_text(one.node, left_ms > 0 ? countdown(left_ms) : say("over"));
		if (one.bar)
			one.bar.style.width = `${Math.min(100, Math.max(0, (100 * left_ms) / (one.end_ms - one.since_ms || 1))).toFixed(1)}%`;
		ended ||= left_ms <= 0 && !one.ended;
		one.ended = left_ms <= 0;
	}
	return ended;
}
