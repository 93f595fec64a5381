// Tables that are kept up to date row by row. On narrow screens each row becomes a card whose cells name their columns; the roles are
// written out because a table that is not shown as one is none to some screen readers.

import { h, keep, put } from '../dom.js';

// table makes one. Columns are {label, cell(row), cls, hide, wide}; key tells a row; empty is shown when there are none. It gives {el, update(rows)}.
export function table({ caption, captionShown = false, columns, key, empty, sign, row: decorate, cls = '' }) {
  const body = h('tbody', { role: 'rowgroup' });
  const none = h('div', { class: 'table-empty' });
  const el = h('div', { class: `table-wrap ${cls}` },
    h('table', { role: 'table' },
      h('caption', { class: captionShown ? '' : 'sr' }, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((c) => h('th', { scope: 'col', role: 'columnheader', class: c.cls },
        c.hide ? h('span', { class: 'sr' }, c.label) : c.head ?? c.label)))),
      body),
    none);
  const make = (row) => {
    const tr = h('tr', { role: 'row' }, columns.map((c) => {
      const props = { role: c.rowhead ? 'rowheader' : 'cell', class: c.cls, data: { label: c.hide ? '' : c.label } };
      if (c.rowhead) return h('th', { ...props, scope: 'row' }, c.cell(row));
      const td = h('td', props, h('div', { class: 'cell' }, c.cell(row)));
      if (['', '–'].includes(td.textContent) && !td.querySelector('input')) td.classList.add('none');
      return td;
    }));
    decorate?.(tr, row);
    return tr;
  };
  const update = (rows) => {
    keep(body, rows, { key, make, sign });
    const nothing = rows.length === 0;
    el.classList.toggle('is-empty', nothing);
    put(none, nothing && empty ? (typeof empty === 'function' ? empty() : empty) : null);
  };
  return { el, update };
}
