// Small parts that pages are made of.

import { h, icon, put } from '../dom.js';
import { session } from '../api.js';
import { ago, full, short } from '../format.js';
import { to } from '../router.js';
import { toast } from './toast.js';

// The states that there are, with their mark (which differs in form, not only in colour), their tone, and what to call them.
const STATES = {
  ok: ['ok', 'ok', 'ok'],
  degraded: ['warn', 'warn', 'degraded'],
  down: ['bad', 'bad', 'down'],
  closed: ['ok', 'ok', 'closed'],
  'half-open': ['warn', 'warn', 'half open'],
  open: ['bad', 'bad', 'open'],
  pending: ['wait', 'plain', 'pending'],
  'in-flight': ['right', 'accent', 'in flight'],
  waiting: ['wait', 'warn', 'waiting'],
  parked: ['bad', 'bad', 'parked'],
  delivered: ['ok', 'ok', 'delivered'],
  superseded: ['ok', 'plain', 'superseded'],
  cancelled: ['close', 'plain', 'cancelled'],
  unknown: ['unknown', 'plain', 'unknown'],
};

// badge shows a state with its mark.
export function badge(state, { label, tone, mark } = {}) {
  const [m, t, name] = STATES[state] ?? ['info', 'plain', state];
  return h('span', { class: `badge ${tone ?? t}` }, icon(mark ?? m), h('span', {}, label ?? name));
}

export const toneOf = (state) => STATES[state]?.[1] ?? 'plain';

// when shows a moment as an age, with the whole in its title.
export function when(at, text = ago(at)) {
  if (!at) return h('span', { class: 'quiet' }, '–');
  return h('time', { datetime: at, title: full(at), class: 'nowrap' }, text);
}

// ref links to a request by its global id.
export function ref(id, text = short(id)) {
  return h('a', { href: to(['requests', id]), class: 'mono ref', title: id, 'aria-label': `request ${text}`, data: { focus: `ref-${id}` } }, text);
}

// siteName shows the name of a site as the network file has it.
export const siteName = (name) => h('span', { class: 'site-name' }, name || '–');

// heading begins a page.
export function heading(title, { lead, actions, id } = {}) {
  return h('header', { class: 'page-head' },
    h('div', { class: 'page-title' }, h('h1', { tabindex: '-1', id }, title), lead && h('p', { class: 'lead' }, lead)),
    actions && h('div', { class: 'page-actions' }, actions));
}

// card is a titled part of a page.
export function card(title, { cls = '', note, actions, level = 2 } = {}, ...children) {
  const id = `c-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return h('section', { class: `card ${cls}`, 'aria-labelledby': id },
    h('div', { class: 'card-head' }, h(`h${level}`, { id }, title), note && h('p', { class: 'card-note' }, note), actions && h('div', { class: 'card-actions' }, actions)),
    ...children);
}

// empty says that there is nothing, and what that means.
export function empty(title, text, mark = 'ok') {
  return h('div', { class: 'empty' }, icon(mark), h('p', { class: 'empty-title' }, title), text && h('p', { class: 'quiet' }, text));
}

// waiting holds the place of something that is on its way.
export function waiting(lines = 4, label = 'Loading') {
  return h('div', { class: 'waiting', role: 'status' }, h('span', { class: 'sr' }, label),
    Array.from({ length: lines }, (_, i) => h('div', { class: `bone w${(i % 3) + 1}` })));
}

// failure shows a problem in place of what could not be had.
export function failure(problem, again) {
  return h('div', { class: 'notice bad', role: 'alert' }, icon('bad'),
    h('div', {}, h('p', { class: 'notice-title' }, problem.title ?? problem.message), problem.detail && h('p', { class: 'break' }, problem.detail)),
    again && h('button', { class: 'button', type: 'button', on: { click: again } }, icon('retry'), 'Try again'));
}

// notice is a remark that stays.
export function notice(tone, title, ...text) {
  const marks = { ok: 'ok', warn: 'warn', bad: 'bad', info: 'info' };
  return h('div', { class: `notice ${tone}` }, icon(marks[tone] ?? 'info'), h('div', {}, h('p', { class: 'notice-title' }, title), text.length > 0 && h('div', { class: 'break' }, text)));
}

// facts is a list of names and values; what has no value is left out.
export function facts(pairs, cls = '') {
  return h('dl', { class: `facts ${cls}` }, pairs.filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false)
    .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { class: 'break' }, value))));
}

export const MAY_NOT = 'Your token may look and change nothing. Sign in with the full admin token to act.';

// action is a button that changes something. run is awaited; a Problem that it throws is shown with its title and detail. With a token that
// may only look the button cannot be pressed and says why.
export function action(label, { mark, cls = '', focus, run, title }) {
  const button = h('button', { class: `button ${cls}`, type: 'button', data: { action: '', focus: focus ?? label }, title }, mark && icon(mark), h('span', {}, label));
  mark && button.classList.add('with-icon');
  limit(button);
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') {
      if (session.views) toast('warn', 'This is not for a view token', MAY_NOT);
      return;
    }
    button.setAttribute('aria-disabled', 'true');
    button.classList.add('busy');
    try {
      await run(button);
    } catch (err) {
      if (err.status !== undefined) toast('bad', err.title, err.detail);
      else throw err;
    } finally {
      button.classList.remove('busy');
      button.removeAttribute('aria-disabled');
      limit(button);
    }
  });
  return button;
}

function limit(button) {
  if (!session.views) return;
  button.setAttribute('aria-disabled', 'true');
  button.title = MAY_NOT;
}

// limitAll disables every action that is on the page, for a token that may only look.
export function limitAll() {
  document.querySelectorAll('[data-action]').forEach(limit);
}

// select is a labelled choice. Options are [value, text].
export function select(label, { value = '', options, change, name }) {
  const el = h('select', { name, on: { change: () => change(el.value) } }, options.map(([v, text]) => h('option', { value: v, selected: v === value }, text)));
  return h('label', { class: 'field' }, h('span', {}, label), el);
}

// update puts new content into a place, unless it is the same text.
export function update(el, ...content) {
  const fresh = h('div', {}, ...content);
  if (fresh.textContent === el.textContent && el.childElementCount === fresh.childElementCount) return;
  put(el, ...fresh.childNodes);
}
