// Keys for those who live in this page. They can be switched off, since single keys get in the way of some ways to speak to a computer.

import { h } from './dom.js';
import { modal } from './ui/dialog.js';

const GO = { n: ['', 'Network'], d: ['deliveries', 'Deliveries'], r: ['requests', 'Requests'], s: ['schedule', 'Schedule'], c: ['configuration', 'Configuration'], o: ['cases', 'Conflicts and doubts'], w: ['?wall', 'Wall view'] };
const OFF = 'meridian-no-keys';

function off() {
  try { return localStorage.getItem(OFF) === '1'; } catch { return false; }
}

// keys begins to listen.
export function keys() {
  let g = 0;
  document.addEventListener('keydown', (e) => {
    const typing = e.target.closest?.('input, textarea, select, [contenteditable]');
    if (e.key === 'Escape' && document.documentElement.classList.contains('wall')) location.hash = '#/';
    if (typing || e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]') || off()) return;
    if (g && Date.now() - g < 1500 && GO[e.key]) {
      location.hash = `#/${GO[e.key][0]}`;
      e.preventDefault();
    } else if (e.key === '/') {
      e.preventDefault();
      search();
    } else if (e.key === '?') {
      e.preventDefault();
      showKeys();
    }
    g = e.key === 'g' ? Date.now() : 0;
  });
}

function search() {
  const there = document.querySelector('input[type=search]');
  if (there) there.focus();
  else location.hash = '#/requests?find';
}

// showKeys opens the list of keys.
export function showKeys() {
  const rows = [...Object.entries(GO).map(([k, [, name]]) => [['g', k], name]), [['/'], 'Search a request'], [['?'], 'This list'], [['Esc'], 'Close a dialog; leave the wall view']];
  const box = h('input', { type: 'checkbox', id: 'keys-on', checked: !off() });
  box.addEventListener('change', () => {
    try {
      if (box.checked) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, '1');
    } catch { /* they stay as they are */ }
  });
  modal('Keys', h('div', { class: 'dialog-body' },
    h('dl', { class: 'keys' }, rows.map(([ks, what]) => h('div', {}, h('dt', {}, ks.map((k, i) => [i > 0 && ' then ', h('kbd', {}, k)])), h('dd', {}, what)))),
    h('div', { class: 'field check' }, box, h('label', { for: 'keys-on' }, 'Single keys work')),
    h('p', { class: 'quiet' }, 'Everything is reached with Tab, Enter and Space as well.')));
}
