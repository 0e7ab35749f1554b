// The dashboard: provider statuses as they change (websocket), figures polled every two seconds.

import { json, subscribe } from './api.js';
import { Plot, dollars, duration, h, icon, number, percent, time } from './draw.js';
import './tryit.js';

const POLL_INTERVAL_MS = 2000;
const HIGH_USAGE = 80; // percent of a rate limit
const OUTCOMES = {
  ok: 'succeeded', connection_error: 'connection failed', model_overloaded: 'overloaded', server_error: 'server error',
  rate_limit: 'rate limited', timeout: 'timed out', auth_error: 'authentication failed', hedge_lost: 'lost to a hedge', cancelled: 'was cancelled',
};
const $ = (id) => document.getElementById(id);
const rows = new Map();
const statuses = new Map();
let live = false;
let subscribed = false;
let shownTable = ''; // generation and hash of the routing table
let shownSummary = '';
let latestFailover = ''; // request id

class Row {
  constructor(name) {
    const cell = (label, ...children) => h('td', { role: 'cell', 'data-name': label }, ...children);
    this.state = h('td', { role: 'cell', class: 'state' });
    this.regions = h('small');
    this.ttft = new Plot(`${name}, time to first content`);
    this.latency = new Plot(`${name}, latency`);
    this.successRate = cell('Success rate');
    [this.share, this.limit] = [gauge(), gauge()];
    this.cost = cell('Cost');
    this.cost.className = 'number';
    this.element = h('tr', { role: 'row' }, h('th', { scope: 'row', role: 'rowheader' }, name, this.regions), this.state,
      cell('Time to first content', this.ttft.element), cell('Latency', this.latency.element),
      this.successRate, cell('Traffic share', this.share), cell('Rate limit used', this.limit), this.cost);
  }

  /** Show the status and its reason; the statuses of regions only where they differ. */
  setStatus({ name, status, reason, regions = [] }) {
    statuses.set(name, { status, reason });
    this.element.dataset.status = status;
    const why = status === 'healthy' || !reason ? null : h('div', { class: 'why' }, reason);
    this.state.replaceChildren(h('span', { class: 'status' }, icon(status), status), ...(why ? [why] : []));
    const same = regions.every((each) => each.status === regions[0].status);
    const places = regions.map((each) => (same || each.status === 'healthy' ? each.name : `${each.name} (${each.status})`));
    this.regions.textContent = places.join() === 'global' ? '' : places.join(', ');
  }

  setFigures(figures, requests, limit) {
    this.ttft.show(figures.ttft_ms.p50);
    this.latency.show(figures.latency_ms.p50);
    this.successRate.textContent = percent(figures.success_rate);
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
  gauge.toggleAttribute('data-high', part >= HIGH_USAGE);
}

/** Create or reuse a row per provider, in the file's order. */
function setProviders(providers) {
  const names = providers.map((each) => each.name);
  if (names.join() !== [...rows.keys()].join()) {
    const kept = names.map((name) => [name, rows.get(name) ?? new Row(name)]);
    rows.clear();
    statuses.clear();
    kept.forEach(([name, row]) => rows.set(name, row));
    $('rows').replaceChildren(...kept.map(([, row]) => row.element));
    $('prefer').replaceChildren(h('option', { value: '' }, 'none'), ...names.map((name) => h('option', {}, name)));
  }
  providers.forEach((each) => rows.get(each.name).setStatus(each));
  updateSummary();
}

/** Update the summary sentence, which screen readers announce when it changes. */
function updateSummary() {
  const all = [...statuses].filter(([, each]) => each.status !== 'disabled');
  const unhealthy = all.filter(([, each]) => each.status !== 'healthy');
  const listed = unhealthy.map(([name, each]) => `${name} is ${each.status}`).join(', ');
  const one = all.length === 1 ? `${all[0][0]} is healthy.` : `All ${all.length} providers are healthy.`;
  const summary = !all.length ? 'No provider is enabled.' : unhealthy.length ? `${listed}; ${all.length - unhealthy.length} of ${all.length} are healthy.` : one;
  if (summary !== shownSummary) $('summary').textContent = shownSummary = summary;
}

function onMessage(message) {
  if (message.type === 'snapshot') setProviders(message.providers);
  if (message.type === 'provider_status_change') {
    rows.get(message.provider)?.setStatus({ ...message, name: message.provider });
    updateSummary();
  }
}

function setFigures(performance, recent, health) {
  const now = Date.now();
  const sum = (rows, of) => rows.reduce((total, each) => total + of(each), 0);
  const requests = sum(performance, (each) => each.requests);
  const measured = performance.filter((each) => each.success_rate !== null);
  const limits = new Map(health.map((each) => [each.name, each.rate_limit_usage]));
  for (const each of performance) rows.get(each.name)?.setFigures(each, requests, limits.get(each.name));
  for (const each of recent) {
    rows.get(each.name)?.ttft.add(now, each.ttft_ms.p50);
    rows.get(each.name)?.latency.add(now, each.latency_ms.p50);
  }
  const rate = sum(measured, (each) => each.success_rate * each.requests) / sum(measured, (each) => each.requests);
  $('requests').textContent = number(requests);
  $('success-rate').textContent = percent(measured.length ? rate : null);
}

function setActivity(seen) {
  const { generation, hash, loaded_at: loaded } = seen.routing;
  $('table').textContent = `config generation ${generation} (${hash}), loaded at ${time(loaded)}`;
  $('cost').textContent = dollars(seen.cost_usd);
  $('failover-count').textContent = number(seen.failover_count);
  setFailovers(seen.failovers);
  if (shownTable === `${generation} ${hash}`) return;
  shownTable = `${generation} ${hash}`;
  const names = seen.models.map((each) => each.name).filter((name) => !name.includes('*'));
  $('models').replaceChildren(...seen.models.map(model));
  $('names').replaceChildren(...names.map((name) => h('option', { value: name })));
  $('model').value ||= names[0] ?? '';
}

function setFailovers(all) {
  const newest = all[0]?.request_id ?? 'none';
  if (newest === latestFailover) return;
  latestFailover = newest;
  const none = h('li', { class: 'none' }, 'No failovers yet.');
  $('failovers').replaceChildren(...(all.length ? all.map(failover) : [none]));
}

/** Describe one request in a sentence: the outcome of each attempt, in order. */
function failover(each) {
  const tries = each.attempts.map((attempt) => {
    const who = attempt.region === 'global' ? attempt.provider : `${attempt.provider} in ${attempt.region}`;
    const code = attempt.status && attempt.outcome !== 'ok' ? ` (${attempt.status})` : '';
    return `${who} ${OUTCOMES[attempt.outcome] ?? words(attempt.outcome)}${code} after ${duration(attempt.ms)}`;
  });
  return h('li', {},
    h('p', { class: 'head' }, h('time', { datetime: each.at }, time(each.at)), h('b', {}, each.model), h('code', {}, each.request_id)),
    h('p', {}, `${tries.join(' → ')}${each.outcome === 'ok' ? '' : `. The client got an error: ${words(each.outcome)}`}.`));
}

const words = (outcome) => (outcome ?? 'in progress').replaceAll('_', ' ');

function model(each) {
  const serving = each.providers.map((who, place) => h('span', {}, place ? ', ' : '', who.name, ' ', h('small', {}, who.model)));
  return h('div', {}, h('dt', {}, each.name), h('dd', {}, ...serving));
}

function setConnection(state, text) {
  if ($('link').dataset.state === state && $('link').textContent === text) return;
  $('link').dataset.state = state;
  $('link').textContent = text;
}

async function poll() {
  const paths = ['health', 'performance', 'performance?window=30s', 'activity'];
  const [health, performance, recent, seen] = await Promise.all(paths.map((path) => json(`/v1/providers/${path}`)));
  // While the websocket is open only it sets the status: two sources could contradict each other.
  const known = health.providers.every((each) => rows.has(each.name)) && health.providers.length === rows.size;
  if (!live || !known) setProviders(health.providers);
  else health.providers.filter((each) => statuses.get(each.name).status === each.status).forEach((each) => rows.get(each.name).setStatus(each));
  setFigures(performance.providers, recent.providers, health.providers);
  setActivity(seen);
}

async function pollForever() {
  try {
    if (!document.hidden) {
      await poll();
      setConnection(live ? 'live' : 'polling', live ? 'Live' : 'Every 2 s');
    }
    if (!subscribed) {
      subscribed = true;
      subscribe(onMessage, (open) => { live = open; setConnection(open ? 'live' : 'polling', open ? 'Live' : 'Every 2 s'); });
    }
  } catch {
    setConnection('lost', 'Sidecar not reachable');
  }
  setTimeout(pollForever, POLL_INTERVAL_MS);
}

pollForever();
