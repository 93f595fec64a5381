// Conflicts, doubts and hand-overs: what only a person can end.

import { h, put } from '../dom.js';
import { pages, part, post } from '../api.js';
import { count, short, stamp, text } from '../format.js';
import { to } from '../router.js';
import { soon, state } from '../state.js';
import { action, badge, card, empty, facts, failure, heading, ref, waiting, when } from '../ui/parts.js';
import { table } from '../ui/table.js';
import { toast } from '../ui/toast.js';
import { ask } from '../ui/dialog.js';

const TABS = [['doubts', 'In doubt', doubts], ['conflicts', 'Conflicts', conflicts], ['transfers', 'Hand-overs', transfers]];

export function cases(main, page) {
  let show = page.query.get('show') ?? '';
  const place = h('div', { class: 'stack' }, h('div', { class: 'card' }, waiting(4)));
  const nav = h('nav', { class: 'tabs', 'aria-label': 'Kinds of cases' });
  put(main, heading('Conflicts and doubts', { lead: 'What the gateway cannot decide by itself. Cases are kept where they arose, so look at every site.' }), nav, place);
  const lists = {};

  async function load() {
    try {
      await Promise.all(TABS.map(async ([name]) => { lists[name] = await pages(`/${name}`, name, {}, page.signal); }));
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      put(place, failure(err, load));
      return;
    }
    const said = JSON.stringify([lists, show]);
    if (place.said === said) return;
    place.said = said;
    draw();
  }

  function draw() {
    const open = TABS.map(([name]) => name).find((n) => lists[n].length) ?? 'doubts';
    const at = TABS.some(([n]) => n === show) ? show : open;
    put(nav, TABS.map(([name, label]) => h('a', { href: to('cases', { show: name }), class: 'tab', 'aria-current': name === at ? 'page' : undefined, data: { focus: `tab-${name}` } }, label, h('span', { class: `tab-count${lists[name].length ? ' some' : ''}` }, String(lists[name].length)))));
    put(place, TABS.find(([n]) => n === at)[2](lists[at], load));
  }

  load();
  state.on('forwarding', page.signal, soon(load, 1500));
  return ({ query }) => {
    show = query.get('show') ?? '';
    const focused = document.activeElement?.dataset?.focus;
    place.said = '';
    if (lists.transfers) draw();
    if (focused) nav.querySelector(`[data-focus="${focused}"]`)?.focus();
  };
}

const ACTIONS = { adopt: ['It happened: adopt …', 'ok'], retry: ['It did not: do it again …', 'retry'], abandon: ['It did not, and is not wanted …', 'close'] };

function doubts(list, load) {
  if (!list.length) return h('div', { class: 'card' }, empty('No write is in doubt', 'Of every call to the request API it is known whether it took effect.'));
  return list.map((d) => card(`${d.doing} in doubt`, { cls: 'case bad-edge', note: h('span', {}, 'since ', when(d.since, stamp(d.since))), level: 2 },
    h('p', { class: 'case-lead break' }, d.reason),
    facts([['Request', ref(d.request, d.request)], ['Collection', d.collection], ['Call made at', d.site], ['Owner', d.owner], ['Version', h('code', {}, d.version)], ['Route', d.route], ['Entered by', d.entered_by],
      ['Sent', stamp(d.sent)], ['Can still take effect until', d.quiet && stamp(d.quiet)], ['Operation', h('code', { class: 'break' }, d.operation)],
      ['Records it may have made', d.candidates === null || d.candidates === undefined ? 'nobody has looked yet' : d.candidates.length ? h('span', {}, d.candidates.map((c) => [h('code', {}, c), ' '])) : 'none found']]),
    h('div', { class: 'case-actions' }, (d.actions ?? []).map((a) => h('div', { class: 'case-action' },
      action(ACTIONS[a.action]?.[0] ?? a.action, { mark: ACTIONS[a.action]?.[1] ?? 'info', cls: a.action === 'abandon' ? 'danger-quiet' : '', focus: `${d.request} ${a.action}`, run: () => settle(d, a, load) }),
      h('p', { class: 'second break' }, a.effect), h('p', { class: 'quiet small break' }, h('code', {}, a.command)))))));
}

async function settle(d, a, load) {
  const questions = {
    adopt: { title: 'It happened: which record is it?', confirm: 'Adopt', fields: [{ name: 'adopt', label: `Local id at ${d.site}`, required: true, value: d.candidates?.length === 1 ? d.candidates[0] : '', hint: 'Look into the request API whether this record is the one.' }], body: (v) => ({ adopt: v.adopt }) },
    retry: { title: 'Do it again?', confirm: 'Do it again', fields: [{ name: 'force', label: 'Although the call may still take effect', kind: 'check', hint: 'It may then be there twice.' }], body: (v) => (v.force ? { retry: true, force: true } : { retry: true }) },
    abandon: { title: 'Give this write up?', confirm: 'Give it up', danger: true, body: () => ({ abandon: true }) },
  };
  const q = questions[a.action];
  const done = await ask({ ...q, text: a.effect, run: (v) => post(`/requests/${part(d.request)}/settle`, q.body(v)) });
  if (done) {
    toast('ok', 'The doubt is settled');
    load();
  }
}

const LOST = { force: 'its owner was replaced by force', queue: 'it was queued while the owner was away', delete: 'the request was deleted meanwhile' };

function conflicts(list, load) {
  if (!list.length) return h('div', { class: 'card' }, empty('There are no conflicts', 'No write has lost against another.'));
  return list.map((c) => {
    const t = table({
      caption: 'Values of the fields', key: (f) => f.name, cls: 'compare', empty: () => empty('No field is named', '', 'info'),
      columns: [{ label: 'Field', rowhead: true, cell: (f) => h('code', {}, f.name) }, { label: 'Before', cls: 'wide', cell: (f) => valueOf(f.base) },
        { label: `Lost: ${c.site}`, cls: 'wide lost', cell: (f) => valueOf(f.mine) }, { label: 'Kept', cls: 'wide kept', cell: (f) => valueOf(f.theirs) }],
    });
    t.update(c.fields ?? []);
    return card(`A write at ${c.site} lost`, { cls: 'case warn-edge', note: when(c.at, stamp(c.at)) },
      h('p', { class: 'case-lead' }, `${LOST[c.kind] ? `Because ${LOST[c.kind]}. ` : ''}What was done: ${c.decision}`),
      facts([['Request', ref(c.request, c.request)], ['Collection', c.collection], ['Owner', c.owner], ['Both began from', h('code', {}, c.base || '–')], ['Lost', h('code', {}, c.mine || '–')], ['Won', h('code', {}, c.theirs || '–')], ['Operation', c.operation && h('code', { class: 'break' }, c.operation)]]),
      t.el,
      h('div', { class: 'row-actions' }, action('Dismiss …', { mark: 'ok', focus: `${c.request} ${c.id}`, run: () => dismiss(c, load) }),
        h('p', { class: 'second' }, 'Is something of the lost values still wanted? Enter it again through the gateway, then dismiss the record.')));
  });
}

const valueOf = (v) => (v === undefined ? h('span', { class: 'quiet' }, 'none') : h('span', { class: 'break pre' }, text(v)));

async function dismiss(c, load) {
  const done = await ask({ title: 'Dismiss this conflict?', confirm: 'Dismiss', text: `The record with the lost values of ${short(c.request)} is removed. This cannot be undone.`, run: () => post(`/conflicts/${part(c.request)}/${part(c.id)}/dismiss`, {}) });
  if (done) {
    toast('ok', 'The conflict is dismissed');
    load();
  }
}

const MEANS = { waiting: 'planned; the owner goes on owning, and it is tried until it works', open: 'released and not decided; nobody can write the request', parked: 'not tried again by itself; correct the cause, then order it again' };

function transfers(list, load) {
  if (!list.length) return h('div', { class: 'card' }, empty('No hand-over is under way', 'Every request is with the owner that it is meant to have.'));
  const t = table({
    caption: 'Hand-overs that are not done', key: (x) => x.request, columns: [
      { label: 'Request', rowhead: true, cell: (x) => [ref(x.request), h('span', { class: 'quiet sub' }, x.collection)] }, { label: 'State', cell: (x) => h('span', { title: MEANS[x.state] }, badge(x.state, x.state === 'open' ? { label: 'not decided', tone: 'warn', mark: 'wait' } : {})) },
      { label: 'From', cell: (x) => x.from }, { label: 'To', cell: (x) => x.to }, { label: 'Mode', cell: (x) => x.mode || '–' }, { label: 'Wanted by', cell: (x) => x.route || x.by || '–' }, { label: 'Since', cell: (x) => when(x.since) },
      { label: 'Cause', cls: 'wide', cell: (x) => (x.cause ? h('span', { class: 'break' }, x.cause) : h('span', { class: 'quiet' }, '–')) },
      { label: 'Actions', hide: true, cls: 'end', cell: (x) => (x.state === 'parked' ? action('Order it again …', { cls: 'small', focus: x.request, run: () => orderAgain(x, load) }) : h('a', { class: 'button small', href: to(['requests', x.request]) }, 'Look')) },
    ],
  });
  t.update(list);
  const states = [...new Set(list.map((x) => x.state))];
  return card('Hand-overs', { cls: 'flush', note: count(list.length, 'hand-over') }, t.el, h('ul', { class: 'meanings quiet' }, states.map((x) => h('li', {}, h('strong', {}, x), `: ${MEANS[x]}.`))));
}

async function orderAgain(x, load) {
  const done = await ask({ title: 'Order the hand-over again?', confirm: 'Order it again', text: `It was parked because: ${x.cause || 'no cause is known'}. If that is corrected, ${x.from} hands the request over to ${x.to}.`,
    run: () => post(`/requests/${part(x.request)}/transfer`, { to: x.to, mode: x.mode === 'move' ? 'move' : 'ownership' }) });
  if (done) {
    toast('ok', `It is planned again: ${x.to} will own it`);
    load();
  }
}
