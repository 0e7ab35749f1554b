// "Try it": one request, its answer as it comes, and who was to serve it.

import { call, complaint } from './api.js';
import { h } from './draw.js';

const $ = (id) => document.getElementById(id);
const STAMPS = {
  'X-Provider': 'served by', 'X-Provider-Model': 'as', 'X-Provider-Region': 'in', 'X-Routing-Strategy': 'strategy',
  'X-Provider-Attempts': 'attempts', 'X-Overhead-Ms': 'overhead ms', 'X-Routing-Warnings': 'warnings',
};
let canRoute = true;
let stopping = null;

$('try').addEventListener('submit', async (event) => {
  event.preventDefault();
  stopping = new AbortController();
  show(true);
  try {
    await ask(stopping.signal);
  } catch (error) {
    if (error.name === 'AbortError') say('\n[stopped]');
    else fail(error.message);
  }
  show(false);
});
$('stop').addEventListener('click', () => stopping.abort());

async function ask(signal) {
  const body = { model: $('model').value, stream: true, messages: [{ role: 'user', content: $('prompt').value }] };
  const headers = { 'Content-Type': 'application/json', ...wanted(), 'X-Request-Id': `dashboard-${Date.now()}` };
  const options = { method: 'POST', headers, body: JSON.stringify(body), signal };
  $('said').textContent = '';
  delete $('said').dataset.failed;
  const [answer] = await Promise.all([call('/v1/chat/completions', options), decide(options)]);
  stamp(answer.headers);
  if (!answer.ok) return fail(await complaint(answer));
  for await (const data of events(answer.body)) {
    if (data === '[DONE]') break;
    const chunk = JSON.parse(data);
    if (chunk.error) return fail(chunk.error.message);
    say(chunk.choices?.[0]?.delta?.content ?? '');
  }
}

/** What the form asks of the routing, as headers. */
function wanted() {
  const asked = { 'X-Routing-Strategy': $('strategy').value, 'X-Provider-Preference': $('prefer').value };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
}

/** The plan for the same request, where the sidecar can tell it: the request's id is the seed of both. */
async function decide(options) {
  $('plan').replaceChildren();
  if (!canRoute) return;
  const answer = await call('/v1/route', options);
  canRoute = ![404, 405].includes(answer.status) || (await complaint(answer)).startsWith('no model');
  if (!answer.ok) return;
  const { plan, excluded } = await answer.json();
  const chosen = plan.map((step, place) => row(`${place + 1}.`, step.target));
  const out = excluded.map((each) => row('–', `${each.target || each.provider}: ${each.reason}`, 'out'));
  $('plan').replaceChildren(...chosen, ...out);
}

function row(mark, text, kind) {
  return h('li', { class: kind }, h('span', { class: 'mark' }, mark), h('code', {}, text));
}

/** The data of each server-sent event. */
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

function stamp(headers) {
  const found = Object.entries(STAMPS).filter(([name]) => headers.get(name));
  $('stamps').replaceChildren(...found.map(([name, word]) => h('div', {}, h('dt', {}, word), h('dd', {}, headers.get(name)))));
}

function say(text) {
  $('said').append(text);
}

function fail(message) {
  say(message);
  $('said').dataset.failed = '';
}

function show(busy) {
  $('send').disabled = busy;
  $('stop').hidden = !busy;
}
