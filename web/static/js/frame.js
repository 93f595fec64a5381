// What stands around every page: the name, the ways to the pages, how news come, the look.

import { h, icon, put, say } from './dom.js';
import { session } from './api.js';
import { state } from './state.js';
import { ago, timeSeconds } from './format.js';
import { showKeys } from './keys.js';

const NAV = [
  ['', 'Network', 'network'],
  ['deliveries', 'Deliveries', 'deliveries'],
  ['requests', 'Requests', 'requests'],
  ['schedule', 'Schedule', 'schedule'],
  ['configuration', 'Configuration', 'configuration'],
  ['cases', 'Conflicts and doubts', 'cases'],
];

const parts = {};
let listening = false;

function make() {
  const links = NAV.map(([name, text, mark]) => h('li', {},
    h('a', { href: `#/${name}`, class: 'nav-link', data: { page: name } }, icon(mark), h('span', { class: 'nav-text' }, text), h('span', { class: 'nav-count', hidden: true }))));
  parts.links = links.map((li) => li.firstChild);
  parts.site = h('p', { class: 'brand-site' });
  parts.live = h('button', { class: 'live', type: 'button', on: { click: () => state.dispatchEvent(new Event('hurry')) } });
  parts.menu = h('button', { class: 'plain-button menu-button', type: 'button', 'aria-expanded': 'false', 'aria-controls': 'nav', 'aria-label': 'Pages', on: { click: () => open(parts.menu.getAttribute('aria-expanded') !== 'true') } }, icon('menu'));
  parts.theme = h('button', { class: 'plain-button', type: 'button', on: { click: nextTheme } });
  parts.out = h('button', { class: 'plain-button', type: 'button', hidden: !session.token, title: 'Forget the token of this tab', 'aria-label': 'Sign out', on: { click: signOut } }, icon('key'));
  parts.side = h('header', { class: 'side' },
    h('div', { class: 'brand' }, h('a', { href: '#/', class: 'brand-link' }, mark(), h('span', {}, h('span', { class: 'brand-name' }, 'Meridian'), parts.site)), parts.menu),
    h('nav', { id: 'nav', class: 'nav', 'aria-label': 'Pages' }, h('ul', {}, links)),
    h('div', { class: 'side-foot' }, parts.live,
      h('div', { class: 'side-buttons' }, parts.theme,
        h('a', { class: 'plain-button', href: '#/?wall', title: 'For a screen on the wall', 'aria-label': 'Wall view' }, icon('wall')),
        h('button', { class: 'plain-button', type: 'button', title: 'Keys', 'aria-label': 'Keyboard keys', on: { click: showKeys } }, icon('keys')),
        parts.out)));
  parts.stale = h('div', { class: 'stale-bar', role: 'status', hidden: true });
  drawTheme();
  connection();
  news();
  if (!listening) {
    listening = true;
    state.on('connection', undefined, connection);
    state.on('network', undefined, news);
    state.on('forwarding', undefined, news);
    setInterval(connection, 1000);
  }
  return [parts.side, h('div', { class: 'content' }, parts.stale, h('main', { id: 'main', tabindex: '-1' }))];
}

function mark() {
  return h('img', { src: '/icon.svg', alt: '', width: 30, height: 30, class: 'brand-mark' });
}

// mark says which page is shown.
function markPage(name) {
  for (const a of parts.links ?? []) {
    if (a.dataset.page === name) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  open(false);
}

function open(yes) {
  parts.menu?.setAttribute('aria-expanded', String(yes));
  parts.side?.classList.toggle('open', yes);
}

function news() {
  if (!parts.site) return;
  put(parts.site, state.site ? `${state.site}` : '');
  parts.out.hidden = !session.token;
  const f = state.forwarding;
  if (!f) return;
  const sum = (name) => (f.destinations ?? []).reduce((n, d) => n + d[name], 0);
  count('deliveries', sum('parked'), 'parked');
  count('cases', f.in_doubt + f.conflicts + f.transfers.parked, 'open');
}

function count(page, n, what) {
  const el = parts.links.find((a) => a.dataset.page === page).querySelector('.nav-count');
  el.hidden = n === 0;
  put(el, String(n), h('span', { class: 'sr' }, ` ${what}`));
}

const WORDS = { connecting: 'Connecting', live: 'Live', polling: 'Every 5 s', reconnecting: 'Reconnecting' };
let told = 'connecting';

function connection() {
  if (!parts.live) return;
  const c = state.connection;
  const stale = c.how === 'reconnecting';
  document.documentElement.classList.toggle('stale', stale && c.last > 0);
  parts.live.dataset.how = c.how;
  parts.live.title = stale ? `${c.why} Press to try again now.` : 'How news come from the gateway';
  const last = c.last ? `last update ${timeSeconds(c.last)}` : '';
  const text = `${WORDS[c.how]}|${last}`;
  if (parts.live.text !== text) {
    parts.live.text = text;
    put(parts.live, h('span', { class: 'live-dot', 'aria-hidden': 'true' }), h('span', {}, h('span', { class: 'live-how' }, WORDS[c.how]), h('span', { class: 'live-last' }, last)));
  }
  parts.stale.hidden = !stale;
  if (stale) {
    const said = c.last ? `The gateway does not answer since ${timeSeconds(c.since)} (${ago(c.since)}). What is shown is from ${timeSeconds(c.last)}.` : 'The gateway does not answer.';
    if (parts.stale.said !== said) {
      parts.stale.said = said;
      if (!parts.stale.childElementCount) put(parts.stale, icon('warn'), h('span', { 'aria-live': 'off' }), h('button', { class: 'button small', type: 'button', on: { click: () => state.dispatchEvent(new Event('hurry')) } }, 'Try now'));
      parts.stale.children[1].textContent = said;
    }
  }
  const now = stale ? 'reconnecting' : c.how;
  if (now !== told) {
    if (now === 'reconnecting') say('The gateway does not answer; what is shown is old.');
    else if (told === 'reconnecting') say('The gateway answers again.');
    told = now;
  }
}

const THEMES = { auto: ['auto', 'Look: as the system'], light: ['sun', 'Look: light'], dark: ['moon', 'Look: dark'] };

function theme() { return document.documentElement.dataset.theme ?? 'auto'; }

function nextTheme() {
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(theme()) + 1) % names.length];
  if (next === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    if (next === 'auto') localStorage.removeItem('meridian-theme');
    else localStorage.setItem('meridian-theme', next);
  } catch { /* until the page is closed */ }
  drawTheme();
  say(THEMES[next][1]);
  window.dispatchEvent(new Event('look'));
}

function drawTheme() {
  const [mark, label] = THEMES[theme()];
  parts.theme.setAttribute('aria-label', `${label}. Change`);
  parts.theme.title = label;
  put(parts.theme, icon(mark));
}

function signOut() {
  session.token = '';
  location.reload();
}

export const frame = { make, mark: markPage };
