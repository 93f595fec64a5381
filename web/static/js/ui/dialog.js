// Questions before something is done. <dialog> keeps the focus inside and gives it back.

import { h, icon, put } from '../dom.js';
import { failure } from './parts.js';

// ask opens a question. Its fields are {name, label, kind: text|area|select|check, options, required, value, hint}; run gets the values and is
// awaited: when it throws a Problem, that is shown inside and the question stays. It gives true when it was done.
export function ask({ title, text, fields = [], confirm, danger = false, run }) {
  return new Promise((resolve) => {
    const trouble = h('div', { 'aria-live': 'assertive' });
    const inputs = fields.map(field);
    const send = h('button', { class: `button ${danger ? 'danger' : 'primary'}`, type: 'submit' }, confirm);
    const form = h('form', { class: 'dialog-form', method: 'dialog' },
      h('div', { class: 'dialog-body' }, text && h('div', { class: 'second' }, text), inputs.map((i) => i.label), trouble),
      h('div', { class: 'dialog-foot' }, h('button', { class: 'button', type: 'button', on: { click: () => dialog.close() } }, 'Cancel'), send));
    const dialog = modal(title, form, () => resolve(done));
    let done = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (send.disabled) return;
      send.disabled = true;
      send.classList.add('busy');
      try {
        await run(Object.fromEntries(inputs.map((i) => [i.name, i.read()])));
        done = true;
        dialog.close();
      } catch (err) {
        if (err.status === undefined) throw err;
        put(trouble, failure(err));
      } finally {
        send.disabled = false;
        send.classList.remove('busy');
      }
    });
    (inputs[0]?.input ?? send).focus();
  });
}

let counter = 0;

function field({ name, label, kind = 'text', options = [], required = false, value = '', hint, max }) {
  const id = `f-${(counter += 1)}`;
  const common = { id, name, required, 'aria-describedby': hint && `${id}-hint` };
  if (kind === 'check') {
    const input = h('input', { ...common, type: 'checkbox', checked: value === true });
    return { name, input, read: () => input.checked, label: h('div', { class: 'field check' }, input, h('label', { for: id }, label), hint && h('p', { class: 'hint', id: `${id}-hint` }, hint)) };
  }
  const input = kind === 'select'
    ? h('select', common, options.map(([v, text]) => h('option', { value: v, selected: v === value }, text)))
    : h(kind === 'area' ? 'textarea' : 'input', { ...common, value, maxlength: max, rows: kind === 'area' ? 3 : undefined, autocomplete: 'off', spellcheck: kind === 'area' ? 'true' : 'false' });
  return {
    name, input, read: () => input.value.trim(),
    label: h('div', { class: 'field' }, h('label', { for: id }, label, !required && kind !== 'select' && h('span', { class: 'quiet' }, ' (optional)')), input, hint && h('p', { class: 'hint', id: `${id}-hint` }, hint)),
  };
}

// modal opens a dialog with a title and content, and calls closed when it is closed.
export function modal(title, content, closed, cls = '') {
  const id = `d-${(counter += 1)}`;
  const dialog = h('dialog', { class: `dialog ${cls}`, 'aria-labelledby': id },
    h('div', { class: 'dialog-head' }, h('h2', { id }, title),
      h('button', { class: 'plain-button', type: 'button', 'aria-label': 'Close', on: { click: () => dialog.close() } }, icon('close'))),
    content);
  const from = document.activeElement;
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (from?.isConnected) from.focus();
    closed?.();
  });
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
