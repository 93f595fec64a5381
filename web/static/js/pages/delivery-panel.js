// One delivery in detail, with what it sends: the request's present state through the mapping of the other site.

import { h, put } from '../dom.js';
import { get, part } from '../api.js';
import { stamp } from '../format.js';
import { modal } from '../ui/dialog.js';
import { action, badge, facts, failure, notice, ref, waiting } from '../ui/parts.js';
import { table } from '../ui/table.js';

const ENDED = ['delivered', 'superseded', 'cancelled'];

// deliveryPanel keeps one panel: show(delivery) opens it or brings it up to date, show(null) closes it.
export function deliveryPanel(closed, { retry, cancel }) {
  let dialog = null;
  let shown = '';
  let top = null;
  const close = () => {
    const d = dialog;
    dialog = null;
    shown = '';
    d?.close();
  };
  const show = (d) => {
    if (!d) return close();
    const key = `${d.request} ${d.site}`;
    if (dialog && shown === key) {
      drawTop(top, d, { retry, cancel });
      return undefined;
    }
    close();
    shown = key;
    top = h('div', {});
    drawTop(top, d, { retry, cancel });
    const preview = h('div', { class: 'preview' }, waiting(3));
    dialog = modal(`Delivery to ${d.site}`, h('div', { class: 'dialog-body' }, top, h('h3', {}, 'What it sends'), preview), () => {
      if (!dialog) return;
      dialog = null;
      shown = '';
      closed();
    }, 'panel');
    load(preview, d);
    return undefined;
  };
  return { show, close };
}

function drawTop(el, d, { retry, cancel }) {
  const said = JSON.stringify(d);
  if (el.said === said) return;
  el.said = said;
  const owed = !ENDED.includes(d.state);
  put(el,
    d.cause && notice(d.state === 'parked' ? 'bad' : 'warn', d.state === 'parked' ? 'Why it is parked' : 'Why it has not gone through', d.cause),
    facts([
      ['State', badge(d.state)], ['Request', ref(d.request, d.request)], ['To', d.site], ['Owed version', d.owed], ['Version it has', d.acked || 'none yet'],
      ['Attempts', String(d.attempts ?? 0)], ['Since', d.since && stamp(d.since)], ['Last try', d.last && stamp(d.last)],
      ['Next try', d.state === 'parked' ? 'when somebody retries it' : owed && d.due ? stamp(d.due) : ''], ['Route', d.route], ['Pool', d.pool],
      ['Mode', d.mode], ['Local id there', d.local], ['Updates', d.update], ['In the window', d.window],
    ]),
    owed && h('div', { class: 'row-actions' },
      action('Retry now', { mark: 'retry', cls: 'primary', run: () => retry(d) }),
      action('Cancel the delivery …', { mark: 'close', cls: 'danger-quiet', run: () => cancel(d) })));
}

async function load(place, d) {
  try {
    draw(place, await get(`/requests/${part(d.request)}/preview`, { site: d.site }));
  } catch (err) {
    if (err.status === undefined) throw err;
    put(place, err.missing ? notice('info', 'It cannot be shown here', err.type ? err.detail : 'This version of the gateway does not tell what it would send.') : failure(err));
  }
}

function draw(place, p) {
  const dropped = table({
    caption: 'Fields that do not go along', captionShown: true, key: (x) => x.field,
    columns: [{ label: 'Field', rowhead: true, cell: (x) => h('code', {}, x.field) }, { label: 'Why', cls: 'wide', cell: (x) => x.why }],
  });
  dropped.update(p.dropped ?? []);
  put(place,
    p.problem && notice('bad', 'It cannot be made', p.problem),
    p.call && h('p', { class: 'mono break call-line' }, h('strong', {}, p.call.method), ' ', p.call.url),
    p.call?.headers && Object.keys(p.call.headers).length > 0 && h('pre', { class: 'code', tabindex: '0', 'aria-label': 'Headers of the call' }, Object.entries(p.call.headers).map(([k, v]) => `${k}: ${[].concat(v).join(', ')}`).join('\n')),
    p.call && p.call.body !== undefined && p.call.body !== null && h('pre', { class: 'code', tabindex: '0', 'aria-label': 'Body of the call' }, typeof p.call.body === 'string' ? p.call.body : JSON.stringify(p.call.body, null, 2)),
    p.dropped?.length > 0 && dropped.el,
    p.fields && h('details', {}, h('summary', {}, 'The fields as the network names them'), h('pre', { class: 'code', tabindex: '0' }, JSON.stringify(p.fields, null, 2))));
}
