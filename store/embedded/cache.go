package embedded

import "container/list"

// lru remembers what was used lately, up to a cost in bytes. It is not safe for concurrent use.
type lru[K comparable, V any] struct {
	limit, used int64
	order       *list.List // of *lruItem[K, V], newest in front
	byKey       map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

// overhead is what one remembered thing costs beside its content.
const overhead = 200

func newLRU[K comparable, V any](limit int64) *lru[K, V] {
	return &lru[K, V]{limit: limit, order: list.New(), byKey: make(map[K]*list.Element)}
}

func (l *lru[K, V]) get(k K) (v V, ok bool) {
	e, ok := l.byKey[k]
	if !ok {
		return v, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).value, true
}

// put remembers v, whose content takes size bytes, and forgets the oldest until all fit.
func (l *lru[K, V]) put(k K, v V, size int) {
	cost := int64(size + overhead)
	if e, ok := l.byKey[k]; ok {
		it := e.Value.(*lruItem[K, V])
		l.used += cost - it.cost
		it.value, it.cost = v, cost
		l.order.MoveToFront(e)
	} else {
		l.byKey[k] = l.order.PushFront(&lruItem[K, V]{k, v, cost})
		l.used += cost
	}
	for l.used > l.limit && l.order.Len() > 1 {
		l.remove(l.order.Back())
	}
}

func (l *lru[K, V]) remove(e *list.Element) {
	it := l.order.Remove(e).(*lruItem[K, V])
	delete(l.byKey, it.key)
	l.used -= it.cost
}
