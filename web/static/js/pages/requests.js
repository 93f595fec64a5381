// Requests: found by any site's id, listed, and one of them in whole.

import { h, icon, put } from '../dom.js';
import { get } from '../api.js';
import { count } from '../format.js';
import { go, to } from '../router.js';
import { state } from '../state.js';
import { badge, card, empty, failure, heading, ref, waiting, when } from '../ui/parts.js';
import { table } from '../ui/table.js';
import { request } from './request.js';

const PAGE = 100;

const ROLES = { owner: ['owned here', 'accent', 'key'], copy: ['copy', 'plain', 'requests'], creating: ['being created', 'warn', 'wait'], granting: ['being handed over', 'warn', 'right'], elect: ['being taken over', 'warn', 'right'], away: ['away', 'plain', 'right'], tombstone: ['deleted', 'plain', 'close'] };

// role shows what a site is to a request.
export function role(name) {
  const [label, tone, mark] = ROLES[name] ?? [name || 'unknown', 'plain', 'unknown'];
  return badge('unknown', { label, tone, mark });
}

export function requests(main, page) {
  return page.rest.length ? request(main, page) : search(main, page);
}

function search(main, page) {
  let { query } = page;
  let shown = PAGE;
  const input = h('input', { type: 'search', name: 'q', id: 'find', value: query.get('q') ?? '', placeholder: '01J…, tokyo:17 or 17', autocomplete: 'off', spellcheck: 'false', class: 'mono', 'aria-describedby': 'find-hint' });
  const form = h('form', { class: 'find', role: 'search', on: { submit: (e) => { e.preventDefault(); shown = PAGE; go(to('requests', { q: input.value.trim() })); } } },
    h('label', { for: 'find', class: 'sr' }, 'Search a request'), h('div', { class: 'find-box' }, icon('search'), input), h('button', { class: 'button primary', type: 'submit' }, 'Search'),
    h('p', { class: 'hint', id: 'find-hint' }, 'A global id or its beginning, SITE:ID, or the bare id that a record has at any site.'));
  const place = h('div', { 'aria-live': 'polite' });
  put(main, heading('Requests', { lead: 'Every request that this site knows of.' }), form, place);
  if (query.has('find')) input.focus();

  async function load() {
    const q = query.get('q') ?? '';
    put(place, card(q ? 'Found' : 'Requests', { cls: 'headless' }, waiting(5)));
    try {
      if (q) drawFound(place, q, await find(q, page.signal));
      else await all();
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      put(place, failure(err, load));
    }
  }

  async function all() {
    const rows = [];
    let after = '';
    do {
      const got = await get('/requests', { limit: Math.min(1000, shown - rows.length), after }, page.signal);
      rows.push(...got.requests);
      after = got.after;
    } while (after && rows.length < shown);
    const t = table({
      caption: 'Requests in order of their ids', key: (r) => r.request, cls: 'rows-link',
      empty: () => empty('No request yet', 'The first write through the gateway makes one; meridian seed brings in what was there before.', 'requests'),
      columns: [
        { label: 'Request', rowhead: true, cell: (r) => ref(r.request) },
        { label: 'Collection', cell: (r) => r.collection },
        { label: 'Here', cell: (r) => r.local ? h('code', {}, r.local) : h('span', { class: 'quiet' }, '–') },
        { label: 'Owner', cell: (r) => r.owner },
        { label: 'This site', cell: (r) => role(r.role) },
        { label: 'Version', cell: (r) => h('code', {}, r.version) },
        { label: 'Matters', cell: (r) => matters(r) },
        { label: 'Changed', cell: (r) => when(r.updated) },
      ],
    });
    t.update(rows);
    put(place, card('Requests', { cls: 'flush headless' }, t.el), h('div', { class: 'pager' }, h('p', { class: 'quiet' }, rows.length ? count(rows.length, 'request') + (after ? ' shown, there are more' : '') : ''),
      after && h('button', { class: 'button', type: 'button', on: { click: () => { shown += PAGE; all(); } } }, `Show ${PAGE} more`)));
  }

  load();
  return (at) => {
    query = at.query;
    input.value = query.get('q') ?? '';
    load();
  };
}

function matters(r) {
  const out = [];
  if (r.doubt) out.push(badge('parked', { label: 'in doubt' }));
  if (r.conflicts?.length) out.push(badge('waiting', { label: count(r.conflicts.length, 'conflict'), mark: 'cases' }));
  if (r.plan?.parked) out.push(badge('parked', { label: 'hand-over parked' }));
  else if (r.plan) out.push(badge('in-flight', { label: `to ${r.plan.to}` }));
  const parked = (r.holders ?? []).filter((d) => d.state === 'parked').length;
  if (parked) out.push(badge('parked', { label: `${parked} parked` }));
  return out.length ? h('span', { class: 'badges' }, out) : h('span', { class: 'quiet' }, '–');
}

// find searches what is known here. The id that a record has at another site may be known only there: named with the site it is asked for.
async function find(q, signal) {
  try {
    const { results } = await get('/search', { q }, signal);
    if (results.length || !q.includes(':')) return results;
  } catch (err) {
    if (!err.missing) throw err;
  }
  try {
    return [await get(`/requests/${encodeURIComponent(q)}`, {}, signal)];
  } catch (err) {
    if (err.missing || err.status === 400) return [];
    throw err;
  }
}

// nothing says what else can be tried.
function nothing(q) {
  const others = q.includes(':') || q.length > 20 ? [] : state.sites.filter((x) => !x.self).map((x) => `${x.site}:${q}`);
  return [empty(`Nothing here is called ${q}`, 'This site knows the requests that it holds or has held. Those of others are on their own dashboards.', 'search'),
    others.length > 0 && h('p', { class: 'center' }, 'Ask another site: ', others.map((x, i) => [i > 0 && ', ', h('a', { href: to('requests', { q: x }), class: 'mono' }, x)]))];
}

function drawFound(place, q, results) {
  if (results.length === 1) {
    go(to(['requests', results[0].request], { q }), { replace: true });
    return;
  }
  const t = table({
    caption: `Requests that match ${q}`, key: (r) => `${r.request} ${r.site} ${r.local}`, cls: 'rows-link',
    empty: () => nothing(q),
    columns: [
      { label: 'Request', rowhead: true, cell: (r) => ref(r.request) },
      { label: 'Id', cell: (r) => (r.local && r.site ? h('code', {}, `${r.site}:${r.local}`) : h('span', { class: 'quiet' }, '–')) },
      { label: 'Collection', cell: (r) => r.collection },
      { label: 'Owner', cell: (r) => r.owner },
      { label: 'This site', cell: (r) => role(r.role) },
      { label: 'Version', cell: (r) => h('code', {}, r.version) },
      { label: 'Changed', cell: (r) => when(r.updated) },
    ],
  });
  t.update(results);
  put(place, card('Found', { cls: 'flush', note: count(results.length, 'request') }, t.el));
}
