// The case desk: a request API with manners of its own, which docs/describe.md describes step by step. It keeps its cases in memory.
// node casedesk.js PORT
'use strict'
const http = require('node:http')

const apiKey = 'desk-key'
const cases = new Map() // number -> {record, notes}
let lastCase = 100
let lastNote = 500

const now = () => new Date().toISOString().slice(0, 19) + '+0000'

// whole makes a record: what was left out is empty, and a state that the desk does not know stays as it was.
function whole (no, from, before) {
  const text = name => String(from[name] ?? '')
  return {
    No: no,
    'Short Text': text('Short Text'),
    Details: text('Details'),
    State: [1, 2, 3].includes(from.State) ? from.State : before,
    Prio: text('Prio') || '2',
    Due: text('Due'),
    Ref: text('Ref'),
    Changed: now()
  }
}

function wrong (record) {
  if (!record['Short Text']) return 'Short Text is missing'
  if (record['Short Text'].length > 40) return 'Short Text has at most 40 characters'
  if (record.Due && !/^\d\d\.\d\d\.\d{4} \d\d:\d\d$/.test(record.Due)) return 'Due is written as in 31.12.2026 14:00'
}

function list (query) { // closed cases are hidden unless all=yes asks for them, deleted ones always
  let found = [...cases.values()].map(c => c.record).filter(r => r.State !== 9 && (r.State !== 3 || query.get('all') === 'yes'))
  if (query.has('ref')) found = found.filter(r => r.Ref === query.get('ref'))
  if (query.has('changed_from')) found = found.filter(r => r.Changed >= query.get('changed_from'))
  const skip = Number(query.get('skip') || 0)
  return { cases: found.slice(skip, skip + Number(query.get('take') || 20)), count: found.length }
}

function answer (method, url, body) { // [status, headers, body]
  const [, api, kind, no, below] = url.pathname.split('/')
  if (api !== 'api') return [404]
  if (kind === 'whoami') return [200, {}, { user: 'gateway' }]
  if (kind !== 'cases') return [404]
  if (!no && method === 'GET') return [200, {}, list(url.searchParams)]
  const found = cases.get(Number(no))
  if (no && !found) return [404]
  if (below === 'notes' && method === 'GET') return [200, {}, { notes: found.notes }]
  if (below === 'notes' && method === 'POST') {
    found.notes.push({ No: ++lastNote, Text: String(body.note?.Text ?? ''), Written: now() })
    return [201, {}, { note: found.notes.at(-1) }]
  }
  if (below) return [404]
  if (no && method === 'GET') return [200, {}, { case: found.record }]
  if (no && method === 'DELETE') return [200, {}, { case: Object.assign(found.record, { State: 9, Changed: now() }) }]
  if (method !== (no ? 'PUT' : 'POST')) return [405]
  if (!body.case) return [422, {}, { error: 'case is missing' }]
  const record = whole(no ? Number(no) : lastCase + 1, body.case, found?.record.State ?? 1)
  if (wrong(record)) return [422, {}, { error: wrong(record) }]
  cases.set(record.No, { record, notes: found?.notes ?? [] })
  if (no) return [204]
  return [201, { Location: `/api/cases/${++lastCase}` }]
}

http.createServer((req, res) => {
  let text = ''
  req.setEncoding('utf8').on('data', part => { text += part }).on('end', () => {
    let reply = [404] // without the key there is nothing
    if (req.headers['x-desk-key'] === apiKey) {
      try { reply = answer(req.method, new URL(req.url, 'http://desk'), JSON.parse(text || '{}')) } catch { reply = [400] }
    }
    const [status, headers, body] = reply
    res.writeHead(status, body ? { 'Content-Type': 'application/json', ...headers } : headers).end(body && JSON.stringify(body) + '\n')
  })
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('the case desk listens on', process.argv[2]))
