// The links of this site as a table that changes in place.

import { h } from '../dom.js';
import { ago, duration, number } from '../format.js';
import { to } from '../router.js';
import { state } from '../state.js';
import { badge, empty, waiting } from '../ui/parts.js';
import { table } from '../ui/table.js';

const amount = (name, states) => (d) => (d[name] ? h('a', { href: to('deliveries', { site: d.site, state: states }), data: { focus: name } }, number(d[name])) : h('span', { class: 'quiet' }, '0'));

export function links(signal) {
  const t = table({
    caption: 'Links from this site to the others', key: (d) => d.site, cls: 'links-table',
    empty: () => empty('No other site', 'This network has this one site.', 'info'),
    columns: [
      { label: 'To', rowhead: true, cell: (d) => h('a', { href: to('deliveries', { site: d.site }), class: 'strong-link', data: { focus: 'to' } }, d.site) },
      { label: 'Link', cls: 'link-cell', cell: link },
      { label: 'Lag p50', head: h('abbr', { title: 'Half of the deliveries are confirmed faster' }, 'Lag p50'), cls: 'num', cell: (d) => lag(d.lag_seconds?.p50) },
      { label: 'Lag p99', head: h('abbr', { title: '99 of 100 deliveries are confirmed faster' }, 'p99'), cls: 'num', cell: (d) => lag(d.lag_seconds?.p99) },
      { label: 'Pending', cls: 'num', cell: (d) => (d.pending + d.in_flight ? h('a', { href: to('deliveries', { site: d.site, state: d.pending ? 'pending' : 'in-flight' }), data: { focus: 'pending' } }, number(d.pending + d.in_flight)) : h('span', { class: 'quiet' }, '0')) },
      { label: 'Waiting', cls: 'num', cell: amount('waiting', 'waiting') },
      { label: 'Parked', cls: 'num', cell: (d) => (d.parked ? h('strong', { class: 'bad-text' }, amount('parked', 'parked')(d)) : amount('parked', 'parked')(d)) },
      { label: 'Drains in', cls: 'num', cell: (d) => (d.pending + d.waiting + d.in_flight === 0 ? h('span', { class: 'quiet' }, '–') : d.drain_seconds === null || d.drain_seconds === undefined ? h('span', { class: 'quiet', title: 'nothing moves at the moment' }, 'not known') : duration(d.drain_seconds)) },
    ],
  });
  const wait = waiting(3);
  const el = h('div', {}, wait, t.el);
  const draw = () => {
    if (!state.forwarding) return;
    wait.remove();
    const minute = Math.floor(Date.now() / 10000);
    t.update((state.forwarding.destinations ?? []).map((d) => ({ ...d, minute })));
  };
  state.on('forwarding', signal, draw);
  const clock = setInterval(draw, 10000);
  signal.addEventListener('abort', () => clearInterval(clock));
  draw();
  return el;
}

const lag = (seconds) => (seconds ? h('span', { class: 'nowrap' }, duration(seconds)) : h('span', { class: 'quiet' }, '–'));

const BREAKER = { closed: 'The breaker is closed: calls go through', 'half-open': 'The breaker is half open: one call is tried', open: 'The breaker is open: no calls are made until a probe is answered' };

// link says how the link is, and why when it is not well.
function link(d) {
  const unwell = d.state !== 'ok' || d.breaker !== 'closed' || d.parked > 0;
  return [h('span', { title: BREAKER[d.breaker] }, badge(d.state)), d.breaker !== 'closed' && h('span', { class: 'quiet small' }, ` breaker ${d.breaker === 'half-open' ? 'half open' : d.breaker}`),
    unwell && h('span', { class: 'quiet sub' }, d.last_success ? `last success ${ago(d.last_success)}` : 'no success yet'),
    unwell && d.last_error && h('span', { class: 'second sub break clamp', title: d.last_error }, d.last_error)];
}
