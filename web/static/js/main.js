// Begins the dashboard: the frame around the pages, the page that the address names, the token when one is wanted.

import { h, put, say } from './dom.js';
import { session } from './api.js';
import { here } from './router.js';
import { state } from './state.js';
import { follow } from './live.js';
import { frame } from './frame.js';
import { keys } from './keys.js';
import { limitAll } from './ui/parts.js';
import { signIn } from './pages/signin.js';
import { network } from './pages/network.js';
import { deliveries } from './pages/deliveries.js';
import { requests } from './pages/requests.js';
import { schedule } from './pages/schedule.js';
import { configuration } from './pages/configuration.js';
import { cases } from './pages/cases.js';

const PAGES = {
  '': { title: 'Network', show: network },
  deliveries: { title: 'Deliveries', show: deliveries },
  requests: { title: 'Requests', show: requests },
  schedule: { title: 'Schedule', show: schedule },
  configuration: { title: 'Configuration', show: configuration },
  cases: { title: 'Conflicts and doubts', show: cases },
};

let page = new AbortController(); // of the page that is shown
let following = null;
let shown = '';

function lost() {
  return { title: 'Not found', show: (main) => put(main, h('h1', { tabindex: '-1' }, 'There is no such page'), h('p', {}, h('a', { href: '#/' }, 'To the network'))) };
}

// show draws the page that the address names. A page may take a change of its own parameters by itself: it gives a function for that.
function show() {
  const at = here();
  const main = document.getElementById('main');
  const which = `${at.name}/${at.rest.join('/')}`;
  document.documentElement.classList.toggle('wall', at.name === '' && at.query.has('wall'));
  if (which === shown && main.change) {
    main.change(at);
    frame.mark(at.name);
    return;
  }
  const first = shown === '';
  shown = which;
  page.abort();
  page = new AbortController();
  main.change = null;
  put(main);
  const p = PAGES[at.name] ?? lost();
  title(p.title);
  frame.mark(at.name);
  main.change = p.show(main, { ...at, signal: page.signal, title, again: () => { shown = ''; show(); } }) ?? null;
  window.scrollTo(0, 0);
  const active = document.activeElement;
  if (!first && (active === main || !main.contains(active))) {
    const to = main.querySelector('h1') ?? main;
    to.focus({ preventScroll: true });
  }
}

// title names the page in the window, with what is parked or in doubt in front, so that a tab in the background tells it.
function title(text) {
  document.title = `${text} · ${state.site || 'Meridian'}${state.site ? ' · Meridian' : ''}`;
  title.last = text;
}

function begin() {
  put(document.getElementById('frame'), frame.make());
  following?.abort();
  following = new AbortController();
  shown = '';
  show();
  follow(following.signal);
}

function wantToken(refused) {
  following?.abort();
  page.abort();
  shown = '';
  document.title = 'Sign in · Meridian';
  signIn(document.getElementById('frame'), refused, begin);
}

session.addEventListener('unauthorized', () => {
  if (document.getElementById('token')) return;
  const refused = session.token !== '';
  session.token = '';
  wantToken(refused);
});
session.addEventListener('views', () => {
  limitAll();
  say('Your token may look and change nothing.');
});
state.addEventListener('network', () => { if (title.last) title(title.last); });
window.addEventListener('hashchange', show);
document.getElementById('skip').addEventListener('click', (e) => {
  e.preventDefault();
  document.getElementById('main')?.focus();
});
keys();
begin();
