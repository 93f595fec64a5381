// The admin API from the browser. The token, where one is needed, is kept for this tab only.

const KEY = 'meridian-token';
const BASE = '/api/v1';

// Problem is an answer that is none of 2xx (RFC 9457), or no answer: then its status is 0.
export class Problem extends Error {
  constructor({ status, title, detail, type, request }) {
    super(title);
    Object.assign(this, { status, title, detail: detail ?? '', type: type ?? '', request });
  }

  // missing reports, of a path that names no request, that this gateway does not have it.
  get missing() { return this.status === 404; }
}

class Session extends EventTarget {
  // views is true when the token may only look, as far as is known.
  views = false;
  #kept = '';

  get token() {
    try { return sessionStorage.getItem(KEY) ?? ''; } catch { return this.#kept; }
  }

  set token(value) {
    this.#kept = value;
    this.views = false;
    try {
      if (value) sessionStorage.setItem(KEY, value);
      else sessionStorage.removeItem(KEY);
    } catch { /* it lives as long as the page then */ }
  }
}

export const session = new Session();

function headers(more) {
  const out = { ...more };
  if (session.token) out.Authorization = `Bearer ${session.token}`;
  return out;
}

// call sends a call and gives the answer as it is. It throws a Problem when there is none, or the answer is a refusal.
export async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: 'no-store', credentials: 'same-origin', redirect: 'error', ...options, headers: headers(options.headers) });
  } catch (err) {
    if (err.name === 'AbortError') throw err;
    throw new Problem({ status: 0, title: 'The gateway cannot be reached', detail: 'No answer came from the admin address. Is the gateway running, and is the network up?' });
  }
  if (answer.ok || options.any?.includes(answer.status)) return answer;
  const problem = await problemOf(answer);
  if (problem.status === 401) session.dispatchEvent(new Event('unauthorized'));
  if (problem.status === 403 && options.method === 'POST' && session.token && !session.views) {
    session.views = true;
    session.dispatchEvent(new Event('views'));
  }
  throw problem;
}

async function problemOf(answer) {
  let body = {};
  if ((answer.headers.get('Content-Type') ?? '').includes('json')) {
    try { body = await answer.json(); } catch { /* the status alone must do */ }
  }
  return new Problem({
    status: answer.status, title: body.title ?? `The gateway answered ${answer.status}`, detail: body.detail, type: body.type, request: body.request,
  });
}

// get reads JSON from a path below /api/v1, with parameters; empty ones are left out.
export async function get(path, params = {}, signal) {
  const query = new URLSearchParams(Object.entries(params).filter(([, v]) => v !== undefined && v !== null && v !== ''));
  const answer = await call(`${BASE}${path}${query.size ? `?${query}` : ''}`, { signal });
  return answer.json();
}

// post sends JSON to a path below /api/v1 and reads the answer, if there is one.
export async function post(path, body) {
  const answer = await call(BASE + path, { method: 'POST', body: JSON.stringify(body ?? {}), headers: { 'Content-Type': 'application/json' } });
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

// health reads /health/forwarding, which answers 503 when something is down and says what all the same.
export async function health(signal) {
  const answer = await call('/health/forwarding', { signal, any: [503] });
  if (answer.status === 503 && !(answer.headers.get('Content-Type') ?? '').startsWith('application/json')) throw await problemOf(answer);
  return answer.json();
}

// part writes a name into a path.
export const part = (name) => encodeURIComponent(name);

// pages walks through a list of the API page by page, up to most items.
export async function pages(path, name, params, signal, most = 1000) {
  const out = [];
  for (let after = ''; ;) {
    const page = await get(path, { limit: Math.min(most, 500), ...params, after }, signal);
    out.push(...(page[name] ?? []));
    after = page.after;
    if (!after || out.length >= most) return out;
  }
}
