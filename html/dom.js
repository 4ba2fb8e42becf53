/* Everything on the page is made here, from text only: no name can become markup. */

/* Properties are attributes, but for text and on (listeners). Styles are set on the node: the CSP allows no attribute. */
export function element(tag, properties = {}, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		if (name === "text")
			made.textContent = value;
		else if (name === "on")
			for (const [event, listener] of Object.entries(value))
				made.addEventListener(event, listener);
		else if (value !== undefined && value !== null && value !== false)
			made.setAttribute(name, value === true ? "" : value);
	}
	made.append(...children);
	return made;
}

export const find = (id) => document.getElementById(id);

/* Writes only what changed, so that a refresh neither flickers nor moves a selection. */
export function set_text(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

export function set_attribute(node, name, value) {
	if (value === null || value === undefined || value === false)
		node.removeAttribute(name);
	else if (node.getAttribute(name) !== String(value))
		node.setAttribute(name, value);
}

/*
 * One child of parent per item, in this order. A child that is there already for the same key stays, with the
 * focus in it; make(item) gives a new one, update(child, item) writes the item into either.
 */
export function keep_list(parent, items, key, make, update) {
	const old = new Map(), focused = parent.contains(document.activeElement) ? document.activeElement : null;
	for (const child of [...parent.children]) {
		if (child.ccpKey === undefined || old.has(child.ccpKey))
			child.remove(); /* a placeholder; a name that came twice */
		else
			old.set(child.ccpKey, child);
	}
	let at = parent.firstElementChild;
	for (const item of items) {
		const name = key(item);
		let child = old.get(name);
		if (child)
			old.delete(name);
		else
			(child = make(item)).ccpKey = name;
		update(child, item);
		if (child === at)
			at = at.nextElementSibling;
		else
			parent.insertBefore(child, at);
	}
	for (const child of old.values())
		child.remove();
	/* moving takes it away */
	if (focused?.isConnected && document.activeElement !== focused)
		focused.focus({ preventScroll: true });
}

/* A figure with its exact value for tests, scripts and whoever points at it. */
export function set_figure(node, value, shown, exact) {
	set_text(node, shown);
	set_attribute(node, "value", value);
	set_attribute(node, "title", exact === shown ? null : exact);
}
