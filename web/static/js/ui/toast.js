// Messages that come and go. What went wrong stays until it is closed.

import { h, icon } from '../dom.js';

const STAY = 6000;

// toast shows a message: tone is ok, warn, bad or info.
export function toast(tone, title, detail) {
  const marks = { ok: 'ok', warn: 'warn', bad: 'bad', info: 'info' };
  const close = h('button', { class: 'plain-button', type: 'button', 'aria-label': 'Close this message', on: { click: () => el.remove() } }, icon('close'));
  const el = h('div', { class: `toast ${tone}`, role: tone === 'bad' || tone === 'warn' ? 'alert' : 'status' }, icon(marks[tone]),
    h('div', { class: 'break' }, h('p', { class: 'notice-title' }, title), detail && h('p', {}, detail)), close);
  const place = document.getElementById('toasts');
  place.append(el);
  while (place.childElementCount > 4) place.firstElementChild.remove();
  if (tone === 'ok' || tone === 'info') setTimeout(() => el.remove(), STAY);
}
