/* When there is nothing to show, or no way to get it: what it means, and what to do next. */
import { element, find, set_attribute, set_text } from "./dom.js";
import { address_of, address_of_all } from "./state.js";
import { add_words, say } from "./text.js";
import { words } from "./words-notice.js";

add_words(words);

function command(text) {
	const copy = element("button", { type: "button", text: say("copy") });
	copy.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(text);
			copy.textContent = say("copied");
		} catch {
			/* plain HTTP to another machine has no clipboard: then it is selected, to be copied by hand */
			getSelection().selectAllChildren(copy.previousElementSibling);
		}
	});
	return element("div", { class: "command" }, element("code", { text }), copy);
}

function show(urgent, title, ...body) {
	set_attribute(find("notice"), "role", urgent ? "alert" : null);
	set_text(find("notice-title"), title);
	find("notice-body").replaceChildren(...body);
}

/* What Claude Code needs: the page's own address without "/ui". Nothing in it means anything to a shell. */
function base_url(user) {
	const name = encodeURIComponent(user).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
	return `${new URL(".", location.href).href}user/${name}`;
}

export function show_empty(state) {
	const user = state.user ?? say("name_here");
	const next = [];
	if (state.date || state.days < 90)
		next.push(element("p", {}, element("a", { class: "button", href: address_of({ ...state, date: null, days: 90 }), text: say("longer") })));
	show(false, state.user ? say("empty_user", { user }) : say("empty_title"), element("p", { class: "soft", text: say("empty_note") }),
		command(`export ANTHROPIC_BASE_URL=${base_url(user)}\nclaude`), ...next);
}

export function show_failure(error, state, again) {
	const body = [element("p", { class: "soft", text: say(`help_${error.kind}`) })];
	if (error.kind === "store")
		body.push(command("claude-code-proxy-admin doctor"));
	const words = [error.message, error.request_id ? say("request_id", { id: error.request_id }) : ""].filter(Boolean).join(" · ");
	if (words)
		body.push(element("p", { class: "said", text: words }));
	body.push(error.kind === "request" ? element("p", {}, element("a", { class: "button", href: address_of_all({ ...state, date: null, days: 7 }), text: say("back") }))
		: element("p", {}, element("button", { type: "button", class: "primary", text: say("again"), on: { click: again } }), " ",
			element("span", { class: "soft", text: say("again_soon") })));
	show(true, say("failed"), ...body);
}

