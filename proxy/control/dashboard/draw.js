// Drawing helpers: DOM elements, number formats, sparklines.

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 112, HEIGHT = 32;
const MIN_SPAN_MS = 60_000, MAX_SPAN_MS = 300_000; // the time range that a sparkline shows grows between these

/** Create an HTML or SVG element; children are nodes or text. */
export function h(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'use'].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Create the icon of a status; each status has its own shape, not just a colour. */
export function icon(status) {
  const hollow = status === 'disabled' ? '' : null;
  return h('svg', { class: 'icon', 'aria-hidden': 'true', 'data-hollow': hollow }, h('use', { href: `#${status}` }));
}

export const number = (value) => value.toLocaleString('en');
export const percent = (value) => (value === null || value === undefined ? '–' : `${+value.toFixed(value < 99.95 ? 1 : 0)} %`);
export const dollars = (value) => `$${value.toFixed(value && value < 1 ? 4 : 2)}`;
export const time = (text) => new Date(text).toLocaleTimeString('en-GB');

/** Format milliseconds. */
export function duration(value) {
  if (value === null || value === undefined) return '–';
  if (value < 1000) return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
}

/** A sparkline with its latest value; `points` are [time, milliseconds or null], both in ms. */
export class Plot {
  constructor(what) {
    this.what = what;
    this.points = [];
    this.area = h('path', { class: 'area' });
    this.curve = h('path', { class: 'curve' });
    const ground = h('line', { x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 });
    this.svg = h('svg', { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' },
      ground, this.area, this.curve);
    this.value = h('b', {}, '–');
    this.element = h('div', { class: 'plot' }, this.value, this.svg);
  }

  add(now, value) {
    this.points = [...this.points.filter(([at]) => at > now - MAX_SPAN_MS), [now, value]];
    const known = this.points.map(([, each]) => each).filter((each) => each !== null);
    const span = Math.max(MIN_SPAN_MS, now - this.points[0][0]);
    const highest = Math.max(...known, 1) * 1.15;
    const x = (at) => WIDTH * (1 - (now - at) / span);
    const y = (each) => HEIGHT - 1 - (HEIGHT - 3) * (each / highest);
    const runs = this.runs(x, y);
    this.curve.setAttribute('d', runs.map((run) => `M${run.join('L')}`).join(''));
    this.area.setAttribute('d', runs.map((run) => `M${run.join('L')}V${HEIGHT}H${run[0].split(',')[0]}Z`).join(''));
    const range = known.length ? `between ${duration(Math.min(...known))} and ${duration(Math.max(...known))}` : 'no data';
    this.svg.setAttribute('aria-label', `${this.what}, since this page was opened: ${range}`);
  }

  show(value) {
    this.value.textContent = duration(value);
  }

  /** Split the points at gaps; return each run of two or more as `x,y` strings. */
  runs(x, y) {
    const runs = [[]];
    for (const [at, value] of this.points) {
      if (value === null) runs.push([]);
      else runs.at(-1).push(`${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    }
    return runs.filter((run) => run.length > 1);
  }
}
