// Configuration: the network file that is in force, how it changed, whether all sites have the same, and how its routes are used.

import { h, icon, put } from '../dom.js';
import { get } from '../api.js';
import { ago, count, number, stamp } from '../format.js';
import { soon, state } from '../state.js';
import { badge, card, empty, facts, failure, heading, notice, waiting, when } from '../ui/parts.js';
import { table } from '../ui/table.js';

export function configuration(main, page) {
  const top = h('div', { class: 'stack' }, h('div', { class: 'card' }, waiting(3)));
  const routes = h('div', {}, card('Routes', {}, waiting(4)));
  const file = h('div', {});
  put(main, heading('Configuration', { lead: 'The network file that is in force here.' }), top, routes, file);

  async function load() {
    try {
      const c = await get('/config', {}, page.signal);
      once(top, c, () => [troubles(c), h('div', { class: 'two' }, inForce(c), drift(c)), change(c)]);
      once(file, c.text, () => text(c));
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      if (err.missing) fallback();
      else put(top, failure(err, load));
    }
  }

  async function loadRoutes() {
    try {
      const r = await get('/routes', {}, page.signal);
      once(routes, r, () => routeCard(r));
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      put(routes, card('Routes', {}, err.missing ? empty('This gateway does not tell how its routes are used', '', 'info') : failure(err, loadRoutes)));
    }
  }

  function fallback() {
    const f = state.forwarding;
    put(top, h('div', { class: 'two' }, card('In force', {}, facts([['Hash', h('code', { class: 'break' }, f?.config_hash ?? '–')]]), h('p', { class: 'quiet' }, 'This gateway does not tell more of its network file. On its machine: meridian check FILE.'))));
  }

  load();
  loadRoutes();
  state.on('network', page.signal, load);
  state.on('config', page.signal, soon(() => { load(); loadRoutes(); }, 300));
  state.on('forwarding', page.signal, soon(() => { load(); loadRoutes(); }, 4000));
  return () => {};
}

// once draws again only what changed, so that nobody's place in a text is lost.
function once(el, value, draw) {
  const said = JSON.stringify(value);
  if (el.said === said) return;
  el.said = said;
  put(el, draw());
}

function troubles(c) {
  return [
    c.refused && notice('bad', `A new network file was refused, ${ago(c.refused.at)}`, h('p', {}, 'The gateway goes on with the file before. Correct these, and it is taken as soon as it is saved:'), h('ul', { class: 'faults mono' }, (c.refused.faults ?? []).map((x) => h('li', {}, x)))),
    c.pending && notice('warn', 'A new network file waits', h('p', {}, 'These of its changes need a restart of the gateway:'), h('ul', { class: 'faults' }, (c.pending.needs_restart ?? []).map((x) => h('li', {}, x)))),
    c.warnings?.length > 0 && notice('warn', `${count(c.warnings.length, 'warning')} of the file in force`, h('ul', { class: 'faults' }, c.warnings.map((x) => h('li', {}, x)))),
  ];
}

const hash = (x) => h('code', { title: x, class: 'nowrap' }, (x ?? '').slice(0, 12) || '–');

function inForce(c) {
  return card('In force', {}, facts([['Hash', h('code', { class: 'break' }, c.hash)], ['Taken', c.taken && [stamp(c.taken), ` (${ago(c.taken)})`]], ['File', c.path && h('code', { class: 'break' }, c.path)]], 'one'));
}

function drift(c) {
  const t = table({
    caption: 'The file at each site', key: (x) => x.site, empty: () => empty('No other site', '', 'info'),
    columns: [
      { label: 'Site', rowhead: true, cell: (x) => [x.site, x.site === state.site && h('span', { class: 'tag' }, 'here')] },
      { label: 'Same file', cell: (x) => (x.same === true ? badge('ok', { label: 'the same' }) : x.same === false ? badge('degraded', { label: 'another one' }) : badge('unknown', { label: 'not known yet' })) },
      { label: 'Hash', cell: (x) => (x.hash ? hash(x.hash) : h('span', { class: 'quiet' }, '–')) }, { label: 'Heard', cell: (x) => when(x.heard) },
    ],
  });
  t.update(c.sites ?? []);
  const other = (c.sites ?? []).filter((x) => x.same === false);
  return card('Over the sites', { cls: 'flush', note: other.length ? `${count(other.length, 'site')} with another file` : 'drift' }, t.el);
}

function change(c) {
  const list = c.pending?.diff?.length ? c.pending : c.last_change;
  if (!list) return null;
  const t = table({
    caption: 'What changed', key: (x) => x.what, empty: () => empty('Nothing but the writing of it', '', 'info'),
    columns: [{ label: 'What', rowhead: true, cell: (x) => h('code', { class: 'break' }, x.what) }, { label: 'Was', cls: 'wide', cell: (x) => value(x.was, 'del') }, { label: 'Is', cls: 'wide', cell: (x) => value(x.is, 'ins') }],
  });
  t.update(list.diff ?? []);
  const note = list === c.pending ? 'waits for a restart' : h('span', {}, `${stamp(list.at)}, `, hash(list.from), ' → ', hash(list.to));
  return card(list === c.pending ? 'Changes that wait' : 'Last change', { cls: 'flush', note }, t.el);
}

function value(v, tag) {
  if (v === undefined || v === null) return h('span', { class: 'quiet' }, 'nothing');
  const sign = h('span', { class: 'sign', 'aria-hidden': 'true' }, tag === 'del' ? '−' : '+');
  return h(tag, { class: 'mono break' }, sign, typeof v === 'string' ? v : JSON.stringify(v));
}

function routeCard(r) {
  const t = table({
    caption: 'Routes with how often they were taken', key: (x) => x.name, empty: () => empty('This network has no routes', 'Requests stay where they are made.', 'info'),
    columns: [
      { label: 'Route', rowhead: true, cls: 'medium', cell: (x) => [x.name, x.collection && h('span', { class: 'quiet sub' }, x.collection)] },
      { label: 'Fires', cls: 'medium', cell: (x) => [(x.on ?? []).join(', '), x.schedule && h('span', {}, x.schedule), h('span', { class: 'quiet sub' }, x.at?.length ? `at ${x.at.join(', ')}` : 'at every site')] },
      { label: 'When', cls: 'medium', cell: (x) => (x.when ? h('code', { class: 'break' }, x.when) : h('span', { class: 'quiet' }, 'always')) },
      { label: 'Does', cls: 'medium', cell: (x) => x.does },
      { label: 'Indexed', cls: 'medium', cell: (x) => (x.indexed ? h('span', { title: `by ${(x.index ?? []).join(', ')}` }, badge('ok', { label: x.index?.length ? `by ${x.index.join(', ')}` : 'yes' })) : h('span', {}, x.schedule ? h('span', { class: 'quiet' }, 'by schedule') : !x.when ? h('span', { class: 'quiet' }, 'needs none') : badge('degraded', { label: 'no index' }), !x.schedule && h('span', { class: 'sub quiet' }, x.why_not ?? ''))) },
      { label: 'Hits', cls: 'num', cell: (x) => number(x.hits) },
      { label: 'Errors', cls: 'num', cell: (x) => (x.errors ? h('span', { class: 'bad-text', title: x.last_error ?? '' }, number(x.errors), x.last_error && h('span', { class: 'sub break' }, x.last_error)) : h('span', { class: 'quiet' }, '0')) },
      { label: 'Last hit', cell: (x) => when(x.last_hit) },
    ],
  });
  const rows = r.routes ?? [];
  t.update(rows);
  const slow = rows.filter((x) => !x.indexed && !x.schedule && x.when).length;
  return card('Routes', { cls: 'flush', note: `${r.since ? `hits since ${stamp(r.since)}` : ''}${slow ? `; ${slow} without an index, looked at for every write` : ''}` }, t.el);
}

function text(c) {
  if (!c.text) return null;
  const lines = c.text.replace(/\n$/, '').split('\n');
  const say = h('span', { class: 'sr', role: 'status' });
  const copy = h('button', { class: 'button small', type: 'button', on: { click: async () => {
    try {
      await navigator.clipboard.writeText(c.text);
      put(say, 'Copied');
      put(copy, icon('ok'), 'Copied');
    } catch {
      put(copy, 'Not allowed here');
    }
  } } }, 'Copy');
  return card('Effective file', { cls: 'flush', note: 'with defaults, secrets masked', actions: [say, copy] },
    h('pre', { class: 'source', tabindex: '0', role: 'region', 'aria-label': 'The effective network file' }, h('ol', {}, lines.map((l) => h('li', {}, h('code', {}, l || ' '))))));
}
