// Small things to draw with: elements, numbers, and the curves.

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 112, HEIGHT = 32;
const LEAST = 60_000, MOST = 300_000; // milliseconds that a curve shows: all it has, within these

/** An element; attributes as in HTML, children as nodes or text. */
export function h(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'use'].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The mark that goes with a status: each has a shape of its own. */
export function icon(status) {
  const hollow = status === 'disabled' ? '' : null;
  return h('svg', { class: 'icon', 'aria-hidden': 'true', 'data-hollow': hollow }, h('use', { href: `#${status}` }));
}

export const number = (value) => value.toLocaleString('en');
export const percent = (value) => (value === null || value === undefined ? '–' : `${+value.toFixed(value < 99.95 ? 1 : 0)} %`);
export const dollars = (value) => `$${value.toFixed(value && value < 1 ? 4 : 2)}`;
export const time = (text) => new Date(text).toLocaleTimeString('en-GB');

/** Milliseconds as a person reads them. */
export function duration(value) {
  if (value === null || value === undefined) return '–';
  if (value < 1000) return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
}

/** A curve with its latest value; `points` are [moment, milliseconds or null]. */
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

  add(moment, value) {
    this.points = [...this.points.filter(([at]) => at > moment - MOST), [moment, value]];
    const known = this.points.map(([, each]) => each).filter((each) => each !== null);
    const span = Math.max(LEAST, moment - this.points[0][0]);
    const highest = Math.max(...known, 1) * 1.15;
    const x = (at) => WIDTH * (1 - (moment - at) / span);
    const y = (each) => HEIGHT - 1 - (HEIGHT - 3) * (each / highest);
    const runs = this.runs(x, y);
    this.curve.setAttribute('d', runs.map((run) => `M${run.join('L')}`).join(''));
    this.area.setAttribute('d', runs.map((run) => `M${run.join('L')}V${HEIGHT}H${run[0].split(',')[0]}Z`).join(''));
    const said = known.length ? `between ${duration(Math.min(...known))} and ${duration(Math.max(...known))}` : 'nothing measured';
    this.svg.setAttribute('aria-label', `${this.what}, as far as this page has seen: ${said}`);
  }

  show(value) {
    this.value.textContent = duration(value);
  }

  /** The points that follow one another without a gap, as `x,y`. */
  runs(x, y) {
    const runs = [[]];
    for (const [at, value] of this.points) {
      if (value === null) runs.push([]);
      else runs.at(-1).push(`${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    }
    return runs.filter((run) => run.length > 1);
  }
}
