/* Stacked bars per day by uPlot, drawn with the colours of the style sheet. */
import { element, find, set_attribute } from "./dom.js";
import { day_long, day_short } from "./format.js";
import { say } from "./text.js";
import { colour_of } from "./series.js";

const HEIGHT = 264;
const LABEL_PX = 64;

let chart = null, shape = "", shown = null;

const sum_at = (i) => shown.series.reduce((all, one) => all + one.values[i], 0);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* uPlot draws one over the other: the sum of all first, then without the topmost. */
function stacked({ days, series }) {
	const sums = new Array(days.length).fill(0);
	const layers = series.map((one) => one.values.map((value, i) => (sums[i] += value)));
	return [days.map((_, i) => i), ...layers.reverse()];
}

function ticks(u) {
	const count = shown.days.length;
	const step = Math.ceil(count / Math.max(1, Math.floor(u.bbox.width / devicePixelRatio / LABEL_PX)));
	/* the last day is the one that is looked at */
	return shown.days.map((_, i) => i).filter((i) => (count - 1 - i) % step === 0);
}

function make_tip(root) {
	const tip = element("div", { class: "tip", hidden: true });
	root.append(tip);
	return (u) => {
		const at = u.cursor.idx;
		tip.hidden = at === null || at === undefined || u.cursor.left < 0;
		if (tip.hidden)
			return;
		const lines = shown.series.filter((one) => one.values[at] > 0).reverse().map((one) => {
			const swatch = element("span", { class: "swatch" });
			swatch.style.background = colour_of(one.place);
			return element("div", {}, swatch, element("span", { text: one.name }), element("b", { text: shown.show(one.values[at]) }));
		});
		tip.replaceChildren(element("p", { text: day_long(shown.days[at]) }), ...lines,
			element("div", { class: "sum" }, element("span", { text: say("total") }), element("b", { text: shown.show(sum_at(at)) })));
		const x = u.valToPos(at, "x") + u.over.offsetLeft;
		const left = x + 14 + tip.offsetWidth > root.clientWidth ? x - 14 - tip.offsetWidth : x + 14;
		tip.style.left = `${Math.max(0, left)}px`;
	};
}

function options(root) {
	const font = `12px ${getComputedStyle(document.body).fontFamily}`;
	const axis = { stroke: () => css("--soft"), font, ticks: { show: false } };
	return {
		width: root.clientWidth, height: HEIGHT, legend: { show: false }, padding: [8, 26, 0, 0],
		cursor: { points: { show: false }, drag: { x: false, y: false }, y: false,
			/* the line stands in the middle of a bar */
			move: (u, left, top) => [left < 0 ? left : u.valToPos(Math.round(u.posToVal(left, "x")), "x"), top] },
		scales: {
			x: { time: false, range: () => [-0.5, shown.days.length - 0.5] },
			y: { range: (u, low, high) => [0, high > 0 ? high * 1.06 : 1] },
		},
		axes: [
			{ ...axis, grid: { show: false }, size: 28, splits: ticks, values: (u, list) => list.map((i) => day_short(shown.days[i])) },
			{ ...axis, size: 56, space: 44, grid: { stroke: () => css("--line"), width: 1 }, values: (u, list) => list.map(shown.axis) },
		],
		series: [{}, ...shown.series.map((one) => ({
			fill: () => css(`--model-${one.place}`), stroke: () => css("--surface"), width: shown.days.length > 45 ? 0 : 1, points: { show: false },
			paths: globalThis.uPlot.paths.bars({ size: [shown.days.length > 45 ? 0.8 : 0.72, 44] }),
		})).reverse()],
		hooks: { setCursor: [make_tip(root)] },
	};
}

/* what: { days, series, show, axis, name }: values as text for people and for the axis; name of the figure. */
export function show_chart(what) {
	const root = find("chart");
	shown = what;
	describe(root);
	show_table();
	if (!globalThis.uPlot)
		return; /* the words and the table say it all */
	const wanted = JSON.stringify([document.documentElement.lang, what.days.length, what.name, what.series.map((one) => one.place)]);
	if (chart && shape === wanted) {
		chart.setData(stacked(what));
		return;
	}
	chart?.destroy();
	root.replaceChildren();
	shape = wanted;
	chart = new globalThis.uPlot(options(root), stacked(what), root);
}

export function redraw_chart() {
	chart?.redraw(false, true);
}

export function hide_chart() {
	chart?.destroy();
	chart = null;
	shown = null;
	find("chart").replaceChildren();
}

function describe(root) {
	const { days, show, name } = shown;
	const sums = days.map((_, i) => sum_at(i));
	const most = sums.indexOf(Math.max(...sums));
	set_attribute(root, "aria-label", say("chart_says", {
		what: name, from: day_long(days[0]), to: day_long(days.at(-1)), sum: show(sums.reduce((a, b) => a + b, 0)),
		day: day_long(days[most]), most: show(sums[most]),
	}));
}

/* The same for whoever would rather read it; most do not. */
async function show_table() {
	if (!find("chart-table").open || !shown)
		return;
	const { write_days } = await import("./chart-table.js");
	if (shown)
		write_days(find("chart-table").querySelector("table"), shown);
}

export function start_chart() {
	const root = find("chart");
	find("chart-table").addEventListener("toggle", show_table);
	new ResizeObserver(() => {
		if (chart && root.clientWidth && root.clientWidth !== chart.width)
			chart.setSize({ width: root.clientWidth, height: HEIGHT });
	}).observe(root);
}
