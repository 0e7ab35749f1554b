// Client of the sidecar's API: requests with the key, if one is required, and status changes over a websocket.

const KEY_ITEM = 'parrot-key'; // in the session storage
const dialog = document.getElementById('key-dialog');
let keyRequest = null;

export class ApiError extends Error {}

/** Send a request and return the response; prompt for a key for as long as the answer is a 401. */
export async function call(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY_ITEM);
    const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
    const response = await fetch(path, { ...options, headers, cache: 'no-store' });
    if (response.status !== 401) return response;
    if (sessionStorage.getItem(KEY_ITEM) === key) await promptForKey(key !== null);
  }
}

/** Fetch JSON; throws ApiError for any status but a 2xx. */
export async function json(path, options) {
  const response = await call(path, options);
  if (!response.ok) throw new ApiError(`${response.status} at ${path}`);
  return response.json();
}

/** Return the message of an error response. */
export async function errorMessage(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `HTTP status ${response.status}`;
  }
}

function promptForKey(wrong) {
  keyRequest ??= new Promise((resolve) => {
    if (wrong) document.getElementById('key-hint').textContent = 'Invalid API key.';
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      const input = document.getElementById('key');
      sessionStorage.setItem(KEY_ITEM, input.value);
      input.value = '';
      keyRequest = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return keyRequest;
}

/** Subscribe to the health stream and reconnect for ever: `onMessage` per message, `onState(true)` while it is open. */
export function subscribe(onMessage, onState) {
  let wait = 1000;
  const connect = () => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/v1/providers/health/stream`);
    socket.onopen = () => {
      const key = sessionStorage.getItem(KEY_ITEM);
      if (key) socket.send(JSON.stringify({ key }));
    };
    socket.onmessage = (event) => {
      wait = 1000;
      onState(true);
      onMessage(JSON.parse(event.data));
    };
    socket.onclose = () => {
      onState(false);
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 30000);
    };
  };
  connect();
}
