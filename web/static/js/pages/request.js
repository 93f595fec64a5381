// One request: who owns it, who holds it, how it came there, and moving it by hand.

import { h, icon, put } from '../dom.js';
import { get, part, post } from '../api.js';
import { count, list, stamp } from '../format.js';
import { to } from '../router.js';
import { soon, state } from '../state.js';
import { action, badge, card, empty, facts, failure, heading, notice, waiting, when } from '../ui/parts.js';
import { table } from '../ui/table.js';
import { toast } from '../ui/toast.js';
import { ask } from '../ui/dialog.js';
import { journey } from './journey.js';
import { role } from './requests.js';

export function request(main, page) {
  const id = page.rest[0];
  const head = h('div', {});
  const top = h('div', { class: 'stack' }, waiting(4));
  const road = h('div', {}, card('Journey', {}, waiting(4)));
  const holders = h('div', {});
  const fields = h('div', {});
  put(main, head, top, road, h('div', { class: 'two' }, holders, fields));
  put(head, h('nav', { class: 'crumbs', 'aria-label': 'Where this is' }, h('a', { href: page.query.get('q') ? to('requests', { q: page.query.get('q') }) : '#/requests' }, 'Requests'), icon('chevron')), heading(h('span', { class: 'mono break' }, id)));
  page.title(`Request ${id}`);
  let last = '';

  async function load() {
    try {
      const r = await get(`/requests/${part(id)}`, {}, page.signal);
      const said = JSON.stringify(r);
      if (said !== last) {
        last = said;
        draw(r);
      }
      walk(r);
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      if (last) return toast('bad', err.title, err.detail);
      put(top, err.missing ? [empty('This site knows no such request', err.detail, 'search'), h('p', { class: 'center' }, h('a', { href: to('requests', { q: id }) }, 'Search for it'))] : failure(err, load));
      put(road);
    }
    return undefined;
  }

  function draw(r) {
    page.title(`Request ${r.request}`);
    const focus = document.activeElement?.dataset?.focus;
    put(top, troubles(r), h('div', { class: 'card own' }, owner(r), moves(r)));
    put(holders, holderCard(r), writes(r));
    if (!fields.childElementCount) put(fields, fieldCard(r, page));
    if (focus) top.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
  }

  async function walk(r) {
    try {
      const j = await get(`/requests/${part(r.request)}/journey`, {}, page.signal);
      const said = JSON.stringify(j);
      if (road.said === said) return;
      road.said = said;
      put(road, journey(j, page.signal));
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      put(road, card('Journey', {}, err.missing ? notice('info', 'This version of the gateway does not tell the journey') : failure(err, () => walk(r))));
    }
  }

  function moves(r) {
    const others = state.sites.map((x) => x.site).filter((x) => x !== r.owner);
    const gone = r.role === 'tombstone';
    return h('div', { class: 'row-actions' },
      !gone && others.length > 0 && action('Transfer …', { mark: 'right', run: () => transfer(r, others) }),
      !gone && (r.path?.length > 0 || r.former?.length > 0) && action('Return …', { mark: 'retry', run: () => giveBack(r) }),
      !gone && r.owner !== state.site && action('Reclaim …', { mark: 'key', cls: 'danger-quiet', run: () => reclaim(r) }),
      gone && h('p', { class: 'quiet' }, 'It was deleted, and cannot be moved.'));
  }

  async function transfer(r, others) {
    await order(r, {
      title: 'Transfer the request', confirm: 'Transfer', text: `${r.owner} hands it over when the link allows; until then it stays with ${r.owner} and can be written.`,
      fields: [{ name: 'to', label: 'New owner', kind: 'select', options: others.map((x) => [x, x]), required: true },
        { name: 'mode', label: 'What stays behind', kind: 'select', options: [['ownership', `a copy stays at ${r.owner}`], ['move', `nothing: its record at ${r.owner} is removed`]] }],
      run: (v) => post(`/requests/${part(r.request)}/transfer`, v),
    }, (v) => `It is planned: ${v.to} will own it`);
  }

  async function giveBack(r) {
    const before = r.path?.[0] ?? r.former?.at(-1)?.owner;
    await order(r, { title: 'Return the request', confirm: 'Return', text: `${r.owner} hands it back to the owner before${before ? `, ${before}` : ''}.`, run: () => post(`/requests/${part(r.request)}/return`, {}) }, () => 'It is planned: it goes back to the owner before');
  }

  async function reclaim(r) {
    await order(r, {
      title: `Reclaim it from ${r.owner}?`, confirm: 'Reclaim', danger: true,
      text: `${state.site} becomes the owner without the consent of ${r.owner}. Do this only when ${r.owner} is lost or does not give its word: what it acknowledged after the version known here becomes conflict records.`,
      fields: [{ name: 'reason', label: 'Reason', kind: 'area', required: true, max: 1000, hint: 'It stays with the request.' }],
      run: (v) => post(`/requests/${part(r.request)}/reclaim`, v),
    }, () => `${state.site} owns it now`);
  }

  async function order(r, question, words) {
    let values = {};
    const done = await ask({ ...question, run: async (v) => { values = v; await question.run(v); } });
    if (!done) return;
    toast('ok', words(values));
    load();
  }

  load();
  const again = soon(load, 600);
  state.on('network', page.signal, () => { last = ''; load(); });
  state.on('activity', page.signal, (a) => { if (a.request === id || last.includes(`"${a.request}"`)) again(); });
  state.on('forwarding', page.signal, soon(load, 2500));
  return () => {};
}

function troubles(r) {
  return [
    r.doubt && notice('bad', 'A write is in doubt', r.doubt.reason, ' ', h('a', { href: to('cases', { show: 'doubts' }) }, 'Settle it')),
    r.conflicts?.length > 0 && notice('warn', `There ${r.conflicts.length === 1 ? 'is 1 conflict record' : `are ${r.conflicts.length} conflict records`}`, h('a', { href: to('cases', { show: 'conflicts' }) }, 'Compare the values')),
    r.hand_over && notice('warn', `It is being handed over from ${r.hand_over.from} to ${r.hand_over.to} since ${stamp(r.hand_over.since)}`, 'Nobody can write it until that ends. ', r.hand_over.cause ?? ''),
    r.plan && notice(r.plan.parked ? 'bad' : 'info', r.plan.parked ? `The hand-over to ${r.plan.to} is parked` : `It is to go to ${r.plan.to}`, r.plan.cause ?? '', r.plan.by ? ` Wanted by ${r.plan.by}.` : '', r.plan.route ? ` Wanted by the route ${r.plan.route}.` : ''),
    r.queued?.length > 0 && notice('warn', `${count(r.queued.length, 'write')} wait here for the owner`, `The oldest since ${stamp(r.queued[0].since)}.`),
  ].filter(Boolean);
}

function owner(r) {
  const ids = Object.entries(r.locals ?? {});
  if (r.local && state.site && !ids.some(([site]) => site === state.site)) ids.unshift([state.site, r.local]);
  return h('div', { class: 'own-facts' },
    h('div', { class: 'own-lead' }, h('p', { class: 'quiet' }, 'Owner'), h('p', { class: 'own-name' }, r.owner || '–', r.owner === state.site && h('span', { class: 'tag' }, 'here')), h('p', {}, role(r.role))),
    facts([
      ['Collection', r.collection], ['Version', h('code', {}, r.version)], ['Created at', r.origin], ['Created', r.created && when(r.created, stamp(r.created))], ['Changed', r.updated && when(r.updated)],
      ['Ids', ids.length > 0 && h('ul', { class: 'id-list' }, ids.map(([site, local]) => h('li', {}, h('code', {}, `${site}:${local}`))))],
      ['Entered by', r.entered_by], ['Returns lead to', r.path?.length > 0 && list(r.path)],
      ['Owned before by', r.former?.length > 0 && h('ul', {}, r.former.map((t) => h('li', {}, `${t.owner} until ${stamp(t.until)}`)))],
      ['Reclaimed', r.forces?.length > 0 && h('ul', {}, r.forces.map((f) => h('li', {}, `by ${f.owner}, ${stamp(f.at)}: ${f.reason ?? ''}${f.by ? ` (${f.by})` : ''}`)))],
    ]));
}

function holderCard(r) {
  const t = table({
    caption: 'Who holds it', key: (d) => d.site,
    empty: () => empty('No deliveries from here', r.role === 'owner' ? 'No route copies it to another site.' : `Its owner, ${r.owner}, keeps the list of its holders.`, 'info'),
    columns: [
      { label: 'Site', rowhead: true, cell: (d) => d.site }, { label: 'State', cell: (d) => h('a', { href: to('deliveries', { request: d.request, state: d.state, open: `${d.request} ${d.site}` }), 'aria-label': `delivery to ${d.site}: ${d.state}` }, badge(d.state)) },
      { label: 'Has', cell: (d) => (d.acked ? h('code', {}, d.acked) : h('span', { class: 'quiet' }, 'nothing yet')) }, { label: 'Id there', cell: (d) => (d.local ? h('code', {}, d.local) : h('span', { class: 'quiet' }, '–')) },
      { label: 'Route', cell: (d) => d.route || h('span', { class: 'quiet' }, '–') },
      { label: 'Cause', cls: 'wide', cell: (d) => (d.cause ? h('span', { class: 'break' }, d.cause) : h('span', { class: 'quiet' }, '–')) },
    ],
  });
  t.update(r.holders ?? []);
  return card('Holders', { cls: 'flush', note: 'sites that this one keeps up to date' }, t.el);
}

function writes(r) {
  if (!r.operations?.length) return null;
  const t = table({
    caption: 'Last writes', key: (o) => o.operation, columns: [
      { label: 'Kind', rowhead: true, cell: (o) => o.kind }, { label: 'Version', cell: (o) => h('code', {}, o.version || '–') }, { label: 'State', cell: (o) => o.state },
      { label: 'Status', cls: 'num', cell: (o) => (o.status ? String(o.status) : '–') }, { label: 'When', cell: (o) => when(o.at) }, { label: 'Operation', cls: 'wide', cell: (o) => h('code', { class: 'break' }, o.operation) },
    ],
  });
  t.update(r.operations.slice(-10).reverse());
  return card('Last writes', { cls: 'flush' }, t.el);
}

function fieldCard(r, page) {
  const place = h('div', { 'aria-live': 'polite' }, h('p', { class: 'quiet pad' }, 'The values are only read when you ask for them.'));
  const show = h('button', { class: 'button', type: 'button', on: { click: load } }, 'Show the fields');
  async function load() {
    put(place, waiting(3));
    try {
      const full = await get(`/requests/${part(r.request)}`, { fields: true }, page.signal);
      put(show, 'Read again');
      const rows = Object.entries(full.fields ?? {});
      const t = table({ caption: 'Fields', key: ([name]) => name, empty: () => empty('No fields are kept here', 'The record itself is in the request API.', 'info'), columns: [
        { label: 'Field', rowhead: true, cell: ([name]) => h('code', {}, name) }, { label: 'Value', cls: 'wide', cell: ([, v]) => h('span', { class: 'break pre' }, typeof v === 'string' ? v : JSON.stringify(v)) }] });
      t.update(rows);
      put(place, t.el);
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      put(place, failure(err, load));
    }
  }
  return card('Fields', { cls: 'flush', note: 'as this site has them', actions: show }, place);
}
