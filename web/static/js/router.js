// Pages by the fragment of the address: #/requests/01J…?site=x. Links are plain anchors, so that they can be copied and opened aside.

// here reads the fragment: {name, rest, query}; rest are the parts behind the name.
export function here(hash = location.hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').filter(Boolean).map(decode);
  return { name: parts[0] ?? '', rest: parts.slice(1), query: new URLSearchParams(query) };
}

function decode(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

// to writes a fragment; parameters that are empty are left out.
export function to(parts, query = {}) {
  const path = [].concat(parts).map(encodeURIComponent).join('/');
  const q = new URLSearchParams(Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false));
  return `#/${path}${q.size ? `?${q}` : ''}`;
}

// go changes the page; with replace the page before cannot be reached by Back.
export function go(hash, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, '', hash);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = hash;
  }
}
