// What the sidecar knows, kept in front of you: statuses as they change, figures every two seconds.

import { follow, json } from './api.js';
import { Plot, dollars, duration, h, icon, number, percent, time } from './draw.js';
import './tryit.js';

const EVERY = 2000;
const HIGH = 80; // percent of a rate limit
const ENDINGS = {
  ok: 'answered', connection_error: 'could not be reached', model_overloaded: 'was overloaded', server_error: 'failed',
  rate_limit: 'was over its limit', timeout: 'was silent', auth_error: 'refused our key', hedge_lost: 'lost to a hedge', cancelled: 'was cancelled',
};
const $ = (id) => document.getElementById(id);
const rows = new Map();
const statuses = new Map();
let live = false;
let following = false;
let shown = ''; // of the routing table
let heard = ''; // the summary
let latest = ''; // second try

class Row {
  constructor(name) {
    const cell = (what, ...children) => h('td', { role: 'cell', 'data-name': what }, ...children);
    this.state = h('td', { role: 'cell', class: 'state' });
    this.regions = h('small');
    this.ttft = new Plot(`${name}, time to first content`);
    this.latency = new Plot(`${name}, time to the whole answer`);
    this.answered = cell('Answered');
    [this.share, this.limit] = [gauge(), gauge()];
    this.cost = cell('Cost');
    this.cost.className = 'number';
    this.element = h('tr', { role: 'row' }, h('th', { scope: 'row', role: 'rowheader' }, name, this.regions), this.state,
      cell('First content', this.ttft.element), cell('Whole answer', this.latency.element),
      this.answered, cell('Share', this.share), cell('Rate limit', this.limit), this.cost);
  }

  /** How it is, and why; a region's status where only some are unwell. */
  tell({ name, status, reason, regions = [] }) {
    statuses.set(name, { status, reason });
    this.element.dataset.status = status;
    const why = status === 'healthy' || !reason ? null : h('div', { class: 'why' }, reason);
    this.state.replaceChildren(h('span', { class: 'status' }, icon(status), status), ...(why ? [why] : []));
    const alike = regions.every((each) => each.status === regions[0].status);
    const places = regions.map((each) => (alike || each.status === 'healthy' ? each.name : `${each.name} (${each.status})`));
    this.regions.textContent = places.join() === 'global' ? '' : places.join(', ');
  }

  measure(figures, requests, limit) {
    this.ttft.show(figures.ttft_ms.p50);
    this.latency.show(figures.latency_ms.p50);
    this.answered.textContent = percent(figures.success_rate);
    fill(this.share, requests ? (100 * figures.requests) / requests : null);
    fill(this.limit, limit);
    this.cost.textContent = figures.requests ? dollars(figures.cost_usd) : '–';
  }
}

function gauge() {
  return h('span', { class: 'gauge' }, h('span', {}, '–'), h('i'));
}

function fill(gauge, part) {
  gauge.firstChild.textContent = percent(part);
  gauge.style.setProperty('--part', `${Math.min(part ?? 0, 100)}%`);
  gauge.toggleAttribute('data-high', part >= HIGH);
}

/** Each provider's row, in the file's order. */
function arrange(providers) {
  const names = providers.map((each) => each.name);
  if (names.join() !== [...rows.keys()].join()) {
    const kept = names.map((name) => [name, rows.get(name) ?? new Row(name)]);
    rows.clear();
    statuses.clear();
    kept.forEach(([name, row]) => rows.set(name, row));
    $('rows').replaceChildren(...kept.map(([, row]) => row.element));
    $('prefer').replaceChildren(h('option', { value: '' }, 'nobody'), ...names.map((name) => h('option', {}, name)));
  }
  providers.forEach((each) => rows.get(each.name).tell(each));
  summarise();
}

/** One sentence, said aloud when it changes. */
function summarise() {
  const all = [...statuses].filter(([, each]) => each.status !== 'disabled');
  const worse = all.filter(([, each]) => each.status !== 'healthy');
  const listed = worse.map(([name, each]) => `${name} is ${each.status}`).join(', ');
  const one = all.length === 1 ? `${all[0][0]} is healthy.` : `All ${all.length} providers are healthy.`;
  const said = !all.length ? 'No provider is enabled.' : worse.length ? `${listed}; ${all.length - worse.length} of ${all.length} are healthy.` : one;
  if (said !== heard) $('summary').textContent = heard = said;
}

function hear(message) {
  if (message.type === 'snapshot') arrange(message.providers);
  if (message.type === 'provider_status_change') {
    rows.get(message.provider)?.tell({ ...message, name: message.provider });
    summarise();
  }
}

function figures(performance, recent, health) {
  const now = Date.now();
  const sum = (rows, of) => rows.reduce((total, each) => total + of(each), 0);
  const requests = sum(performance, (each) => each.requests);
  const answered = performance.filter((each) => each.success_rate !== null);
  const limits = new Map(health.map((each) => [each.name, each.rate_limit_usage]));
  for (const each of performance) rows.get(each.name)?.measure(each, requests, limits.get(each.name));
  for (const each of recent) {
    rows.get(each.name)?.ttft.add(now, each.ttft_ms.p50);
    rows.get(each.name)?.latency.add(now, each.latency_ms.p50);
  }
  const rate = sum(answered, (each) => each.success_rate * each.requests) / sum(answered, (each) => each.requests);
  $('requests').textContent = number(requests);
  $('answered').textContent = percent(answered.length ? rate : null);
}

function activity(seen) {
  const { generation, hash, loaded_at: loaded } = seen.routing;
  $('table').textContent = `routing ${generation}, ${hash}, loaded at ${time(loaded)}`;
  $('cost').textContent = dollars(seen.cost_usd);
  $('rescued').textContent = number(seen.rescued);
  failovers(seen.failovers);
  if (shown === `${generation} ${hash}`) return;
  shown = `${generation} ${hash}`;
  const names = seen.models.map((each) => each.name).filter((name) => !name.includes('*'));
  $('models').replaceChildren(...seen.models.map(model));
  $('names').replaceChildren(...names.map((name) => h('option', { value: name })));
  $('model').value ||= names[0] ?? '';
}

function failovers(all) {
  const newest = all[0]?.request_id ?? 'none';
  if (newest === latest) return;
  latest = newest;
  const none = h('li', { class: 'none' }, 'Every request was served at its first try.');
  $('failovers').replaceChildren(...(all.length ? all.map(failover) : [none]));
}

/** One request, as a sentence: who failed and how, and who served in the end. */
function failover(each) {
  const tries = each.attempts.map((attempt) => {
    const who = attempt.region === 'global' ? attempt.provider : `${attempt.provider} in ${attempt.region}`;
    const code = attempt.status && attempt.outcome !== 'ok' ? ` (${attempt.status})` : '';
    return `${who} ${ENDINGS[attempt.outcome] ?? words(attempt.outcome)}${code} after ${duration(attempt.ms)}`;
  });
  return h('li', {},
    h('p', { class: 'head' }, h('time', { datetime: each.at }, time(each.at)), h('b', {}, each.model), h('code', {}, each.request_id)),
    h('p', {}, `${tries.join(' → ')}${each.outcome === 'ok' ? '' : `. The caller got an error: ${words(each.outcome)}`}.`));
}

const words = (outcome) => (outcome ?? 'not over').replaceAll('_', ' ');

function model(each) {
  const serving = each.providers.map((who, place) => h('span', {}, place ? ', ' : '', who.name, ' ', h('small', {}, who.model)));
  return h('div', {}, h('dt', {}, each.name), h('dd', {}, ...serving));
}

function link(state, text) {
  if ($('link').dataset.state === state && $('link').textContent === text) return;
  $('link').dataset.state = state;
  $('link').textContent = text;
}

async function look() {
  const paths = ['health', 'performance', 'performance?window=30s', 'activity'];
  const [health, performance, recent, seen] = await Promise.all(paths.map((path) => json(`/v1/providers/${path}`)));
  // While the stream is open the status is its to tell, else two looks at one moment could contradict each other.
  const known = health.providers.every((each) => rows.has(each.name)) && health.providers.length === rows.size;
  if (!live || !known) arrange(health.providers);
  else health.providers.filter((each) => statuses.get(each.name).status === each.status).forEach((each) => rows.get(each.name).tell(each));
  figures(performance.providers, recent.providers, health.providers);
  activity(seen);
}

async function keepLooking() {
  try {
    if (!document.hidden) {
      await look();
      link(live ? 'live' : 'polling', live ? 'Live' : 'Every 2 s');
    }
    if (!following) {
      following = true;
      follow(hear, (open) => { live = open; link(open ? 'live' : 'polling', open ? 'Live' : 'Every 2 s'); });
    }
  } catch {
    link('lost', 'Not reachable');
  }
  setTimeout(keepLooking, EVERY);
}

keepLooking();
