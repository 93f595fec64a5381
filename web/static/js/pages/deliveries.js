// Deliveries: what this site owes to others, why it is not there yet, and what can be done about it.

import { h, icon, put } from '../dom.js';
import { get, post } from '../api.js';
import { ago, count, short } from '../format.js';
import { go, to } from '../router.js';
import { soon, state } from '../state.js';
import { action, badge, card, empty, failure, heading, ref, select, waiting, when } from '../ui/parts.js';
import { table } from '../ui/table.js';
import { toast } from '../ui/toast.js';
import { ask } from '../ui/dialog.js';
import { deliveryPanel } from './delivery-panel.js';

const STATES = [['', 'all that is owed'], ['parked', 'parked'], ['waiting', 'waiting'], ['pending', 'pending'], ['in-flight', 'in flight'], ['delivered', 'delivered'], ['superseded', 'superseded'], ['cancelled', 'cancelled']];
const ENDED = ['delivered', 'superseded', 'cancelled'];
const PAGE = 100;
const MEANING = {
  parked: 'Parked deliveries were refused in a way that trying again does not heal. Correct the cause, then retry them.',
  waiting: 'Waiting deliveries are tried again by themselves: the other site, or its request API, did not answer.',
  pending: 'Pending deliveries are next in line.',
};

const keyOf = (d) => `${d.request} ${d.site}`;

export function deliveries(main, page) {
  let query = page.query;
  let rows = [];
  let pageSize = PAGE;
  let more = '';
  const chosen = new Set();
  const filters = h('form', { class: 'filters', role: 'search', 'aria-label': 'Which deliveries', on: { submit: (e) => { e.preventDefault(); change({ request: e.target.request.value.trim() }); } } });
  const says = h('p', { class: 'result-count', 'aria-live': 'polite' });
  const trouble = h('div', {});
  const bar = h('div', { class: 'bulk', hidden: true });
  const wait = waiting(6);
  const foot = h('div', { class: 'pager' });
  const panel = deliveryPanel(() => { showPanel(''); }, { retry, cancel });
  const all = h('input', { type: 'checkbox', 'aria-label': 'Choose all that are shown' });
  all.addEventListener('change', () => {
    for (const d of rows) { if (all.checked && !ENDED.includes(d.state)) chosen.add(keyOf(d)); else chosen.delete(keyOf(d)); }
    drawRows();
  });
  const list = table({
    caption: 'Deliveries', key: keyOf, cls: 'rows-link', sign: (d) => JSON.stringify([d, chosen.has(keyOf(d)), Math.floor(Date.now() / 30000), query.get('open') === keyOf(d)]),
    empty: nothing,
    row: (tr, d) => { tr.classList.toggle('chosen', query.get('open') === keyOf(d)); },
    columns: [
      { label: 'Choose', hide: true, head: all, cls: 'tick', cell: tick },
      { label: 'Request', rowhead: true, cell: (d) => ref(d.request) },
      { label: 'To', cell: (d) => d.site },
      { label: 'State', cell: (d) => badge(d.state) },
      { label: 'Cause', cls: 'wide', cell: (d) => (d.cause ? h('span', { class: 'break clamp', title: d.cause }, d.cause) : h('span', { class: 'quiet' }, '–')) },
      { label: 'Attempts', cls: 'num', cell: (d) => String(d.attempts ?? 0) },
      { label: 'Since', cell: (d) => when(d.since) },
      { label: 'Next try', cell: (d) => (ENDED.includes(d.state) || d.state === 'parked' ? h('span', { class: 'quiet' }, d.state === 'parked' ? 'when told' : '–') : when(d.due, Date.parse(d.due) <= Date.now() ? 'due' : ago(d.due))) },
      { label: 'Route', cell: (d) => d.route || h('span', { class: 'quiet' }, '–') },
      { label: 'Details', hide: true, cls: 'end', cell: (d) => h('button', { class: 'button small', type: 'button', 'aria-haspopup': 'dialog', 'aria-label': `Details of the delivery of ${short(d.request)} to ${d.site}`, data: { focus: 'open' }, on: { click: () => showPanel(keyOf(d)) } }, 'Details') },
    ],
  });
  all.closest('label')?.remove();
  put(main, heading('Deliveries', { lead: `What ${state.site || 'this site'} owes to the others.` }), filters, trouble, bar, card('Deliveries', { cls: 'flush headless' }, wait, list.el), foot);
  drawFilters();

  function tick(d) {
    if (ENDED.includes(d.state)) return '';
    const box = h('input', { type: 'checkbox', 'aria-label': `Choose the delivery of ${short(d.request)} to ${d.site}`, checked: chosen.has(keyOf(d)), data: { focus: 'tick' } });
    box.addEventListener('change', () => {
      if (box.checked) chosen.add(keyOf(d)); else chosen.delete(keyOf(d));
      drawBar();
    });
    return h('label', { class: 'tick-label' }, box);
  }

  function nothing() {
    if (query.get('state') || query.get('site') || query.get('request')) {
      return [empty('No delivery matches', 'Nothing is in this state at the moment.', 'search'), h('p', { class: 'center' }, h('a', { href: '#/deliveries' }, 'Show all that is owed'))];
    }
    return empty('Nothing is owed', 'Every copy that this site has promised is where it belongs.');
  }

  function change(part) {
    const next = Object.fromEntries(query);
    go(to('deliveries', { ...next, ...part, open: '' }));
  }

  function drawFilters() {
    const sites = new Set((state.forwarding?.destinations ?? []).map((d) => d.site));
    if (query.get('site')) sites.add(query.get('site'));
    put(filters,
      select('To', { name: 'site', value: query.get('site') ?? '', options: [['', 'all sites'], ...[...sites].map((x) => [x, x])], change: (site) => change({ site }) }),
      select('State', { name: 'state', value: query.get('state') ?? '', options: STATES, change: (x) => change({ state: x }) }),
      h('label', { class: 'field grow' }, h('span', {}, 'Request'), h('input', { type: 'search', name: 'request', value: query.get('request') ?? '', placeholder: 'global id', autocomplete: 'off', spellcheck: 'false', class: 'mono' })),
      h('button', { class: 'button', type: 'submit' }, icon('search'), 'Find'), says);
  }

  function drawBar() {
    const picked = rows.filter((d) => chosen.has(keyOf(d)));
    const open = rows.filter((d) => !ENDED.includes(d.state));
    all.checked = open.length > 0 && open.every((d) => chosen.has(keyOf(d)));
    all.indeterminate = picked.length > 0 && !all.checked;
    const meaning = MEANING[query.get('state') ?? ''];
    const said = JSON.stringify([picked.length, open.length, more, query.toString()]);
    bar.hidden = open.length === 0;
    if (bar.said === said || bar.hidden) return;
    bar.said = said;
    put(bar, h('p', { class: 'second' }, picked.length ? `${count(picked.length, 'delivery', 'deliveries')} chosen.` : meaning ?? 'Choose deliveries, or retry all that match.'),
      h('div', { class: 'bulk-actions' },
        picked.length > 0 && action(`Retry ${picked.length} chosen`, { mark: 'retry', cls: 'primary', focus: 'bulk-chosen', run: () => retryChosen(picked) }),
        action('Retry all that match', { mark: 'retry', focus: 'bulk-all', run: retryAll })));
  }

  function drawRows() {
    list.update(rows);
    drawBar();
    put(says, rows.length ? `${count(rows.length, 'delivery', 'deliveries')}${more ? ' shown, there are more' : ''}` : '');
    put(foot, more && h('button', { class: 'button', type: 'button', on: { click: () => { pageSize += PAGE; load(); } } }, `Show ${PAGE} more`));
  }

  async function load() {
    const asked = query.toString();
    try {
      const found = [];
      let after = '';
      do {
        const got = await get('/deliveries', { site: query.get('site'), state: query.get('state'), request: query.get('request'), limit: Math.min(1000, pageSize - found.length), after }, page.signal);
        found.push(...got.deliveries);
        after = got.after;
      } while (after && found.length < pageSize);
      if (asked !== query.toString()) return;
      rows = found;
      more = after;
      put(trouble);
      wait.remove();
      for (const k of [...chosen]) { if (!rows.some((d) => keyOf(d) === k)) chosen.delete(k); }
      drawRows();
      openPanel();
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      wait.remove();
      put(trouble, failure(err, load));
    }
  }

  function showPanel(key) { go(to('deliveries', { ...Object.fromEntries(query), open: key })); }

  function openPanel() {
    const key = query.get('open');
    const d = key && rows.find((x) => keyOf(x) === key);
    panel.show(d ?? null);
  }

  async function retry(d) {
    const got = await post('/deliveries/retry', { request: d.request, site: d.site });
    toast('ok', got.retried ? `The delivery to ${d.site} is tried again now` : 'There was nothing to retry', got.retried ? '' : 'It has been delivered or ended meanwhile.');
    load();
  }

  async function retryChosen(picked) {
    let n = 0;
    for (const d of picked) n += (await post('/deliveries/retry', { request: d.request, site: d.site })).retried;
    chosen.clear();
    toast('ok', `${count(n, 'delivery is', 'deliveries are')} tried again now`);
    load();
  }

  async function retryAll() {
    const filter = Object.fromEntries([...query].filter(([k, v]) => ['site', 'state', 'request'].includes(k) && v));
    const words = [filter.state || 'owed', filter.site && `to ${filter.site}`, filter.request && `of ${short(filter.request)}`].filter(Boolean).join(' ');
    await ask({
      title: 'Retry all that match?', confirm: 'Retry all', text: `All deliveries that are ${words} are tried at once, also those that are not shown.`,
      run: async () => {
        const got = await post('/deliveries/retry', filter);
        toast('ok', `${count(got.retried, 'delivery is', 'deliveries are')} tried again now`);
        load();
      },
    });
  }

  async function cancel(d) {
    const done = await ask({
      title: 'Cancel this delivery?', confirm: 'Cancel the delivery', danger: true,
      text: `What ${state.site} owes ${d.site} of ${short(d.request)} is given up: ${d.site} keeps what it has now. The next change of the request is delivered again.`,
      run: () => post('/deliveries/cancel', { request: d.request, site: d.site }),
    });
    if (done) {
      toast('ok', 'The delivery is cancelled');
      showPanel('');
      load();
    }
  }

  load();
  const again = soon(load, 1200);
  state.on('forwarding', page.signal, () => { again(); if (!filters.contains(document.activeElement)) drawFilters(); });
  page.signal.addEventListener('abort', () => panel.close());
  return (at) => {
    const before = new URLSearchParams(query);
    before.delete('open');
    query = at.query;
    const now = new URLSearchParams(query);
    now.delete('open');
    if (before.toString() === now.toString()) {
      drawRows();
      openPanel();
      return;
    }
    pageSize = PAGE;
    chosen.clear();
    drawFilters();
    load();
  };
}
