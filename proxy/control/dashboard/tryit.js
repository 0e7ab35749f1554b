// "Try it": sends one request, shows the streamed response and the routing decision.

import { call, errorMessage } from './api.js';
import { h } from './draw.js';

const $ = (id) => document.getElementById(id);
const SHOWN_HEADERS = {
  'X-Provider': 'provider', 'X-Provider-Model': 'model', 'X-Provider-Region': 'region', 'X-Routing-Strategy': 'strategy',
  'X-Provider-Attempts': 'attempts', 'X-Overhead-Ms': 'overhead ms', 'X-Routing-Warnings': 'warnings',
};
let canRoute = true;
let abort = null;

$('try').addEventListener('submit', async (event) => {
  event.preventDefault();
  abort = new AbortController();
  setBusy(true);
  try {
    await send(abort.signal);
  } catch (error) {
    if (error.name === 'AbortError') append('\n[stopped]');
    else showError(error.message);
  }
  setBusy(false);
});
$('stop').addEventListener('click', () => abort.abort());

async function send(signal) {
  const body = { model: $('model').value, stream: true, messages: [{ role: 'user', content: $('prompt').value }] };
  const headers = { 'Content-Type': 'application/json', ...routingHeaders(), 'X-Request-Id': `dashboard-${Date.now()}` };
  const options = { method: 'POST', headers, body: JSON.stringify(body), signal };
  $('output').textContent = '';
  delete $('output').dataset.failed;
  const [response] = await Promise.all([call('/v1/chat/completions', options), showDecision(options)]);
  showHeaders(response.headers);
  if (!response.ok) return showError(await errorMessage(response));
  for await (const data of events(response.body)) {
    if (data === '[DONE]') break;
    const chunk = JSON.parse(data);
    if (chunk.error) return showError(chunk.error.message);
    append(chunk.choices?.[0]?.delta?.content ?? '');
  }
}

/** Return the routing headers that the form sets. */
function routingHeaders() {
  const headers = { 'X-Routing-Strategy': $('strategy').value, 'X-Provider-Preference': $('prefer').value };
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value));
}

/** Show the plan of a dry run: with the same request id, which is the seed, it is the plan of the request itself. */
async function showDecision(options) {
  $('plan').replaceChildren();
  if (!canRoute) return;
  const response = await call('/v1/route', options);
  canRoute = ![404, 405].includes(response.status) || (await errorMessage(response)).startsWith('no model');
  if (!response.ok) return;
  const { plan, excluded } = await response.json();
  const chosen = plan.map((step, place) => row(`${place + 1}.`, step.target));
  const out = excluded.map((each) => row('–', `${each.target || each.provider}: ${each.reason}`, 'out'));
  $('plan').replaceChildren(...chosen, ...out);
}

function row(mark, text, kind) {
  return h('li', { class: kind }, h('span', { class: 'mark' }, mark), h('code', {}, text));
}

/** Yield the data of each server-sent event. */
async function* events(body) {
  let rest = '';
  for await (const part of parts(body.pipeThrough(new TextDecoderStream()).getReader())) {
    const lines = (rest + part).split('\n');
    rest = lines.pop();
    yield* lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim());
  }
}

async function* parts(reader) {
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

function showHeaders(headers) {
  const found = Object.entries(SHOWN_HEADERS).filter(([name]) => headers.get(name));
  $('response-headers').replaceChildren(...found.map(([name, word]) => h('div', {}, h('dt', {}, word), h('dd', {}, headers.get(name)))));
}

function append(text) {
  $('output').append(text);
}

function showError(message) {
  append(message);
  $('output').dataset.failed = '';
}

function setBusy(busy) {
  $('send').disabled = busy;
  $('stop').hidden = !busy;
}
