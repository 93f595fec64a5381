// A band for each site: its day from midnight to midnight with the hours when it is open, and where in it the site is now.

import { h, keep } from '../dom.js';
import { ago, time, weekday } from '../format.js';
import { known, local, midnight, now, offset } from '../clock.js';
import { state } from '../state.js';
import { waiting } from '../ui/parts.js';

const DAY = 86400000;

export function bands(signal) {
  const el = h('ul', { class: 'bands' });
  el.append(waiting(3));
  const draw = () => {
    if (!state.network) return;
    const minute = Math.floor(now() / 60000);
    keep(el, state.sites.map((site) => ({ ...site, minute })), { key: (x) => x.site, make: band });
  };
  state.on('network', signal, draw);
  const clock = setInterval(draw, 5000);
  signal.addEventListener('abort', () => clearInterval(clock));
  draw();
  return el;
}

function band(site) {
  const at = now();
  const name = h('span', { class: 'band-name' }, site.site, site.self && h('span', { class: 'tag' }, 'here'));
  if (!known(site)) return h('li', { class: 'band' }, h('div', { class: 'band-head' }, name, h('span', { class: 'quiet' }, 'no time zone given')));
  const begin = midnight(site, at);
  const share = (t) => Math.max(0, Math.min(100, ((t - begin) / DAY) * 100));
  const spans = (site.spans ?? []).map((x) => [Date.parse(x.from), Date.parse(x.to)]).filter(([from, to]) => to > begin && from < begin + DAY);
  const bars = spans.map(([from, to]) => h('span', { class: 'band-open', vars: { from: `${share(from)}%`, width: `${share(to) - share(from)}%` } }));
  const track = h('div', { class: `band-track${site.hours ? '' : ' no-hours'}`, 'aria-hidden': 'true' }, bars, h('span', { class: 'band-now', vars: { from: `${share(at)}%` } }));
  return h('li', { class: 'band' },
    h('div', { class: 'band-head' }, name, h('span', { class: 'band-time' }, local(site, at), h('span', { class: 'quiet' }, ` ${weekday(at + offset(site) * 60000, 'UTC')} ${site.abbreviation ?? ''}`))),
    track,
    h('p', { class: 'band-says' }, mark(site), words(site, at)));
}

function mark(site) {
  if (site.open === true) return h('span', { class: 'key key-open', 'aria-hidden': 'true' });
  if (site.open === false) return h('span', { class: 'key key-closed', 'aria-hidden': 'true' });
  return h('span', { class: 'key key-unknown', 'aria-hidden': 'true' });
}

function words(site, at) {
  if (site.open === null || site.open === undefined) return 'no hours given';
  const until = site.until ? Date.parse(site.until) : 0;
  if (!until) return site.open ? 'open' : 'closed';
  const shift = offset(site, until) * 60000;
  const sameDay = until < midnight(site, at) + DAY;
  const moment = `${sameDay ? '' : `${weekday(until + shift, 'UTC')} `}${time(until + shift, 'UTC')}`;
  return `${site.open ? 'open until' : 'closed, opens'} ${moment} (${ago(until, at)})`;
}

