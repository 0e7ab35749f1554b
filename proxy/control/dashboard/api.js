// The sidecar's own API: every call with the key, if one is asked for, and the news over a websocket.

const KEPT = 'parrot-key';
const dialog = document.getElementById('ask');
let asking = null;

export class Failed extends Error {}

/** The answer to a request; asks the person for the key as often as the sidecar does. */
export async function call(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEPT);
    const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
    const answer = await fetch(path, { ...options, headers, cache: 'no-store' });
    if (answer.status !== 401) return answer;
    if (sessionStorage.getItem(KEPT) === key) await askForKey(key !== null);
  }
}

/** The JSON at a path; throws Failed for anything but a 200. */
export async function json(path, options) {
  const answer = await call(path, options);
  if (!answer.ok) throw new Failed(`${answer.status} at ${path}`);
  return answer.json();
}

/** The message of an error answer. */
export async function complaint(answer) {
  try {
    return (await answer.json()).error.message;
  } catch {
    return `the answer was a ${answer.status}`;
  }
}

function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    if (wrong) document.getElementById('refused').textContent = 'That key is not known here.';
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      const input = document.getElementById('key');
      sessionStorage.setItem(KEPT, input.value);
      input.value = '';
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

/** Every message of the health stream, for ever; `state` hears true while it is open. */
export function follow(hear, state) {
  let wait = 1000;
  const connect = () => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/v1/providers/health/stream`);
    socket.onopen = () => {
      const key = sessionStorage.getItem(KEPT);
      if (key) socket.send(JSON.stringify({ key }));
    };
    socket.onmessage = (event) => {
      wait = 1000;
      state(true);
      hear(JSON.parse(event.data));
    };
    socket.onclose = () => {
      state(false);
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 30000);
    };
  };
  connect();
}
