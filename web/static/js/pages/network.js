// The network: what needs a person, the map, the hours of the sites, the links, and what is happening.

import { h, icon, put } from '../dom.js';
import { card, heading, waiting } from '../ui/parts.js';
import { attention } from '../attention.js';
import { number } from '../format.js';
import { known } from '../clock.js';
import { state } from '../state.js';
import { worldMap } from '../map/map.js';
import { bands } from './network-bands.js';
import { links } from './network-links.js';
import { feed } from './network-feed.js';
import { wall } from './network-wall.js';

export function network(main, page) {
  const draw = (query) => (query.has('wall') ? wall(main, page.signal) : whole(main, page.signal));
  draw(page.query);
  let was = page.query.has('wall');
  return ({ query }) => {
    if (query.has('wall') !== was) page.again();
    was = query.has('wall');
  };
}

function whole(main, signal) {
  const title = h('span', {}, state.network?.network ?? 'Network');
  const lead = h('span', {}, 'Reading the network …');
  const needs = h('section', { class: 'needs', 'aria-label': 'What needs a person' }, waiting(1));
  const legend = h('ul', { class: 'legend', 'aria-label': 'What the marks mean' },
    [['open', 'open'], ['closed', 'closed'], ['unknown', 'no hours given'], ['ok', 'link works'], ['degraded', 'link is behind'], ['down', 'link is down']].map(([cls, text]) => h('li', {}, h('span', { class: `key key-${cls}`, 'aria-hidden': 'true' }), text)));
  put(main,
    heading(title, { lead }),
    needs,
    h('div', { class: 'network-grid' },
      h('div', { class: 'network-main' },
        h('figure', { class: 'map-card' }, worldMap(signal), h('figcaption', {}, legend)),
        card('Links', { note: 'from this site to the others' }, links(signal))),
      h('div', { class: 'network-side' },
        card('Sites today', { note: 'each in its own time' }, bands(signal)),
        feed(signal))));
  const news = () => {
    if (state.network) put(title, state.network.network);
    put(lead, summary());
    drawNeeds(needs);
  };
  state.on('network', signal, news);
  state.on('forwarding', signal, news);
  state.on('config', signal, news);
  news();
}

function summary() {
  const f = state.forwarding;
  const n = state.network;
  if (!n) return 'Reading the network …';
  const open = n.sites.filter((x) => x.open === true).length;
  const hours = n.sites.some((x) => x.open !== null && x.open !== undefined && known(x));
  const owed = (f?.destinations ?? []).reduce((sum, d) => sum + d.pending + d.in_flight + d.waiting, 0);
  return `${n.sites.length} sites${hours ? `, ${open} open now` : ''}. ${!f ? '' : owed ? `${number(owed)} on the way from ${n.site}.` : `Nothing is owed from ${n.site}.`}`;
}

function drawNeeds(el) {
  const list = attention();
  const said = JSON.stringify([list, Boolean(state.forwarding)]);
  if (el.said === said) return;
  el.said = said;
  if (!state.forwarding) return;
  if (!list.length) {
    put(el, h('div', { class: 'all-well' }, icon('ok'), h('div', {}, h('p', { class: 'notice-title' }, 'All is well'), h('p', { class: 'second' }, 'Every link works and nothing needs a person.'))));
    return;
  }
  put(el, h('ul', { class: 'need-list' }, list.map((x) => h('li', { class: `need ${x.tone}` }, icon(x.tone === 'bad' ? 'bad' : 'warn'),
    h('div', { class: 'need-text' }, h('p', { class: 'need-title' }, x.text), x.why && h('p', { class: 'second break' }, x.why)),
    h('a', { class: 'button', href: x.href, 'aria-label': `${x.link}: ${x.text}`, data: { focus: x.text } }, x.link, icon('chevron'))))));
}

