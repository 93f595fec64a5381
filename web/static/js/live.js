// News from the gateway: its stream of events, read with fetch because EventSource cannot send a token. When the gateway has no such
// stream its health is asked for every five seconds instead. What was known stays known while it cannot be reached.

import { call, get, health } from './api.js';
import { state } from './state.js';

const POLL = 5000;
const SILENT = 45000; // the gateway sends a comment every 15 s
const FIRST = 1000;
const MOST = 30000;

// shown resolves when the page can be seen, or signal aborts. A page that is hidden holds no stream: a browser has six connections to
// a server for all its tabs.
function shown(signal) {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
    look();
  });
}

// follow keeps the state up to date until signal aborts.
export async function follow(signal) {
  let wait = FIRST;
  for (;;) {
    await shown(signal);
    if (signal.aborted) return;
    let heard = false;
    try {
      await overview(signal);
      await stream(signal, () => { heard = true; });
      if (document.hidden) continue;
      state.connect({ how: 'reconnecting', why: 'The gateway ended the connection.' });
    } catch (err) {
      if (signal.aborted || err.status === 401) return;
      if (err.missing) {
        await poll(signal);
        continue;
      }
      state.connect({ how: 'reconnecting', why: err.detail || err.message });
    }
    wait = heard ? FIRST : Math.min(MOST, wait * 2);
    await pause(wait * (0.75 + Math.random() / 2), signal);
  }
}

// pause waits, or less when the browser is online again or somebody asks.
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => { clearTimeout(timer); window.removeEventListener('online', done); state.removeEventListener('hurry', done); resolve(); };
    const timer = setTimeout(done, ms);
    window.addEventListener('online', done);
    state.addEventListener('hurry', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

// overview reads what the stream does not send: the sites.
export async function overview(signal) {
  try {
    state.set('network', await get('/network', {}, signal));
  } catch (err) {
    if (!err.missing) throw err;
    const status = await get('/status', {}, signal);
    const others = (status.forwarding.destinations ?? []).map((d) => ({ site: d.site, state: d.state, open: null, spans: [] }));
    state.set('network', {
      network: status.network, site: status.site, version: status.version, now: new Date().toISOString(),
      sites: [{ site: status.site, self: true, state: status.state, open: null, spans: [] }, ...others],
    });
    state.set('forwarding', status.forwarding);
  }
}

async function poll(signal) {
  for (;;) {
    await shown(signal);
    if (signal.aborted) return;
    try {
      state.set('forwarding', await health(signal));
      state.connect({ how: 'polling', last: Date.now(), why: '' });
    } catch (err) {
      if (signal.aborted || err.status === 401) return;
      state.connect({ how: 'reconnecting', why: err.detail || err.message });
    }
    await pause(POLL, signal);
  }
}

// stream reads events until the page is hidden, or the connection ends or is silent for too long.
async function stream(signal, heard) {
  const quiet = new AbortController();
  const stop = () => quiet.abort();
  signal.addEventListener('abort', stop, { once: true });
  const hide = () => { if (document.hidden) stop(); };
  document.addEventListener('visibilitychange', hide);
  let timer = setTimeout(stop, SILENT);
  try {
    const answer = await call('/api/v1/events', { headers: { Accept: 'text/event-stream' }, signal: quiet.signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(stop, SILENT);
      heard();
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) take(block);
      state.connect({ how: 'live', last: Date.now(), why: '' });
    }
  } catch (err) {
    if (quiet.signal.aborted && document.hidden) return;
    if (err.status === undefined && !signal.aborted) throw Object.assign(new Error('the connection broke'), { detail: 'The connection to the gateway broke.' });
    throw err;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    document.removeEventListener('visibilitychange', hide);
  }
}

// take reads one block of the stream: the lines of one event, or a comment.
export function take(block) {
  let name = 'message';
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith('event:')) name = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
  }
  if (!data.length) return;
  let value;
  try { value = JSON.parse(data.join('\n')); } catch { return; }
  if (name === 'forwarding') state.set('forwarding', value);
  else if (name === 'activity') state.add(value);
  else if (name === 'config') state.set('config', value);
}
