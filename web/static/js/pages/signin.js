// Asks for the token. It is kept by the browser for this tab only, and sent to no other address.

import { h, icon, put } from '../dom.js';
import { get, session } from '../api.js';
import { failure } from '../ui/parts.js';

// signIn puts the form into place and calls then when a token was taken.
export function signIn(place, refused, then) {
  const trouble = h('div', { 'aria-live': 'assertive' });
  const input = h('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-hint' });
  const send = h('button', { class: 'button primary', type: 'submit' }, 'Sign in');
  const form = h('form', { class: 'signin-form' },
    h('div', { class: 'field' }, h('label', { for: 'token' }, 'Admin token'), input,
      h('p', { class: 'hint', id: 'token-hint' }, 'It is admin.token of this site in the network file; admin.view_token lets you look and change nothing. This tab keeps it until it is closed.')),
    trouble, send);
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    session.token = input.value.trim();
    send.classList.add('busy');
    try {
      await get('/status');
      then();
    } catch (err) {
      if (err.status === undefined) throw err;
      session.token = '';
      put(trouble, failure(err.status === 401 ? { title: 'This token is not taken', detail: 'It is neither the admin token nor the view token of this site.' } : err));
      input.select();
    } finally {
      send.classList.remove('busy');
    }
  });
  put(place, h('main', { id: 'main', class: 'signin', tabindex: '-1' },
    h('div', { class: 'signin-card' }, h('img', { src: '/icon.svg', alt: '', width: 44, height: 44 }), h('h1', {}, 'Meridian'),
      h('p', { class: 'second' }, 'This admin address wants a token.'),
      refused && h('div', { class: 'notice warn' }, icon('warn'), h('p', {}, 'The token that this tab had is not taken any more.')), form)));
  input.focus();
}
