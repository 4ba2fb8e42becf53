/* Before the first paint: whose page it is; the reader's colours and language, where remembered. */
"use strict";
{
	const root = document.documentElement.dataset;
	const dark = matchMedia("(prefers-color-scheme: dark)");
	const read = (name, values) => {
		try {
			return values.find((value) => value === localStorage.getItem(name));
		} catch {
			return undefined; /* no storage */
		}
	};
	const set_theme = () => {
		root.theme = read("ccp-theme", ["light", "dark"]) ?? (dark.matches ? "dark" : "light");
	};
	root.view = /[?&]user=[^&]/.test(location.search) ? "user" : "all";
	root.phase = "loading";
	set_theme();
	dark.addEventListener("change", set_theme);
	document.documentElement.lang = read("ccp-language", ["en", "ko"]) ?? document.documentElement.lang;
}
