/* Lists with a bar behind each figure; plain HTML, which reads without them. */
import { element, keep_list, set_attribute, set_figure, set_text } from "./dom.js";

function make() {
	return element("li", {},
		element("span", { class: "bar-head" }, element("a", { class: "name" }), element("data", { class: "amount" })),
		element("span", { class: "bar", "aria-hidden": "true" }, element("span")));
}

/* items: { name, value, shown, exact, address (or null), colour (or null) }, largest first. */
export function show_bars(list, items) {
	const most = Math.max(...items.map((item) => item.value), 0) || 1;
	keep_list(list, items, (item) => item.name, make, (node, item) => {
		const [name, amount] = node.firstChild.children;
		const bar = node.lastChild.firstChild;
		set_text(name, item.name);
		set_attribute(name, "href", item.address);
		set_figure(amount, item.value, item.shown, item.exact);
		bar.style.width = `${((item.value / most) * 100).toFixed(2)}%`;
		bar.style.background = item.colour ?? "";
	});
}

export function show_legend(list, items) {
	keep_list(list, items, (item) => item.name,
		() => element("li", {}, element("span", { class: "swatch", "aria-hidden": "true" }), element("span", { class: "name" }), element("data", { class: "amount" })),
		(node, item) => {
			const [swatch, name, amount] = node.children;
			swatch.style.background = item.colour;
			set_text(name, item.name);
			set_figure(amount, item.value, item.shown, item.exact);
		});
}
